#include "archiver/store/postgres_archive.hpp"

#include <utility>

#include "archiver/store/fence_store.hpp"
#include "archiver/store/seal_store.hpp"

namespace quorate {

Task<TakenShards> PostgresArchive::take_over(ShardEpochs taken) {
    auto load = [&taken](pqxx::work& work) {
        TakenShards found;
        found.refused = raise_fences(work, taken);
        auto shards = shards_of(taken);
        std::erase_if(shards, [&found](ShardId shard) { return found.refused.contains(shard); });
        found.committed = load_committed(work, shards);
        return found;
    };
    TakenShards found;
    try {
        found = co_await database_.transact(load);
    } catch (const PostgresError& error) {
        if (error.sqlstate() != kFenceLocked) throw;
        found.locked = true;
    }
    co_return found;
}

Task<std::size_t> PostgresArchive::end_holders(ShardEpochs taken) {
    auto end = [&taken](pqxx::work& work) { return quorate::end_holders(work, taken); };
    co_return co_await database_.transact(end);
}

Task<LoadedCatalogue> PostgresArchive::catalogue(std::set<ShardId> shards) {
    auto load = [&shards](pqxx::work& work) { return load_catalogue(work, shards); };
    co_return co_await database_.transact(load);
}

Task<std::vector<Gap>> PostgresArchive::gaps(std::map<ShardId, UtcMinute> from) {
    auto load = [&from](pqxx::work& work) { return load_gaps(work, from); };
    co_return co_await database_.transact(load);
}

Task<OpenMinutes> PostgresArchive::open_minutes(std::map<ShardId, UtcMinute> sealed) {
    auto load = [&sealed](pqxx::work& work) { return load_open_minutes(work, sealed); };
    co_return co_await database_.transact(load);
}

Task<> PostgresArchive::make_partitions(ShardEpochs held) {
    auto make = [&held](pqxx::work& work) {
        check_fences(work, held, {ShardId{0}});
        work.exec("SELECT quorate.make_minute_partitions()");
    };
    co_await database_.transact(make);
}

Task<> PostgresArchive::commit(ShardEpochs held, PlanToStore to_store) {
    auto store = [&held, &to_store, shards = to_store.plan.shards()](pqxx::work& work) {
        check_fences(work, held, shards);
        store_plan(work, to_store.plan, to_store.states, to_store.regions);
        to_store.written();
    };
    co_await database_.transact(store);
}

Task<LateOutcome> PostgresArchive::store_late(ShardEpochs held,
                                              std::set<ShardId> shards,
                                              std::vector<Cell> cells) {
    auto store = [&](pqxx::work& work) {
        check_fences(work, held, shards);
        return quorate::store_late(work, cells);
    };
    co_return co_await database_.transact(store);
}

Task<std::optional<std::vector<RegionId>>> PostgresArchive::decide_regions(
    ShardEpochs held,
    std::set<ShardId> shards,
    std::vector<ShardTally> tallies,
    UtcMinute minute,
    bool out_of_time) {
    auto decide = [&](pqxx::work& work) {
        check_fences(work, held, shards);
        store_tallies(work, tallies);
        return quorate::decide_regions(work, minute, out_of_time);
    };
    co_return co_await database_.transact(decide);
}

Task<Settled> PostgresArchive::settle(ShardEpochs held,
                                      std::map<RegionId, std::uint32_t> agents_alive,
                                      UtcTime at,
                                      Window window,
                                      std::size_t minutes_max) {
    auto settle = [&](pqxx::work& work) {
        check_fences(work, held, {ShardId{0}});
        return settle_minutes(work, agents_alive, at, window, minutes_max);
    };
    co_return co_await database_.transact(settle);
}

}  // namespace quorate
