#include "coordinator/dispatch/dispatcher.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "coordinator/catalog/apply.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/wire/job_codec.hpp"

namespace quorate::coordinator {
namespace {

/// Minutes whose first slot lies before this are sealed: the watermark is `m + window + 5 s`.
UtcTime sealed_before(UtcTime now, Window window) {
    return std::chrono::floor<milliseconds>(now) - window.length() - std::chrono::seconds{5};
}

}  // namespace

Dispatcher::Lane::Lane(RedisClient& redis, const Region& region)
    : queue{redis, region.name}, common{wire::encode_job_of_region(region.id, region.name)} {}

Dispatcher::Dispatcher(DispatchContext context) : context_{context} {}

Task<> Dispatcher::run() {
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
            context_.metrics.planning_failures.add();
            // Whether the last step took place is not known: it is read again.
            for (auto& [name, lane] : lanes_)
                lane.shards.clear();
        }
        if (failing != !failure.empty())
            log_event(context_.log,
                      failure.empty() ? LogLevel::info : LogLevel::warn,
                      failure.empty() ? "planning.resumed" : "planning.stalled",
                      kv("detail", failure));
        failing = !failure.empty();
        co_await sleep_for(kTick);
    }
}

Task<> Dispatcher::tick() {
    if (!context_.catalogue.known_until()) co_return;
    context_.catalogue.planner().keep(context_.held.ids());
    const auto regions = context_.catalogue.regions();  // a copy: it may change in between
    if (regions.empty()) co_return;
    // All at once: while Redis takes the jobs of one region those of the next are made.
    const auto executor = co_await asio::this_coro::executor;
    TaskGroup group{executor, regions.size()};
    for (const auto& region : regions) {
        auto& lane = lanes_.try_emplace(region.name, context_.redis, region).first->second;
        group.spawn(region.name, plan(region, lane));
    }
    co_await group.join();
}

Task<> Dispatcher::plan(Region region, Lane& lane) {
    co_await raise_fences(lane);
    if (lane.shards.empty()) co_return;
    co_await reset(lane, context_.clock.utc_now());
    bool more = true;
    while (more) {
        // A change is known before it takes effect: only so far can be planned.
        const auto now = context_.clock.utc_now();
        const auto goal = std::chrono::floor<milliseconds>(
            std::min(now + kAhead, *context_.catalogue.known_until() + kChangeLead));
        auto draft = next_draft(region, lane, now, goal);
        if (draft.blocks.empty()) break;
        std::vector<HeldShard> asked;
        std::vector<std::size_t> jobs;
        for (const auto& block : draft.blocks) {
            asked.push_back(block.held);
            jobs.push_back(block.jobs.count());
        }
        const auto answers = co_await lane.queue.enqueue(std::move(draft.blocks));
        more = take(lane, asked, answers);
        std::size_t enqueued = 0;
        std::size_t missed = 0;
        std::size_t held_back = 0;
        for (std::size_t i = 0; i < answers.size(); ++i) {
            if (answers[i].fate != BlockAnswer::Fate::taken) continue;
            enqueued += jobs[i];
            missed += draft.missed[i];
            held_back += draft.held_back[i];
        }
        context_.metrics.jobs_enqueued.with({region.name}).add(static_cast<double>(enqueued));
        context_.metrics.jobs_missed.with({region.name}).add(static_cast<double>(missed));
        context_.metrics.jobs_held_back.with({region.name}).add(static_cast<double>(held_back));
    }
    show_lag(lane, context_.clock.utc_now());
    co_await trim(lane);
}

/// Shards that we hold since lately: nobody else's jobs get in from here on, and we learn how far
/// they are planned.
Task<> Dispatcher::raise_fences(Lane& lane) {
    const auto held = context_.held.in_force(context_.clock.steady_now());
    std::map<ShardId, std::uint64_t> epochs;
    for (const auto& one : held)
        epochs.emplace(one.shard, one.epoch);
    std::erase_if(lane.shards, [&epochs](const auto& known) {
        const auto found = epochs.find(known.first);
        return found == epochs.end() || found->second != known.second.epoch;
    });
    std::vector<HeldShard> fresh;
    for (const auto& one : held)
        if (!lane.shards.contains(one.shard)) fresh.push_back(one);
    if (fresh.empty()) co_return;
    auto asked = fresh;
    const auto answers = co_await lane.queue.raise_fence(std::move(asked));
    for (std::size_t i = 0; i < fresh.size(); ++i) {
        if (answers[i].ours)
            lane.shards[fresh[i].shard] = Planned{fresh[i].epoch, answers[i].planned_until};
        else
            refused(lane, fresh[i]);
    }
}

/// A planner whose clock stood ahead left a point that nothing would be planned before. Redis's
/// clock has to agree that it is too far, lest a planner whose own is behind doubles jobs.
Task<> Dispatcher::reset(Lane& lane, UtcTime now) {
    const auto too_far = [&lane](UtcTime clock) {
        std::vector<HeldShard> found;
        for (const auto& [shard, planned] : lane.shards)
            if (planned.until && *planned.until > clock + kTooFar)
                found.push_back({shard, planned.epoch});
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

/// Blocks of the shards that are furthest behind, as many jobs as a call may hold.
Dispatcher::Draft Dispatcher::next_draft(const Region& region,
                                         Lane& lane,
                                         UtcTime now,
                                         UtcTime goal) {
    const auto steady_now = context_.clock.steady_now();
    std::vector<std::pair<UtcTime, HeldShard>> behind;
    for (const auto& [shard, planned] : lane.shards) {
        const auto until = planned.until.value_or(std::min(now, goal) - milliseconds{1});
        if (until >= goal) continue;
        const HeldShard held{shard, planned.epoch};
        if (context_.held.in_force(held, steady_now)) behind.emplace_back(until, held);
    }
    std::stable_sort(behind.begin(), behind.end(), [](const auto& a, const auto& b) {
        return a.first < b.first;
    });
    if (behind.size() > JobQueue::kBlocksMax) behind.resize(JobQueue::kBlocksMax);
    Draft draft;
    for (const auto& [until, held] : behind) {
        if (draft.jobs >= kJobsPerCall) break;
        add_block(draft, region, lane, held, lane.shards.at(held.shard).until, now, goal);
    }
    return draft;
}

void Dispatcher::add_block(Draft& draft,
                           const Region& region,
                           const Lane& lane,
                           HeldShard held,
                           std::optional<UtcTime> standing,
                           UtcTime now,
                           UtcTime goal) {
    auto& planner = context_.catalogue.planner();
    JobBlock block;
    block.held = held;
    block.from = standing;
    std::size_t missed = 0;
    std::size_t held_back = 0;
    // Where nothing was planned ever, nothing is made up for.
    auto from = standing.value_or(std::min<UtcTime>(std::chrono::floor<milliseconds>(now), goal));
    const auto sealed = std::min(sealed_before(now, context_.window), goal);
    if (from < sealed) {
        const auto counted =
            std::max<UtcTime>(from, sealed - kMissedWindows * context_.window.length());
        missed += planner.count(held.shard, region.id, counted, sealed);
        from = sealed;
    }
    block.until = std::min<UtcTime>(goal, from + kStride);
    planner.due(held.shard, region.id, from, block.until, due_);
    const auto room = kJobsPerCall - draft.jobs;
    if (due_.size() > room) {
        // Whole milliseconds of slots: what begins together goes together, be it a few more.
        auto last = room - 1;
        while (last + 1 < due_.size() && due_[last + 1].slot_time() == due_[last].slot_time())
            ++last;
        due_.resize(last + 1);
        block.until = due_.back().slot_time();
    }
    for (const auto& probe : due_) {
        // Too late to start is a job nevertheless: the agent says that its window was missed.
        if (planner.sealed_by(probe) <= now) {
            ++missed;
            continue;
        }
        held_back += planner.held_back(probe) == HeldBack::no ? 0 : 1;
        block.jobs.begin();
        block.jobs.bytes() += lane.common;
        planner.append_job(
            probe, context_.catalogue.era_hint(probe.version->endpoint), block.jobs.bytes());
        block.jobs.end();
    }
    draft.jobs += block.jobs.count();
    draft.missed.push_back(missed);
    draft.held_back.push_back(held_back);
    draft.blocks.push_back(std::move(block));
}

/// Keeps where the shards are planned up to now. @return whether all blocks were taken.
bool Dispatcher::take(Lane& lane,
                      const std::vector<HeldShard>& asked,
                      const std::vector<BlockAnswer>& answers) {
    bool all = true;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        const auto& answer = answers[i];
        if (answer.fate == BlockAnswer::Fate::fenced) refused(lane, asked[i]);
        // Moved: another planner was first, or our own step whose answer was lost.
        const auto known = lane.shards.find(asked[i].shard);
        if (answer.fate != BlockAnswer::Fate::fenced && known != lane.shards.end())
            known->second.until = answer.planned_until;
        all = all && answer.fate == BlockAnswer::Fate::taken;
    }
    return all;
}

/// Another lease has the fence, or Redis lost it. Either way ours is worth nothing until it was
/// renewed.
void Dispatcher::refused(Lane& lane, HeldShard held) {
    context_.metrics.fence_refusals.add();
    lane.shards.erase(held.shard);
    if (!context_.held.in_force(held, context_.clock.steady_now())) return;
    context_.held.drop(held.shard);
    log_event(context_.log,
              LogLevel::warn,
              "shard.fenced",
              kv("region", lane.queue.region()),
              kv("shard", held.shard.value()),
              kv("epoch", held.epoch));
}

void Dispatcher::show_lag(const Lane& lane, UtcTime now) {
    auto least = now + kAhead;
    for (const auto& [shard, planned] : lane.shards)
        if (planned.until) least = std::min(least, *planned.until);
    context_.metrics.planning_lag_seconds.with({lane.queue.region()})
        .set(std::chrono::duration<double>(now + kAhead - least).count());
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
