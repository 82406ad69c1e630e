#include "coordinator/dispatch/dispatcher.hpp"

#include <algorithm>
#include <utility>

#include "coordinator/catalog/apply.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate::coordinator {

Dispatcher::Dispatcher(Catalogue& catalogue,
                       RedisClient& redis,
                       Window window,
                       const Clock& clock,
                       Logger& log,
                       CoordinatorMetrics& metrics)
    : catalogue_{catalogue},
      redis_{redis},
      window_{window},
      clock_{clock},
      log_{log},
      metrics_{metrics} {}

Task<> Dispatcher::run() {
    regions_.clear();  // another planner may have been at work meanwhile
    bool failing = false;
    for (;;) {
        std::string failure;
        try {
            co_await tick();
        } catch (const RedisUnavailable& error) {
            failure = error.what();
        } catch (const RedisError& error) {
            failure = error.what();
        }
        if (!failure.empty()) {
            metrics_.planning_failures.add();
            // Whether the last step took place is not known: it is read again.
            for (auto& [name, planned] : regions_)
                planned.known = false;
        }
        if (failing != !failure.empty())
            log_event(log_,
                      failure.empty() ? LogLevel::info : LogLevel::warn,
                      failure.empty() ? "planning.resumed" : "planning.stalled",
                      kv("detail", failure));
        failing = !failure.empty();
        co_await sleep_for(kTick);
    }
}

Task<> Dispatcher::tick() {
    if (!catalogue_.complete_until()) co_return;
    const auto regions = catalogue_.regions();  // a copy: the catalogue may change in between
    for (const auto& region : regions) {
        auto& planned =
            regions_.try_emplace(region.name, JobQueue{redis_, region.name}).first->second;
        co_await plan(region, planned);
        co_await trim(planned);
    }
}

Task<> Dispatcher::plan(Region region, Planned& planned) {
    if (!planned.known) {
        planned.until = co_await planned.queue.planned_until();
        planned.known = true;
    }
    const auto now = clock_.utc_now();
    if (planned.until && *planned.until > now + kTooFar) co_await reset(planned, now);
    // A change is known before it takes effect: only so far can be planned.
    const auto goal = std::chrono::floor<milliseconds>(
        std::min(now + kAhead, *catalogue_.complete_until() + kChangeLead));
    // Where nothing was planned ever, nothing is made up for; and no further back than a window can
    // still be started.
    auto from =
        std::max(planned.until.value_or(now), now - window_.length() - std::chrono::seconds{3});
    while (from < goal) {
        auto batch = next_batch(region, from, goal, now);
        const auto count = static_cast<double>(batch.jobs.size());
        const auto enqueued =
            co_await planned.queue.enqueue(std::move(batch.jobs), planned.until, batch.until);
        if (!enqueued.taken) {
            // Another planner was first, or our own step whose answer was lost.
            planned.until = enqueued.planned_until;
            break;
        }
        planned.until = batch.until;
        from = batch.until;
        metrics_.jobs_enqueued.with({region.name}).add(count);
        metrics_.jobs_missed.with({region.name}).add(static_cast<double>(batch.missed));
    }
    const auto lag = now + kAhead - planned.until.value_or(now + kAhead);
    metrics_.planning_lag_seconds.with({region.name})
        .set(std::max(0.0, std::chrono::duration<double>(lag).count()));
}

/// A planner whose clock stood ahead left a point that nothing would be planned before. Redis's
/// clock has to agree that it is too far, lest a planner whose own is behind doubles jobs.
Task<> Dispatcher::reset(Planned& planned, UtcTime now) {
    const auto broken = *planned.until;
    if (broken <= co_await redis_time(redis_) + kTooFar) co_return;
    const auto until = std::chrono::floor<milliseconds>(now);
    std::vector<Job> none;
    const auto answer = co_await planned.queue.enqueue(std::move(none), broken, until);
    planned.until = answer.planned_until;
    if (answer.taken)
        log_event(log_,
                  LogLevel::warn,
                  "planning.reset",
                  kv("region", planned.queue.region()),
                  kv("planned_until", broken),
                  kv("reset_to", UtcTime{until}));
}

Dispatcher::Batch Dispatcher::next_batch(const Region& region,
                                         UtcTime from,
                                         UtcTime until,
                                         UtcTime now) const {
    const auto& planner = catalogue_.planner();
    auto due = planner.due(region.id, from, until);
    // Whole milliseconds: more than a batch in one of them would be 600 million endpoints.
    while (due.size() > JobQueue::kBatchMax && until - from > milliseconds{1}) {
        until = std::chrono::ceil<milliseconds>(from + (until - from) / 2);
        due = planner.due(region.id, from, until);
    }
    Batch batch;
    batch.until = until;
    for (const auto& probe : due) {
        if (planner.latest_start(probe) < now)
            ++batch.missed;
        else
            batch.jobs.push_back(
                planner.job(probe, region.name, catalogue_.era_hint(probe.version->endpoint)));
    }
    return batch;
}

Task<> Dispatcher::trim(Planned& planned) {
    const auto now = clock_.steady_now();
    if (planned.trimmed_at && now - *planned.trimmed_at < kTrimEvery) co_return;
    planned.trimmed_at = now;
    // Jobs are enqueued at most two seconds before a slot and can start for less than a window and
    // three seconds after it; the rest is for clocks that differ. Entries carry Redis's time.
    const auto old = co_await redis_time(redis_) - 2 * window_.length() - std::chrono::minutes{1};
    const auto count = co_await planned.queue.trim(old);
    metrics_.jobs_trimmed.with({planned.queue.region()}).add(static_cast<double>(count));
}

}  // namespace quorate::coordinator
