#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.hpp"
#include "core/base/lru_cache.hpp"
#include "core/time/time.hpp"
#include "platform/redis/manifests.hpp"
#include "region-agent/agent_metrics.hpp"

namespace quorate::agent {

struct ManifestLimits {
    std::size_t lists_max = 100'000;      ///< remembered as written, some 150 bytes each
    std::size_t endpoints_max = 100'000;  ///< whose lists are still to be read, or were
    std::size_t bytes_a_minute = std::size_t{8} << 20U;  ///< taken, and at most so many waiting
    std::chrono::hours remembered_for{24};               ///< then it is written again
    std::size_t lists_an_hour = 8;  ///< of one endpoint: some change with each look
};

/// Tool lists on their way to the archive. A list whose hash is new to this life of the agent goes
/// to Redis, before the cell that names it, and again after a day, for it may have been deleted
/// there meanwhile; a list that is known costs a look into memory.
/// Above its bounds it says no, remembers the endpoint, and has its list read again when there is
/// room. What is held here is lost with the process: then the hashes alone are known until another
/// life tells.
class ManifestShelf {
public:
    ManifestShelf(RedisClient& redis,
                  const AgentMetrics& metrics,
                  std::string region,
                  ManifestLimits limits = {});

    /// Whether a list of this hash shall be given to `put` now.
    bool wants(EndpointId endpoint, std::string_view full_hash, SteadyTime now);
    /// Whether a list of the endpoint was wanted before and did not come, and would be taken now.
    bool owes(EndpointId endpoint, SteadyTime now);
    void put(EndpointId endpoint, const std::string& full_hash, std::string text);
    /// In place of `put`: a list that must not be stored, and is not asked for again.
    void withhold(EndpointId endpoint, const std::string& full_hash);

    /// Tries once to write what waits. While Redis, or its node of a cluster, is away it goes on
    /// waiting; what Redis refuses is let go and asked for again. Cancelled: throws
    /// `operation_aborted`.
    Task<> write();

    std::size_t bytes() const { return bytes_; }

private:
    struct Waiting {
        EndpointId endpoint;
        ManifestContent list;
    };
    /// The lists of an endpoint that were taken in an hour.
    struct Taken {
        SteadyTime since;
        std::size_t lists = 0;
        bool owed = false;
    };
    bool has_room(SteadyTime now);
    bool has_turn(EndpointId endpoint, SteadyTime now);
    void owe(EndpointId endpoint, bool owed);
    void defer(EndpointId endpoint);

    RedisClient* redis_;
    const AgentMetrics* metrics_;
    std::string region_;
    ManifestLimits limits_;
    LruCache<std::string, SteadyTime, std::hash<std::string>> known_;  // when it was taken
    LruCache<EndpointId, Taken, std::hash<EndpointId>> endpoints_;
    std::vector<Waiting> waiting_;
    std::size_t bytes_ = 0;  // that wait
    std::size_t taken_ = 0;  // bytes of the minute that began then
    SteadyTime minute_{};
};

}  // namespace quorate::agent
