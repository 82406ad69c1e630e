#include "archiver/intake/chores.hpp"

#include <utility>

namespace quorate {

PostgresChores::PostgresChores(Options options,
                               Database& database,
                               RedisClient& redis,
                               const Clock& clock,
                               Logger& log,
                               const ArchiverMetrics& metrics)
    : manifests_{database, redis, metrics},
      rollups_{database, clock, metrics, options.rollup_every},
      baselines_{database, clock, metrics},
      retention_{database, clock, log, metrics, options.retention},
      compaction_{database, clock, log, metrics, options.window, options.compact_after},
      expiry_{database, clock, log} {}

/// Rollups and compaction of our shards; retention by one archiver.
Task<> PostgresChores::step(ChoreShards shards) {
    auto sealed = shards.sealed;
    co_await rollups_.step(std::move(sealed), shards.held, shards.endpoints);
    co_await baselines_.step(std::move(shards.sealed));
    if (shards.whole_database) co_await expiry_.step();
    if (shards.whole_database) co_await retention_.step();
    co_await compaction_.step(std::move(shards.held));
}

Task<ToolLists> PostgresChores::lists(const ProgressMap& committed,
                                      const std::vector<CellsFound>& found,
                                      const RegionNames& regions) {
    return manifests_.read(committed, found, regions);
}

Task<> PostgresChores::lists_stored(const SealPlan& plan, const RegionNames& regions) {
    return manifests_.stored(plan, regions);
}

}  // namespace quorate
