#include "coordinator/dispatch/dispatcher.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "coordinator/catalog/apply.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/wire/job_codec.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::size_t kLanesMax = 255;  // there are no more ids of regions

}  // namespace

Dispatcher::Lane::Lane(RedisClient& redis, const Region& region)
    : queue{redis, region.name}, common{wire::encode_job_of_region(region.id, region.name)} {}

Dispatcher::Dispatcher(DispatchContext context) : context_{context} {}

Task<> Dispatcher::run() {
    TaskGroup tasks{co_await asio::this_coro::executor, 1 + kLanesMax};
    tasks.spawn("ticks", ticks(tasks));
    co_await tasks.join();
}

Task<> Dispatcher::ticks(TaskGroup& plans) {
    for (;;) {
        begin_tick(plans);
        co_await sleep_for(kTick);
    }
}

Task<> Dispatcher::tick() {
    TaskGroup plans{co_await asio::this_coro::executor, kLanesMax};
    begin_tick(plans);
    co_await plans.join();
}

/// All regions at once: while Redis takes the jobs of one those of the next are made. One whose
/// last tick has not ended, since its Redis hangs, is left to that.
void Dispatcher::begin_tick(TaskGroup& plans) {
    auto& planner = context_.catalogue.planner();
    planner.pass(context_.clock.utc_now());
    planner.keep(context_.held.ids());
    if (!context_.catalogue.known_until()) return;
    if (context_.vault != nullptr && !context_.vault->ready()) return;  // nor are jobs without it
    const auto& regions = context_.catalogue.regions();
    std::erase_if(lanes_, [&regions](const auto& known) {  // of a region that was removed
        return !known.second.under_way &&
               std::ranges::find(regions, known.first, &Region::name) == regions.end();
    });
    for (const auto& region : regions) {
        const auto [known, is_new] = lanes_.try_emplace(region.name, context_.redis, region);
        auto& lane = known->second;
        // From 0 on, so that the first one is an increase too.
        if (is_new) context_.metrics.credentials_missing.with({region.name}).add(0);
        if (lane.under_way) continue;
        lane.under_way = true;
        plans.spawn(region.name, plan(region, lane));
    }
}

Task<> Dispatcher::plan(Region region, Lane& lane) {
    std::string failure;
    try {
        co_await plan_ahead(std::move(region), lane);
    } catch (const RedisUnavailable& error) {
        failure = error.what();
    } catch (const RedisError& error) {
        failure = error.what();
    }
    lane.under_way = false;
    note(lane, failure);
}

void Dispatcher::note(Lane& lane, const std::string& failure) {
    const auto now = context_.clock.utc_now();
    if (!failure.empty()) {
        context_.metrics.planning_failures.add();
        for (auto& [shard, planned] : lane.shards)
            planned.certain = false;
    }
    if (lane.failing_since.has_value() == failure.empty()) {
        lane.failing_since = failure.empty() ? std::nullopt : std::optional{now};
        log_event(context_.log,
                  failure.empty() ? LogLevel::info : LogLevel::warn,
                  failure.empty() ? "planning.resumed" : "planning.stalled",
                  kv("region", lane.queue.region()),
                  kv("detail", failure));
    }
    const std::chrono::duration<double> lag = lag_of(lane, now);
    context_.metrics.planning_lag_seconds.with({lane.queue.region()}).set(lag.count());
}

Task<> Dispatcher::plan_ahead(Region region, Lane& lane) {
    co_await raise_fences(lane);
    if (lane.shards.empty()) co_return;
    co_await reset(lane, context_.clock.utc_now());
    // A change is known before it takes effect: only so far can be planned. One goal for the whole
    // tick: one that goes on with time is never reached where a call takes a millisecond.
    const auto now = context_.clock.utc_now();
    const auto goal = std::chrono::floor<milliseconds>(
        std::min(now + kAhead, *context_.catalogue.known_until() + kChangeLead));
    bool more = true;
    while (more) {
        auto draft = next_draft(region, lane, now, goal);
        if (draft.blocks.empty()) break;
        std::vector<HeldShard> asked;
        std::vector<std::size_t> jobs;
        std::vector<std::size_t> left_out;
        for (const auto& block : draft.blocks) {
            asked.push_back(block.held);
            jobs.push_back(block.jobs.count());
            left_out.push_back(block.missed);
        }
        const auto answers = co_await lane.queue.enqueue(std::move(draft.blocks));
        more = take(lane, asked, answers);
        std::size_t enqueued = 0;
        std::size_t missed = 0;
        std::size_t held_back = 0;
        for (std::size_t i = 0; i < answers.size(); ++i) {
            if (answers[i].fate != BlockAnswer::Fate::taken) continue;
            enqueued += jobs[i];
            missed += left_out[i];
            held_back += draft.held_back[i];
        }
        context_.metrics.jobs_enqueued.with({region.name}).add(static_cast<double>(enqueued));
        context_.metrics.jobs_missed.with({region.name}).add(static_cast<double>(missed));
        context_.metrics.jobs_held_back.with({region.name}).add(static_cast<double>(held_back));
    }
    co_await trim(lane);
}

/// Shards that we hold since lately, or whose last step is not certain: nobody else's jobs get in
/// from here on, and we learn how far they are planned.
Task<> Dispatcher::raise_fences(Lane& lane) {
    const auto held = context_.held.in_force(context_.clock.steady_now());
    std::map<ShardId, std::uint64_t> epochs;
    for (const auto& one : held)
        epochs.emplace(one.shard, one.epoch);
    std::erase_if(lane.shards, [&](const auto& known) {
        return !epochs.contains(known.first) && !context_.held.lapsed(known.first);
    });
    std::vector<HeldShard> fresh;
    for (const auto& one : held) {
        const auto known = lane.shards.find(one.shard);
        if (known == lane.shards.end() || known->second.epoch != one.epoch ||
            !known->second.certain)
            fresh.push_back(one);
    }
    if (fresh.empty()) co_return;
    auto asked = fresh;
    const auto answers = co_await lane.queue.raise_fence(std::move(asked));
    for (std::size_t i = 0; i < fresh.size(); ++i) {
        if (answers[i].ours)
            lane.shards[fresh[i].shard] = Planned{fresh[i].epoch, answers[i].planned_until};
        else
            refused(lane, fresh[i], answers[i].fence);
    }
}

/// A planner whose clock stood ahead left a point that nothing would be planned before. Redis's
/// clock has to agree that it is too far, lest a planner whose own is behind doubles jobs.
Task<> Dispatcher::reset(Lane& lane, UtcTime now) {
    const auto too_far = [&](UtcTime clock) {
        std::vector<HeldShard> found;
        for (const auto& [shard, planned] : lane.shards) {
            const HeldShard held{shard, planned.epoch};
            if (planned.until && *planned.until > clock + kTooFar &&
                context_.held.in_force(held, context_.clock.steady_now()))
                found.push_back(held);
        }
        return found;
    };
    if (too_far(now).empty()) co_return;
    const auto redis_now = co_await redis_time(context_.redis);
    const auto broken = too_far(std::max(now, redis_now));
    if (broken.empty()) co_return;
    std::vector<JobBlock> blocks;
    for (const auto& held : broken) {
        auto& block = blocks.emplace_back();
        block.held = held;
        block.from = lane.shards.at(held.shard).until;
        block.until = std::chrono::floor<milliseconds>(now);
    }
    const auto planned_until = *blocks.front().from;
    const auto answers = co_await lane.queue.enqueue(std::move(blocks));
    if (!take(lane, broken, answers)) co_return;
    log_event(context_.log,
              LogLevel::warn,
              "planning.reset",
              kv("region", lane.queue.region()),
              kv("shards", broken.size()),
              kv("planned_until", planned_until),
              kv("reset_to", now));
}

/// Keeps where the shards are planned up to now. @return whether all blocks were taken.
bool Dispatcher::take(Lane& lane,
                      const std::vector<HeldShard>& asked,
                      const std::vector<BlockAnswer>& answers) {
    bool all = true;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        const auto& answer = answers[i];
        if (answer.fate == BlockAnswer::Fate::fenced) refused(lane, asked[i], 0);
        // Moved: another planner was first, or our own step whose answer was lost.
        const auto known = lane.shards.find(asked[i].shard);
        if (answer.fate != BlockAnswer::Fate::fenced && known != lane.shards.end())
            known->second.until = answer.planned_until;
        all = all && answer.fate == BlockAnswer::Fate::taken;
    }
    return all;
}

/// Another lease has the fence, or Redis lost it. Either way ours is worth nothing until it was
/// renewed; where it is above ours, and Redis has the lease still for ours, under a higher epoch.
/// @param fence 0: not known
void Dispatcher::refused(Lane& lane, HeldShard held, std::uint64_t fence) {
    context_.metrics.fence_refusals.add();
    lane.shards.erase(held.shard);
    if (!context_.held.in_force(held, context_.clock.steady_now())) return;
    if (fence > held.epoch)
        context_.held.outbid(held.shard, fence);
    else
        context_.held.drop(held.shard);
    log_event(context_.log,
              LogLevel::warn,
              "shard.fenced",
              kv("region", lane.queue.region()),
              kv("shard", held.shard.value()),
              kv("epoch", held.epoch));
}

/// Also of shards that can't be planned now: as far as they are known to be.
microseconds Dispatcher::lag_of(const Lane& lane, UtcTime now) {
    auto least = lane.failing_since.value_or(now) + kAhead;
    for (const auto& [shard, planned] : lane.shards)
        if (planned.until) least = std::min(least, *planned.until);
    return now + kAhead - least;
}

microseconds Dispatcher::lag() const {
    const auto now = context_.clock.utc_now();
    microseconds most{0};
    for (const auto& [region, lane] : lanes_)
        most = std::max(most, lag_of(lane, now));
    return most;
}

Task<> Dispatcher::trim(Lane& lane) {
    const auto now = context_.clock.steady_now();
    if (lane.trimmed_at && now - *lane.trimmed_at < kTrimEvery) co_return;
    lane.trimmed_at = now;
    // Jobs are enqueued at most two seconds before a slot and can start for less than a window and
    // three seconds after it; the rest is for clocks that differ. Entries carry Redis's time.
    const auto redis_now = co_await redis_time(context_.redis);
    const auto old = redis_now - 2 * context_.window.length() - std::chrono::minutes{1};
    const auto count = co_await lane.queue.trim(old);
    context_.metrics.jobs_trimmed.with({lane.queue.region()}).add(static_cast<double>(count));
}

}  // namespace quorate::coordinator
