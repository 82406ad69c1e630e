#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "archiver/compaction/compaction_work.hpp"
#include "archiver/metrics.hpp"
#include "archiver/retention/retention_work.hpp"
#include "archiver/rollup/rollup_work.hpp"
#include "archiver/sealing/announcements.hpp"
#include "archiver/sealing/catalogue.hpp"
#include "archiver/sealing/early_watch.hpp"
#include "archiver/sealing/region_watch.hpp"
#include "archiver/sealing/seal_plan.hpp"
#include "archiver/sealing/state_journal.hpp"
#include "archiver/store/json.hpp"
#include "archiver/store/late_store.hpp"
#include "archiver/store/load.hpp"
#include "platform/postgres/database.hpp"
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
    milliseconds rollup_every{15'000};  ///< a shard, at most
    milliseconds compact_after{48 * 3'600'000};
    RetentionSettings retention;
    std::size_t rows_max = 2000;      ///< endpoint-minutes of one transaction
    std::size_t announced_max = 100;  ///< announcements of a shard and region read at a time;
                                      ///< each may name thousands of endpoints
    std::size_t late_max = 1000;      ///< late cells of a shard and region read at a time
    std::size_t held_max = 100'000;   ///< announcements held in memory
};

/// Drains verdict-minutes from Redis into Postgres, for one active archiver: seals complete minutes
/// as they are announced and the rest at the watermark, then late cells. Redis forgets only what
/// Postgres has committed, so a crash anywhere repeats work and loses or doubles nothing. All
/// members run on one single-threaded executor.
class ArchiveLoop {
public:
    /// Everything referred to must outlive the loop.
    ArchiveLoop(ArchiveOptions options,
                Database& database,
                RedisClient& redis,
                const Clock& clock,
                Logger& log,
                const ArchiverMetrics& metrics);

    /// Runs until cancelled; waits while Redis or Postgres is away. What was committed is read anew
    /// at each call. Throws `operation_aborted` when cancelled.
    Task<> run();

    /// To be told when Redis can be reached again: it may have lost its memory, though no command
    /// failed. The next step reads everything anew.
    void redis_returned() { redis_returned_ = true; }

    /// Shows how overdue the oldest unsealed minute is now: to be called when somebody asks, as the
    /// loop itself may be waiting for Redis or Postgres.
    void report_lag();

private:
    Task<> start();
    Task<> catch_up_redis();
    Task<> run_until_failure(Backoff& backoff);
    Task<> step();
    Task<> refresh();
    Task<> refresh_catalogue();
    Task<> seal_announced();
    Task<bool> seal_due();
    Task<> seal_all(std::vector<Announcement> due);
    Task<> seal_decided();
    Task<> seal_held(UtcMinute minute);
    std::vector<Announcement> left_of(UtcMinute minute, const std::vector<ShardId>& shards) const;
    bool must_wait(const EndpointVersion& version,
                   UtcMinute minute,
                   const std::vector<Cell>& received);
    std::span<const RegionId> quarantined(UtcMinute minute) const;
    Task<> restore_watch();
    Task<> open_early();
    Task<> store_late_cells();
    Task<> commit(SealPlan& plan);
    Task<> forget(std::vector<ShardMinute> sealed);
    Task<> look_again(std::vector<CellsQuery> gaps);
    void count(const SealedRow& row);
    void note(Gap gap);
    void note(ShardId shard, const DoneRun& run);
    std::vector<RegionId> region_ids() const;
    void count_late(const LateOutcome& outcome);
    Task<std::map<RegionId, std::uint32_t>> agents_alive();
    Task<> plan_due(SealPlan& plan, const std::vector<Announcement>& due);
    std::optional<UtcMinute> next_due() const;
    std::optional<UtcMinute> sealed_until(ShardId shard) const;
    UtcTime utc_now() const { return clock_.utc_now() + offset_; }
    Task<> keep_house();

    const ArchiveOptions options_;
    Database& database_;
    RedisClient& redis_;
    CellBuffer buffer_;
    const Clock& clock_;
    Logger& log_;
    ArchiverMetrics metrics_;

    std::vector<ShardId> shards_;
    microseconds offset_{0};  // Redis's clock minus ours: agents keep Redis's time
    SteadyTime offset_at_{};
    SteadyTime partitions_at_{};
    bool redis_returned_ = false;
    Catalogue catalogue_;
    RegionNames regions_;
    std::map<ShardId, std::uint32_t> slots_;  // one more than the highest of each shard
    std::int64_t catalogue_window_ = -1;      // index of the window in which it was read
    ProgressMap progress_;
    StateJournal journal_;
    std::map<ShardId, UtcMinute> watermarks_;
    /// Cells that were made at the seal, of minutes that Redis still has.
    std::map<ShardMinute, std::vector<CellsQuery>> gaps_;
    EarlyWatch early_;
    RegionWatch watch_;
    Announcements announcements_;
    RollupWork rollups_;
    RetentionWork retention_;
    CompactionWork compaction_;
    bool house_fails_ = false;
};

}  // namespace quorate
