#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "archiver/sealing/region_watch.hpp"
#include "archiver/sealing/seal_plan.hpp"
#include "archiver/sealing/state_journal.hpp"
#include "archiver/store/health_store.hpp"
#include "archiver/store/late_store.hpp"
#include "archiver/store/load.hpp"
#include "core/base/held_shard.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

/// What taking shards over found.
struct TakenShards {
    Committed committed;
    ShardEpochs refused;  ///< those that stand higher, with that epoch
    bool locked = false;  ///< their former holder sleeps amid a transaction
};

/// A plan on its way into the store.
struct PlanToStore {
    SealPlan& plan;
    const std::vector<ShardStates>& states;  ///< what the journal wants stored with it
    const RegionNames& regions;
    std::function<void()> written;  ///< called when all of it is written, within the transaction
};

/// What archivers keep between them, as the archive loop asks for it: in Postgres, or in a model of
/// it. Each function is one transaction: all of it or nothing. They throw PostgresUnavailable,
/// after which it is not known which of the two, and PostgresError. Those that are given epochs
/// write nothing and throw ShardsFenced where a shard's fence has not the epoch under which it is
/// held.
class ArchiveStore {
public:
    ArchiveStore() = default;
    ArchiveStore(const ArchiveStore&) = delete;
    ArchiveStore& operator=(const ArchiveStore&) = delete;
    virtual ~ArchiveStore() = default;

    /// Raises the fences of shards just taken to the epochs of their leases, and reads what their
    /// former holders have committed: that is final.
    virtual Task<TakenShards> take_over(ShardEpochs taken) = 0;
    /// Ends the sessions that keep these shards' fences locked. @return how many there were
    virtual Task<std::size_t> end_holders(ShardEpochs taken) = 0;

    virtual Task<LoadedCatalogue> catalogue(std::set<ShardId> shards) = 0;
    virtual Task<std::vector<Gap>> gaps(std::map<ShardId, UtcMinute> from) = 0;
    virtual Task<OpenMinutes> open_minutes(std::map<ShardId, UtcMinute> sealed) = 0;

    /// Makes what minutes to come are stored in. Under the fence of shard 0.
    virtual Task<> make_partitions(ShardEpochs held) = 0;
    /// See store_plan. Everything that `to_store` refers to outlives the call.
    virtual Task<> commit(ShardEpochs held, PlanToStore to_store) = 0;
    /// See store_late. @param shards those of the cells
    virtual Task<LateOutcome> store_late(ShardEpochs held,
                                         std::set<ShardId> shards,
                                         std::vector<Cell> cells) = 0;

    /// Stores the tallies and sees whether by them it can be decided which regions are not believed
    /// in the minute: see decide_regions.
    /// @param shards whose fences have to stand
    virtual Task<std::optional<std::vector<RegionId>>> decide_regions(
        ShardEpochs held,
        std::set<ShardId> shards,
        std::vector<ShardTally> tallies,
        UtcMinute minute,
        bool out_of_time) = 0;
    /// See settle_minutes. Under the fence of shard 0.
    virtual Task<Settled> settle(ShardEpochs held,
                                 std::map<RegionId, std::uint32_t> agents_alive,
                                 UtcTime at,
                                 Window window,
                                 std::size_t minutes_max) = 0;
};

}  // namespace quorate
