#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/catalog/catalogue.hpp"
#include "coordinator/coordinator_metrics.hpp"
#include "platform/redis/job_queue.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate::coordinator {

/// Puts jobs into the regions' queues a little before their slots. How far a region is planned
/// stands in Redis beside its queue and moves in the same step as jobs are added; so a restart, a
/// lost answer or a second planner neither loses nor doubles a job.
class Dispatcher {
public:
    static constexpr milliseconds kTick{200};
    static constexpr milliseconds kAhead{2000};  ///< how long before its slot a job is enqueued
    /// No planner whose clock is right plans further than this: the point is reset to now.
    static constexpr milliseconds kTooFar = kAhead + milliseconds{10'000};
    static constexpr milliseconds kTrimEvery{10'000};

    Dispatcher(Catalogue& catalogue,
               RedisClient& redis,
               Window window,
               const Clock& clock,
               Logger& log,
               CoordinatorMetrics& metrics);

    /// Plans until cancelled; one process of a deployment at a time.
    Task<> run();

    /// One tick: plans every region up to where it should be. Throws as JobQueue::enqueue.
    Task<> tick();

private:
    struct Planned {
        explicit Planned(JobQueue queue_) : queue{std::move(queue_)} {}
        JobQueue queue;
        bool known = false;            ///< whether `until` is what Redis holds
        std::optional<UtcTime> until;  ///< nothing: this region was never planned
        std::optional<SteadyTime> trimmed_at;
    };
    struct Batch {
        std::vector<Job> jobs;
        std::size_t missed = 0;  ///< left out, for their window is over
        UtcTime until;           ///< the slots up to here
    };
    Task<> plan(Region region, Planned& planned);
    Task<> reset(Planned& planned, UtcTime now);
    Task<> trim(Planned& planned);
    Batch next_batch(const Region& region, UtcTime from, UtcTime until, UtcTime now) const;

    Catalogue& catalogue_;
    RedisClient& redis_;
    Window window_;
    const Clock& clock_;
    Logger& log_;
    CoordinatorMetrics& metrics_;
    std::map<std::string, Planned> regions_;
};

}  // namespace quorate::coordinator
