#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/catalog/catalogue.hpp"
#include "coordinator/coordinator_metrics.hpp"
#include "coordinator/secrets/vault.hpp"
#include "platform/fleet/held_shards.hpp"
#include "platform/redis/job_queue.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate::coordinator {

/// What the dispatcher works with; everything outlives it.
struct DispatchContext {
    Catalogue& catalogue;
    RedisClient& redis;
    HeldShards& held;
    Window window;
    const Clock& clock;
    Logger& log;
    CoordinatorMetrics& metrics;
    Vault* vault = nullptr;  ///< without it jobs have no credentials
};

/// Puts the jobs of the shards held into the regions' queues a little before their slots. How far
/// a shard is planned in a region stands in Redis beside the queue and moves in the same step as
/// jobs are added, under the fence of the shard's lease; so a restart, a lost answer or another
/// planner neither loses nor doubles a job.
class Dispatcher {
public:
    static constexpr milliseconds kTick{200};
    static constexpr milliseconds kAhead{2000};  ///< how long before its slot a job is enqueued
    /// No planner whose clock is right plans further than this: the point is reset to now.
    static constexpr milliseconds kTooFar = kAhead + milliseconds{10'000};
    static constexpr milliseconds kTrimEvery{10'000};
    static constexpr std::size_t kJobsPerCall = 400;      ///< Redis answers nobody else meanwhile
    static constexpr milliseconds kStride{1000};          ///< of slots, at most, in one block
    static constexpr std::int64_t kMissedWindows = 1440;  ///< counted back, at most

    explicit Dispatcher(DispatchContext context);

    /// Plans until cancelled. A region whose Redis is away or hangs holds up no other.
    Task<> run();

    /// One tick: plans every shard held in every region up to where it should be. What fails is
    /// counted, told and tried again by the next one.
    Task<> tick();

    /// How late the region is that is furthest behind; 0: all shards held are planned up to where
    /// they should be.
    microseconds lag() const;

private:
    /// A shard in a region, from the moment that its fence is ours; also while its lease lapsed.
    struct Planned {
        std::uint64_t epoch = 0;
        std::optional<UtcTime> until;  ///< as Redis has it; nothing: it was never planned
        bool certain = true;  ///< false: a call failed, of which is not known whether it took place
    };
    /// The queue of a region.
    struct Lane {
        Lane(RedisClient& redis, const Region& region);
        JobQueue queue;
        std::string common;  ///< of all jobs of the region, encoded
        std::map<ShardId, Planned> shards;
        bool under_way = false;  ///< its last tick has not ended
        std::optional<UtcTime> failing_since;
        std::optional<SteadyTime> trimmed_at;
    };
    /// What goes in one call.
    struct Draft {
        std::vector<JobBlock> blocks;
        std::vector<std::size_t> held_back;  ///< of each block: jobs that say so
        std::size_t jobs = 0;
    };
    Task<> ticks(TaskGroup& plans);
    void begin_tick(TaskGroup& plans);
    Task<> plan(Region region, Lane& lane);
    Task<> plan_ahead(Region region, Lane& lane);
    void note(Lane& lane, const std::string& failure);
    static microseconds lag_of(const Lane& lane, UtcTime now);
    Task<> raise_fences(Lane& lane);
    Task<> reset(Lane& lane, UtcTime now);
    Task<> trim(Lane& lane);
    Draft next_draft(const Region& region, Lane& lane, UtcTime now, UtcTime goal);
    void add_block(Draft& draft,
                   const Region& region,
                   const Lane& lane,
                   HeldShard held,
                   std::optional<UtcTime> standing,
                   UtcTime now,
                   UtcTime goal);
    bool take(Lane& lane,
              const std::vector<HeldShard>& asked,
              const std::vector<BlockAnswer>& answers);
    void refused(Lane& lane, HeldShard held, std::uint64_t fence);

    DispatchContext context_;
    std::map<std::string, Lane> lanes_;
    std::vector<DueProbe> due_;  // kept for its memory
};

}  // namespace quorate::coordinator
