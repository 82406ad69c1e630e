// What of the archive loop decides which minutes are sealed when.
#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "archiver/intake/archive_loop.hpp"
#include "core/decision/seal.hpp"
#include "core/schedule/schedule.hpp"
#include "platform/redis/fleet.hpp"

namespace quorate {
namespace {

constexpr std::chrono::seconds kAgentSilence{45};  // after which an agent counts as dead
constexpr std::size_t kEarlyPerStep = 500;  // endpoints near a P1 that are looked at in one step

CellsQuery query_of(const EndpointVersion& version, UtcMinute minute) {
    return {version.shard, minute, version.endpoint, version.cell_slot, version.regions};
}

}  // namespace

Task<> ArchiveLoop::seal_announced() {
    auto batches = co_await buffer_.read_done(shards_, region_ids(), options_.announced_max);
    for (const auto& batch : batches)
        for (const auto& run : batch.runs)
            note(batch.shard, run);
    const auto until = [this](ShardId shard) { return sealed_until(shard); };
    announcements_.forget_sealed(catalogue_, progress_, until);

    auto ready =
        announcements_.ready(catalogue_, progress_, options_.window, until, options_.rows_max);
    std::erase_if(ready, [this](const Announcement& each) { return !is_known(each.minute); });
    std::vector<CellsQuery> queries;
    for (const auto& each : ready) {
        const auto* version = catalogue_.expected(each.endpoint, each.minute);
        queries.push_back(query_of(*version, each.minute));
    }
    auto found = co_await buffer_.read_cells(queries);
    SealPlan plan{progress_, catalogue_, utc_now()};
    plan.lists = co_await chores_.lists(progress_, found, regions_);
    std::set<EndpointId> incomplete;  // whose later minutes have to wait as well
    std::set<EndpointId> waiting;     // likewise, but soon: their announcements stay
    for (std::size_t i = 0; i < ready.size(); ++i) {
        const auto& query = queries[i];
        if (waiting.contains(query.endpoint)) continue;
        announcements_.forget(ready[i]);
        if (found[i].cells.size() < query.regions.size()) incomplete.insert(query.endpoint);
        if (incomplete.contains(query.endpoint)) continue;  // left to the watermark
        const auto& version = *catalogue_.expected(query.endpoint, query.minute);
        if (must_wait(version, query.minute, found[i].cells)) {
            waiting.insert(query.endpoint);
            continue;
        }
        plan.seal(
            version,
            query.minute,
            std::move(found[i].cells),
            [](RegionId) { return true; },
            quarantined(query.minute));
    }
    if (!plan.empty()) co_await commit(plan);
    co_await buffer_.drop_done(std::move(batches), held_epochs_);
    metrics_.held.set(static_cast<double>(announcements_.size()));
}

std::optional<UtcMinute> ArchiveLoop::next_due() const {
    std::optional<UtcMinute> oldest;
    for (const auto& [shard, minute] : watermarks_)
        if (!oldest || minute < *oldest) oldest = minute;
    if (!oldest) return std::nullopt;
    return oldest->plus(1, options_.window);
}

/// The endpoint-minutes of these shards that are neither sealed nor held.
std::vector<Announcement> ArchiveLoop::left_of(UtcMinute minute,
                                               const std::vector<ShardId>& shards) const {
    std::vector<Announcement> left;
    for (const auto shard : shards)
        for (const auto endpoint : catalogue_.endpoints(shard)) {
            const auto known = progress_.find(endpoint);
            const bool done = known != progress_.end() && known->second.rule.last_minute >= minute;
            if (!done && !watch_.holds(minute, endpoint) && catalogue_.expected(endpoint, minute))
                left.push_back({minute, endpoint});
        }
    return left;
}

/// In transactions of so many each.
Task<> ArchiveLoop::seal_all(std::vector<Announcement> due) {
    while (!due.empty()) {
        const auto count = std::min(due.size(), options_.rows_max);
        const auto rest = due.end() - static_cast<std::ptrdiff_t>(count);
        const std::vector<Announcement> some{rest, due.end()};
        due.erase(rest, due.end());
        SealPlan plan{progress_, catalogue_, utc_now()};
        co_await plan_due(plan, some);
        if (!plan.empty()) co_await commit(plan);
    }
}

/// Seals what is left of the oldest minute that is out of time, of all our shards that are at it:
/// first what waits for nothing, by which all that came is counted, then what waited for a decision
/// about its region.
/// @return false if none is, or if that is not decided yet
Task<bool> ArchiveLoop::seal_due() {
    const auto minute = next_due();
    if (!minute || utc_now() < watermark(*minute, options_.window)) co_return false;
    if (!is_known(*minute)) co_return false;
    const auto shards = unsealed(*minute);
    auto left = left_of(*minute, shards);
    co_await seal_all(std::move(left));
    if (!watch_.held(*minute).empty()) {
        const bool decided = co_await decide(*minute);
        if (!decided) co_return false;
        co_await seal_held(*minute);
    }
    SealPlan plan{progress_, catalogue_, utc_now()};
    plan.tallies = watch_.untold(*minute, shards);
    for (const auto shard : shards) {
        plan.watermarks.push_back({shard, *minute});
        for (const auto endpoint : catalogue_.endpoints(shard))
            if (const auto* version = catalogue_.deleted(endpoint, *minute))
                plan.close_deleted(*version, *minute);
    }
    co_await commit(plan);
    forget_deleted(*minute, shards);
    std::vector<ShardMinute> sealed;
    for (const auto shard : shards)
        sealed.push_back({shard, *minute});
    co_await forget(std::move(sealed));
    co_await settle_regions();
    co_return true;
}

/// Endpoints that are deleted and all sealed get no minute any more.
void ArchiveLoop::forget_deleted(UtcMinute minute, const std::vector<ShardId>& shards) {
    for (const auto shard : shards)
        for (const auto endpoint : catalogue_.endpoints(shard)) {
            if (catalogue_.deleted(endpoint, minute) == nullptr) continue;
            progress_.erase(endpoint);
            early_.forget(endpoint);
            journal_.forget(endpoint);
        }
}

Task<> ArchiveLoop::plan_due(SealPlan& plan, const std::vector<Announcement>& due) {
    std::vector<CellsQuery> queries;
    for (const auto& each : due) {
        const auto* version = catalogue_.expected(each.endpoint, each.minute);
        queries.push_back(query_of(*version, each.minute));
    }
    auto found = co_await buffer_.read_cells(queries);
    plan.lists = co_await chores_.lists(progress_, found, regions_);
    const auto agents = co_await agents_alive();
    const auto alive = [&agents](RegionId region) {
        const auto known = agents.find(region);
        return known == agents.end() || known->second > 0;
    };
    for (std::size_t i = 0; i < due.size(); ++i) {
        const auto& version = *catalogue_.expected(due[i].endpoint, due[i].minute);
        for (const auto& why : found[i].undecodable) {
            metrics_.undecodable.add();
            log_event(log_,
                      LogLevel::warn,
                      "cell.refused",
                      kv("endpoint", version.tenant + "/" + version.name),
                      kv("endpoint_id", due[i].endpoint),
                      kv("minute", due[i].minute),
                      kv("detail", why));
        }
        if (must_wait(version, due[i].minute, found[i].cells)) continue;
        plan.seal(
            version, due[i].minute, std::move(found[i].cells), alive, quarantined(due[i].minute));
    }
}

/// A P1 need not wait for regions that look later in the minute: the cells that came of endpoints
/// that are near one are looked at in each step, so many at a time.
Task<> ArchiveLoop::open_early() {
    auto looks = early_.next(progress_, catalogue_, options_.window, utc_now(), kEarlyPerStep);
    std::erase_if(looks, [this](const EarlyLook& look) { return !is_known(look.minute); });
    if (looks.empty()) co_return;
    std::vector<CellsQuery> queries;
    for (const auto& look : looks)
        queries.push_back(query_of(*look.version, look.minute));
    const auto found = co_await buffer_.read_cells(std::move(queries));
    SealPlan plan{progress_, catalogue_, utc_now()};
    for (std::size_t i = 0; i < looks.size(); ++i)
        plan.open_early(*looks[i].version, looks[i].minute, found[i].cells);
    if (!plan.empty()) co_await commit(plan);
}

/// How many agents of each region were heard lately; without those that can't be asked now.
Task<std::map<RegionId, std::uint32_t>> ArchiveLoop::agents_alive() {
    std::vector<std::string> names;
    for (const auto& [region, name] : regions_)
        names.push_back(name);
    const auto heartbeats = co_await read_heartbeats(redis_, names);
    const auto oldest = utc_now() - kAgentSilence;
    std::map<RegionId, std::uint32_t> alive;
    auto of_region = heartbeats.begin();
    for (const auto& [region, name] : regions_) {
        const auto& read = *of_region++;
        if (!read.unavailable.empty()) continue;
        const auto heard = std::ranges::count_if(
            read.agents, [oldest](const Heartbeat& each) { return each.at > oldest; });
        alive[region] = static_cast<std::uint32_t>(heard);
    }
    co_return alive;
}

}  // namespace quorate
