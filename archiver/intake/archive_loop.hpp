#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "archiver/intake/chores.hpp"
#include "archiver/intake/seal_step.hpp"
#include "archiver/metrics.hpp"
#include "archiver/sealing/announcements.hpp"
#include "archiver/sealing/catalogue.hpp"
#include "archiver/sealing/early_watch.hpp"
#include "archiver/sealing/region_watch.hpp"
#include "archiver/sealing/seal_plan.hpp"
#include "archiver/sealing/state_journal.hpp"
#include "archiver/store/archive_store.hpp"
#include "archiver/store/fence_store.hpp"
#include "archiver/store/json.hpp"
#include "platform/fleet/held_shards.hpp"
#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/client.hpp"
#include "platform/runtime/backoff.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate {

struct ArchiveOptions {
    Window window = Window::minute();
    std::uint32_t shards = 64;
    milliseconds poll{200};
    std::size_t rows_max = 2000;      ///< endpoint-minutes of one transaction
    std::size_t announced_max = 100;  ///< announcements of a shard and region read at a time;
                                      ///< each may name thousands of endpoints
    std::size_t late_max = 1000;      ///< late cells of a shard and region read at a time
    std::size_t held_max = 100'000;   ///< announcements held in memory
    /// For tests, which kill the process there: called when a step of a seal is done, on any
    /// thread.
    std::function<void(SealStep)> at_step;
};

/// Drains verdict-minutes of the shards that this archiver holds from Redis into Postgres: seals
/// complete minutes as they are announced and the rest at the watermark, then late cells. Redis
/// forgets only what Postgres has committed, so a crash anywhere repeats work and loses or doubles
/// nothing; and Postgres commits only under the fences of the shards, so neither does an archiver
/// that wakes up after others have taken its shards. All members run on one single-threaded
/// executor.
class ArchiveLoop {
public:
    /// Everything referred to must outlive the loop.
    ArchiveLoop(ArchiveOptions options,
                ArchiveStore& store,
                Chores& chores,
                RedisClient& redis,
                HeldShards& held,
                const Clock& clock,
                Logger& log,
                const ArchiverMetrics& metrics);

    /// Runs until cancelled; waits while Redis or Postgres is away. What was committed is read anew
    /// at each call. Throws `operation_aborted` when cancelled.
    Task<> run();

    /// To be told when Redis can be reached again: it may have lost its memory, though no command
    /// failed. The next step reads everything anew.
    void redis_returned() { redis_returned_ = true; }

    /// Whether all stands by since an archiver of a version without leases seals.
    bool older_seals() const { return older_seals_; }

    /// Shows how overdue the oldest unsealed minute is now: to be called when somebody asks, as the
    /// loop itself may be waiting for Redis or Postgres.
    void report_lag();

private:
    Task<> run_until_failure(Backoff& backoff);
    Task<> step();
    void forget_all();
    Task<> follow_leases();
    Task<> take_over(ShardEpochs taken);
    void give_up(const std::set<ShardId>& shards);
    void fenced(const ShardsFenced& by);
    Task<> catch_up_redis(const std::map<ShardId, UtcMinute>& sealed);
    Task<> refresh();
    Task<> refresh_catalogue();
    bool is_known(UtcMinute minute) const;
    Task<> seal_announced();
    Task<bool> seal_due();
    Task<> seal_all(std::vector<Announcement> due);
    Task<> tell_tallies();
    Task<> seal_decided();
    Task<bool> decide(UtcMinute minute);
    Task<> seal_held(UtcMinute minute);
    Task<> settle_regions();
    void note_settling(const std::string& failure);
    std::vector<ShardId> unsealed(UtcMinute minute) const;
    std::vector<Announcement> left_of(UtcMinute minute, const std::vector<ShardId>& shards) const;
    bool must_wait(const EndpointVersion& version,
                   UtcMinute minute,
                   const std::vector<Cell>& received);
    std::span<const RegionId> quarantined(UtcMinute minute) const;
    Task<> restore_watch(const std::map<ShardId, UtcMinute>& sealed);
    Task<> open_early();
    Task<> store_late_cells();
    Task<> commit(SealPlan& plan);
    void report(const SealPlan& plan);
    Task<> forget(std::vector<ShardMinute> sealed);
    Task<> look_again(std::vector<CellsQuery> gaps);
    void count(const SealedRow& row);
    void note(Gap gap);
    void forget_deleted(UtcMinute minute, const std::vector<ShardId>& shards);
    void note(ShardId shard, const DoneRun& run);
    std::vector<RegionId> region_ids() const;
    std::string region_name(RegionId region) const;
    void count_late(const LateOutcome& outcome);
    Task<std::map<RegionId, std::uint32_t>> agents_alive();
    Task<> plan_due(SealPlan& plan, const std::vector<Announcement>& due);
    std::optional<UtcMinute> next_due() const;
    std::optional<UtcMinute> sealed_until(ShardId shard) const;
    bool keeps_house() const { return held_epochs_.contains(ShardId{0}); }
    UtcTime utc_now() const { return clock_.utc_now() + offset_; }
    Task<> keep_house();

    const ArchiveOptions options_;
    ArchiveStore& store_;
    Chores& chores_;
    RedisClient& redis_;
    HeldShards& held_;
    CellBuffer buffer_;
    const Clock& clock_;
    Logger& log_;
    ArchiverMetrics metrics_;

    ShardEpochs held_epochs_;      // the shards that are in memory, and by which leases
    std::vector<ShardId> shards_;  // the same, ascending
    microseconds offset_{0};       // Redis's clock minus ours: agents keep Redis's time
    SteadyTime offset_at_{};
    SteadyTime partitions_at_{};
    bool redis_returned_ = false;
    bool older_seals_ = false;
    Catalogue catalogue_;
    RegionNames regions_;
    std::set<std::string> unusable_windows_;  // that were logged
    std::map<ShardId, std::uint32_t> slots_;  // one more than the highest of each shard
    std::int64_t catalogue_window_ = -1;      // index of the window in which it was read
    ProgressMap progress_;
    StateJournal journal_;
    std::map<ShardId, UtcMinute> watermarks_;
    /// Cells that were made at the seal, of minutes that Redis still has.
    std::map<ShardMinute, std::vector<CellsQuery>> gaps_;
    EarlyWatch early_;
    RegionWatch watch_;
    std::optional<UtcMinute> settled_;  // the last minute that is, as far as known
    SteadyTime settle_again_{};
    bool settling_fails_ = false;
    std::vector<LateBatch> late_;  // read, and not stored yet
    Announcements announcements_;
    bool house_fails_ = false;
};

}  // namespace quorate
