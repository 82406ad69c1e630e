// What goes into one call: which shards' jobs, and how many.
#include <algorithm>
#include <utility>

#include "coordinator/dispatch/dispatcher.hpp"
#include "platform/wire/job_codec.hpp"

namespace quorate::coordinator {
namespace {

/// Minutes whose first slot lies before this are sealed: the watermark is `m + window + 5 s`.
UtcTime sealed_before(UtcTime now, Window window) {
    return std::chrono::floor<milliseconds>(now) - window.length() - std::chrono::seconds{5};
}

}  // namespace

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
    std::size_t held_back = 0;
    // Where nothing was planned ever, nothing is made up for.
    auto from = standing.value_or(std::min<UtcTime>(std::chrono::floor<milliseconds>(now), goal));
    const auto sealed = std::min(sealed_before(now, context_.window), goal);
    if (from < sealed) {
        const auto counted =
            std::max<UtcTime>(from, sealed - kMissedWindows * context_.window.length());
        block.missed += planner.count(held.shard, region.id, counted, sealed);
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
            ++block.missed;
            continue;
        }
        held_back += planner.held_back(probe) == HeldBack::no ? 0 : 1;
        block.jobs.begin();
        block.jobs.bytes() += lane.common;
        const auto learned = context_.catalogue.learned(probe.version->endpoint, region.id);
        planner.append_job(probe, learned, block.jobs.bytes());
        if (probe.version->credentials && context_.vault != nullptr) {
            const auto& given = context_.vault->credentials(*probe.version, region);
            wire::append_job_credentials(given.box, given.missing, block.jobs.bytes());
        }
        block.jobs.end();
    }
    draft.jobs += block.jobs.count();
    draft.held_back.push_back(held_back);
    draft.blocks.push_back(std::move(block));
}

}  // namespace quorate::coordinator
