#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/catalog/catalogue.hpp"
#include "coordinator/coordinator_metrics.hpp"
#include "coordinator/fleet/held_shards.hpp"
#include "platform/redis/coordinators.hpp"
#include "platform/redis/shard_leases.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"
#include "platform/telemetry/readiness.hpp"

namespace quorate::coordinator {

/// Who this coordinator is.
struct Identity {
    std::string name;  ///< its own among the deployment's coordinators, kept over restarts
    std::string version;
    std::uint32_t shards = 64;  ///< of the deployment
};

/// What the fleet works with; everything outlives it.
struct FleetContext {
    RedisClient& redis;
    Catalogue& catalogue;
    HeldShards& held;
    Readiness& readiness;
    const Clock& clock;
    Logger& log;
    CoordinatorMetrics& metrics;
};

/// This coordinator among the others: it tells twice a second that it lives, finds out which shards
/// fall to it, gives back the leases of those that don't and takes those that do as soon as they
/// are free. In a cluster each shard goes by its own node: those of one that is away lapse, the
/// others go on; where the heartbeats can't be read the shares stay as they were. All on one
/// executor.
class Fleet {
public:
    static constexpr milliseconds kEvery{500};
    static constexpr milliseconds kSoon{250};  ///< while shards that fall to us are not ours yet
    static constexpr milliseconds kLease{2500};
    /// We stop this long before Redis lets another have the lease.
    static constexpr milliseconds kMargin{500};

    Fleet(FleetContext context, Identity identity);

    /// Takes part until cancelled; waits where Redis is away.
    Task<> run();

    /// One round: heartbeat, then leases. @return what of it failed; empty: nothing
    Task<std::string> round();

    /// Tells the others that our Postgres answers, so that from here on nobody plans without it. To
    /// be done before the catalogue is changed. Throws as RedisClient::run.
    Task<> announce_change();

    /// Gives back everything, for a quick take-over. Throws as RedisClient::run.
    Task<> leave();

    const std::string& name() const { return identity_.name; }

private:
    CoordinatorBeat own_beat(bool current) const;
    Task<CoordinatorsView> tell(bool current);
    Task<> look();
    void drop_lapsed();
    Task<> give_back();
    Task<> take();
    std::string keep(const std::vector<ShardId>& asked,
                     const std::vector<LeaseAnswer>& answers,
                     SteadyTime until);
    void show_name_taken(bool taken);

    FleetContext context_;
    Identity identity_;
    std::string instance_;
    ShardLeases leases_;
    std::set<ShardId> share_;  ///< the shards that fall to us, as the last heartbeats had it
    bool complete_ = false;    ///< all shards that fall to us are ours
    bool written_ = false;     ///< our heartbeat stands in Redis
    std::optional<SteadyTime> name_taken_since_;
};

/// `<host>-<port>` as a name may be written: lower-case letters, digits and hyphens, at most 63.
std::string default_name(const std::string& host, std::uint16_t port);

}  // namespace quorate::coordinator
