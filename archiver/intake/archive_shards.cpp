// What of the archive loop takes shards over and gives them up, and clears Redis of what is sealed.
#include <algorithm>
#include <chrono>
#include <utility>

#include "archiver/intake/archive_loop.hpp"
#include "archiver/store/packed_cell.hpp"

namespace quorate {
namespace {

constexpr std::chrono::hours kLookBack{1};  // into Redis, if its watermark is behind ours

}  // namespace

void ArchiveLoop::forget_all() {
    redis_returned_ = false;
    held_epochs_.clear();
    shards_.clear();
    progress_.clear();
    journal_ = StateJournal{};
    watermarks_.clear();
    gaps_.clear();
    late_.clear();
    settle_again_ = {};
    early_.clear();
    watch_.clear();
    settled_.reset();
    announcements_.clear();
    chores_.forget();
    catalogue_window_ = -1;
    partitions_at_ = {};
    offset_at_ = {};
}

/// Gives up what is no longer ours, and takes over what has become so.
Task<> ArchiveLoop::follow_leases() {
    ShardEpochs taken;
    for (const auto& held : held_.in_force(clock_.steady_now()))
        taken.emplace(held.shard, held.epoch);
    std::set<ShardId> lost;
    for (const auto& [shard, epoch] : held_epochs_) {
        const auto held = taken.find(shard);
        if (held != taken.end() && held->second == epoch)
            taken.erase(held);
        else
            lost.insert(shard);
    }
    if (!lost.empty()) give_up(lost);
    if (!taken.empty()) co_await take_over(std::move(taken));
}

/// Others hold them now, or nobody does: what we know of them is old.
void ArchiveLoop::give_up(const std::set<ShardId>& shards) {
    for (const auto shard : shards) {
        held_epochs_.erase(shard);
        watermarks_.erase(shard);
        watch_.forget(shard);
        std::vector<EndpointId> endpoints;
        for (const auto& [endpoint, progress] : progress_)
            if (progress.shard == shard) endpoints.push_back(endpoint);
        for (const auto endpoint : endpoints) {
            progress_.erase(endpoint);
            early_.forget(endpoint);
        }
        journal_.forget(shard, endpoints);
    }
    std::erase_if(late_, [&](const auto& batch) { return shards.contains(batch.shard); });
    std::erase_if(gaps_, [&](const auto& gap) { return shards.contains(gap.first.shard); });
    std::erase_if(shards_, [&](ShardId shard) { return shards.contains(shard); });
}

/// A commit of ours was refused. What was planned meanwhile is thrown away with all of memory.
void ArchiveLoop::fenced(const ShardsFenced& by) {
    for (const auto& [shard, epoch] : by.by())
        held_.outbid(shard, epoch);
    metrics_.fenced_commits.add();
    log_event(log_,
              LogLevel::warn,
              "commit.fenced",
              kv("shards", by.by().size()),
              kv("detail", by.what()));
    forget_all();
}

/// Raises the fences, so that their holders of before write nothing any more, and reads what these
/// have committed. From there on it goes. Where a holder of before sleeps amid a transaction that
/// has the fences locked, its session is ended, and the next step tries again.
Task<> ArchiveLoop::take_over(ShardEpochs taken) {
    auto found = co_await store_.take_over(taken);
    if (found.locked) {
        const auto ended = co_await store_.end_holders(std::move(taken));
        log_event(log_, LogLevel::warn, "holders.ended", kv("sessions", ended));
        co_return;
    }
    for (const auto& [shard, epoch] : found.refused) {
        held_.outbid(shard, epoch);
        taken.erase(shard);
    }
    held_epochs_.merge(taken);
    shards_.clear();
    for (const auto& [shard, epoch] : held_epochs_)
        shards_.push_back(shard);
    auto& states = found.committed.states;
    std::vector<EndpointId> endpoints;
    for (const auto& [endpoint, progress] : states.progress)
        endpoints.push_back(endpoint);
    progress_.merge(states.progress);
    journal_.add(std::move(states.logged));
    const auto& sealed = found.committed.watermarks;
    watermarks_.insert(sealed.begin(), sealed.end());
    co_await refresh_catalogue();  // which keys a minute may have
    catalogue_window_ = -1;
    for (const auto endpoint : endpoints)
        early_.note(endpoint, progress_.at(endpoint), catalogue_);
    co_await restore_watch(sealed);
    co_await catch_up_redis(sealed);
}

/// A crash may have come between the last commits and Redis, and Redis may have lost its memory.
/// Each shard's minutes from Redis's watermark, whose cells may still stand there, up to ours:
/// minute by minute, so that a crash in here leaves the rest to the next start.
Task<> ArchiveLoop::catch_up_redis(const std::map<ShardId, UtcMinute>& watermarks) {
    std::vector<ShardId> shards;
    for (const auto& [shard, minute] : watermarks)
        shards.push_back(shard);
    const auto known = co_await buffer_.read_sealed(std::move(shards));
    std::map<ShardId, UtcMinute> from;
    auto sealed = known.begin();
    for (const auto& [shard, minute] : watermarks) {
        const auto oldest = minute.plus(-(kLookBack / options_.window.length()), options_.window);
        from[shard] = std::max(std::min((sealed++)->value_or(minute), minute), oldest);
    }
    auto gaps = co_await store_.gaps(from);
    for (auto& gap : gaps)
        note(std::move(gap));
    while (!from.empty()) {
        std::vector<ShardMinute> sealed_now;
        for (const auto& [shard, minute] : from)
            sealed_now.push_back({shard, minute});
        co_await forget(std::move(sealed_now));
        std::erase_if(from,
                      [&](const auto& each) { return each.second >= watermarks.at(each.first); });
        for (auto& [shard, minute] : from)
            minute = minute.plus(1, options_.window);
    }
}

/// Redis forgets minutes whose watermark is committed. Cells that came between the read and the
/// commit are late cells that Redis did not know to be late: so first no cell can come any more,
/// then these are stored, and only then all of them go.
Task<> ArchiveLoop::forget(std::vector<ShardMinute> sealed) {
    co_await buffer_.seal(sealed);
    options_.at_step(SealStep::redis_told);
    std::vector<CellsQuery> gaps;
    for (const auto& each : sealed)
        if (const auto found = gaps_.find(each); found != gaps_.end())
            gaps.insert(gaps.end(), found->second.begin(), found->second.end());
    while (!gaps.empty()) {
        const auto some = std::min(gaps.size(), options_.rows_max);
        const auto rest = gaps.end() - static_cast<std::ptrdiff_t>(some);
        std::vector<CellsQuery> part{rest, gaps.end()};
        gaps.erase(rest, gaps.end());
        co_await look_again(std::move(part));
    }
    for (const auto& each : sealed)
        gaps_.erase(each);
    std::vector<std::uint32_t> slots;
    for (const auto& each : sealed) {
        const auto found = slots_.find(each.shard);
        slots.push_back(found == slots_.end() ? 0 : found->second);
    }
    co_await buffer_.drop_minutes(std::move(sealed), region_ids(), std::move(slots));
    options_.at_step(SealStep::redis_cleared);
}

/// Stores what came for cells that were made at the seal.
Task<> ArchiveLoop::look_again(std::vector<CellsQuery> gaps) {
    std::set<ShardId> shards;
    for (const auto& gap : gaps)
        shards.insert(gap.shard);
    const auto found = co_await buffer_.read_cells(std::move(gaps));
    std::vector<Cell> late;
    for (const auto& each : found)
        late.insert(late.end(), each.cells.begin(), each.cells.end());
    if (late.empty()) co_return;
    const auto outcome =
        co_await store_.store_late(held_epochs_, std::move(shards), std::move(late));
    count_late(outcome);
}

}  // namespace quorate
