#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "archiver/metrics.hpp"
#include "archiver/sealing/seal_plan.hpp"
#include "archiver/store/json.hpp"
#include "core/base/lru_cache.hpp"
#include "platform/postgres/database.hpp"
#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/client.hpp"
#include "platform/redis/manifests.hpp"

namespace quorate {

/// Brings what tool lists say from the agents into the archive, and to those who compare them.
/// Lists that are known to be stored, and that are what they were, cost a look into memory.
class ManifestWork {
public:
    static constexpr std::size_t kKnownMax = 100'000;  ///< hashes remembered as stored
    /// In one plan; further lists are stored when they are told again, an hour later, and what
    /// changed is known by its hashes alone.
    static constexpr std::size_t kBytesMax = std::size_t{32} << 20U;
    static constexpr std::size_t kComparedMax = 500;

    ManifestWork(Database& database, RedisClient& redis, const ArchiverMetrics& metrics)
        : database_{database}, redis_{redis}, metrics_{metrics}, known_{kKnownMax} {}

    /// What is needed of the lists that these cells tell of. Throws as Database::transact and
    /// RedisClient::run.
    /// @param committed what is remembered of the endpoints
    /// @param regions the names
    Task<ToolLists> read(const ProgressMap& committed,
                         const std::vector<CellsFound>& found,
                         const RegionNames& regions);

    /// After the commit: Redis forgets the lists that Postgres has. Throws as RedisClient::run.
    Task<> stored(const SealPlan& plan, const RegionNames& regions);

private:
    /// Lists by their full hashes, each with the regions that tell of it.
    using Told = std::map<std::string, std::vector<std::string>>;
    Task<> fetch(Told told, ToolLists& lists);
    Task<> note_stored(Told& told);

    Database& database_;
    RedisClient& redis_;
    ArchiverMetrics metrics_;
    LruCache<std::string, bool, std::hash<std::string>> known_;
};

}  // namespace quorate
