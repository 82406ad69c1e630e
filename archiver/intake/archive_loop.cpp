#include "archiver/intake/archive_loop.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/this_coro.hpp>

#include "archiver/store/packed_cell.hpp"
#include "archiver/store/seal_store.hpp"
#include "core/schedule/schedule.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate {
namespace {

constexpr std::chrono::seconds kAgentSilence{45};  // after which an agent counts as dead
constexpr std::chrono::seconds kOffsetAge{10};
constexpr std::chrono::hours kPartitionsAge{1};
constexpr std::chrono::hours kLookBack{1};  // into Redis, if its watermark is behind ours
constexpr int kDuePerStep = 50;  // watermarks in one step, so that catching up starves nothing

void log_transition(Logger& log, const EndpointVersion& version, const Transition& transition) {
    log_event(log,
              LogLevel::info,
              "incident.changed",
              kv("endpoint", version.tenant + "/" + version.name),
              kv("endpoint_id", version.endpoint),
              kv("minute", transition.minute),
              kv("kind", name_of(transition.kind)),
              kv("severity", transition.to ? name_of(*transition.to) : std::string_view{}),
              kv("scope", name_of(transition.scope)),
              kv("detail", transition.detail));
}

Gap gap_of(const SealedRow& row) {
    Gap gap{row.version.shard, row.minute, row.version.endpoint, row.version.cell_slot, {}};
    for (const auto& cell : row.cells)
        if (made_at_seal(cell)) gap.regions.push_back(cell.key.region);
    return gap;
}

CellsQuery query_of(const EndpointVersion& version, UtcMinute minute) {
    return {version.shard, minute, version.endpoint, version.cell_slot, version.regions};
}

}  // namespace

ArchiveLoop::ArchiveLoop(ArchiveOptions options,
                         Database& database,
                         RedisClient& redis,
                         const Clock& clock,
                         Logger& log,
                         const ArchiverMetrics& metrics)
    : options_{options},
      database_{database},
      redis_{redis},
      buffer_{redis},
      clock_{clock},
      log_{log},
      metrics_{metrics},
      announcements_{options.held_max} {
    for (std::uint32_t shard = 0; shard < options_.shards; ++shard)
        shards_.emplace_back(shard);
}

Task<> ArchiveLoop::run() {
    Backoff backoff{milliseconds{200},
                    std::chrono::seconds{5},
                    static_cast<std::uint64_t>(clock_.utc_now().time_since_epoch().count())};
    for (;;) {
        std::string lost;
        auto level = LogLevel::warn;
        try {
            co_await run_until_failure(backoff);
        } catch (const PostgresUnavailable& error) {
            lost = error.what();
        } catch (const RedisUnavailable& error) {
            lost = error.what();
        } catch (const RedisError& error) {  // such as LOADING while it starts
            lost = error.what();
        } catch (const Overloaded& error) {
            lost = error.what();
        } catch (const PostgresError& error) {
            lost = error.what();
            level = LogLevel::error;
        }
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() == asio::cancellation_type::none)  // else our own shutdown
            log_event(log_, level, "archive.interrupted", kv("detail", lost));
        co_await sleep_for(backoff.next());
    }
}

/// Everything in memory is read anew, as nothing is known of the outcome of the last commit.
Task<> ArchiveLoop::start() {
    redis_returned_ = false;
    auto load = [](pqxx::work& work) { return load_committed(work); };
    auto committed = co_await database_.transact(load);
    progress_ = std::move(committed.progress);
    watermarks_ = std::move(committed.watermarks);
    announcements_.clear();
    catalogue_window_ = -1;
    partitions_at_ = {};
    offset_at_ = {};
    co_await refresh_catalogue();  // which keys a minute may have
    co_await catch_up_redis();
}

/// A crash may have come between the last commits and Redis, and Redis may have lost its memory.
/// Each shard's minutes from Redis's watermark, whose cells may still stand there, up to ours:
/// minute by minute, so that a crash in here leaves the rest to the next start.
Task<> ArchiveLoop::catch_up_redis() {
    gaps_.clear();
    std::vector<ShardId> shards;
    for (const auto& [shard, minute] : watermarks_)
        shards.push_back(shard);
    const auto known = co_await buffer_.read_sealed(std::move(shards));
    std::map<ShardId, UtcMinute> from;
    auto sealed = known.begin();
    for (const auto& [shard, minute] : watermarks_) {
        const auto oldest = minute.plus(-(kLookBack / options_.window.length()), options_.window);
        from[shard] = std::max(std::min((sealed++)->value_or(minute), minute), oldest);
    }
    auto load = [&from](pqxx::work& work) { return load_gaps(work, from); };
    auto gaps = co_await database_.transact(load);
    for (auto& gap : gaps)
        note(std::move(gap));
    while (!from.empty()) {
        std::vector<ShardMinute> sealed_now;
        for (const auto& [shard, minute] : from)
            sealed_now.push_back({shard, minute});
        co_await forget(std::move(sealed_now));
        std::erase_if(
            from, [this](const auto& each) { return each.second >= watermarks_.at(each.first); });
        for (auto& [shard, minute] : from)
            minute = minute.plus(1, options_.window);
    }
}

Task<> ArchiveLoop::run_until_failure(Backoff& backoff) {
    co_await start();
    for (;;) {
        co_await step();
        backoff.reset();
        co_await sleep_for(options_.poll);
    }
}

Task<> ArchiveLoop::step() {
    if (redis_returned_) co_await start();
    co_await refresh();
    co_await seal_announced();
    for (int i = 0; i < kDuePerStep; ++i)
        if (!co_await seal_due()) break;
    co_await store_late_cells();
    report_lag();
}

/// Redis's clock, the partitions, and the catalogue once per window: a version in force at a minute
/// was committed seconds before the minute began, so what was read after it began is complete.
Task<> ArchiveLoop::refresh() {
    const auto steady = clock_.steady_now();
    if (offset_at_ == SteadyTime{} || steady - offset_at_ > kOffsetAge) {
        const auto measured = co_await measure_clock_offset(redis_, clock_);
        offset_ = measured.offset;
        offset_at_ = steady;
    }
    if (partitions_at_ == SteadyTime{} || steady - partitions_at_ > kPartitionsAge) {
        auto make = [](pqxx::work& work) { work.exec("SELECT quorate.make_minute_partitions()"); };
        co_await database_.transact(make);
        partitions_at_ = steady;
    }
    const auto window = utc_now().time_since_epoch() / options_.window.length();
    if (window == catalogue_window_) co_return;
    co_await refresh_catalogue();
    catalogue_window_ = window;
    for (const auto shard : shards_)
        if (const auto first = catalogue_.first_minute(shard))
            watermarks_.try_emplace(shard, first->plus(-1, options_.window));
}

Task<> ArchiveLoop::refresh_catalogue() {
    auto load = [](pqxx::work& work) { return load_catalogue(work); };
    auto loaded = co_await database_.transact(load);
    catalogue_ = Catalogue{std::move(loaded.versions), options_.window};
    regions_ = std::move(loaded.regions);
    slots_ = std::move(loaded.slots);
}

std::optional<UtcMinute> ArchiveLoop::sealed_until(ShardId shard) const {
    const auto found = watermarks_.find(shard);
    if (found == watermarks_.end()) return std::nullopt;
    return found->second;
}

Task<> ArchiveLoop::seal_announced() {
    auto batches = co_await buffer_.read_done(shards_, region_ids(), options_.announced_max);
    for (const auto& batch : batches)
        for (const auto& run : batch.runs)
            note(batch.shard, run);
    const auto until = [this](ShardId shard) { return sealed_until(shard); };
    announcements_.forget_sealed(catalogue_, progress_, until);

    const auto ready =
        announcements_.ready(catalogue_, progress_, options_.window, until, options_.rows_max);
    std::vector<CellsQuery> queries;
    for (const auto& each : ready) {
        const auto* version = catalogue_.expected(each.endpoint, each.minute);
        queries.push_back(query_of(*version, each.minute));
    }
    const auto found = co_await buffer_.read_cells(queries);
    SealPlan plan{progress_, catalogue_, utc_now()};
    std::set<EndpointId> incomplete;  // whose later minutes have to wait as well
    for (std::size_t i = 0; i < ready.size(); ++i) {
        announcements_.forget(ready[i]);
        const auto& query = queries[i];
        if (found[i].cells.size() < query.regions.size()) incomplete.insert(query.endpoint);
        if (incomplete.contains(query.endpoint)) continue;  // left to the watermark
        const auto& version = *catalogue_.expected(query.endpoint, query.minute);
        plan.seal(version, query.minute, found[i].cells, [](RegionId) { return true; });
    }
    if (!plan.empty()) co_await commit(plan);
    co_await buffer_.drop_done(std::move(batches));
    metrics_.held.set(static_cast<double>(announcements_.size()));
}

std::optional<UtcMinute> ArchiveLoop::next_due() const {
    std::optional<UtcMinute> oldest;
    for (const auto& [shard, minute] : watermarks_)
        if (!oldest || minute < *oldest) oldest = minute;
    if (!oldest) return std::nullopt;
    return oldest->plus(1, options_.window);
}

/// Seals what is left of the oldest minute that is out of time, of all shards that are at it.
/// @return false if none is.
Task<bool> ArchiveLoop::seal_due() {
    const auto minute = next_due();
    if (!minute || utc_now() < watermark(*minute, options_.window)) co_return false;
    std::vector<ShardId> shards;
    std::vector<Announcement> due;
    for (const auto& [shard, sealed] : watermarks_) {
        if (sealed.plus(1, options_.window) != *minute) continue;
        shards.push_back(shard);
        for (const auto endpoint : catalogue_.endpoints(shard)) {
            const auto known = progress_.find(endpoint);
            const bool done = known != progress_.end() && known->second.rule.last_minute >= *minute;
            if (!done && catalogue_.expected(endpoint, *minute)) due.push_back({*minute, endpoint});
        }
    }
    while (due.size() > options_.rows_max) {  // in several transactions, the watermark in the last
        const auto rest = due.end() - static_cast<std::ptrdiff_t>(options_.rows_max);
        const std::vector<Announcement> some{rest, due.end()};
        due.erase(rest, due.end());
        SealPlan part{progress_, catalogue_, utc_now()};
        co_await plan_due(part, some);
        co_await commit(part);
    }
    SealPlan plan{progress_, catalogue_, utc_now()};
    co_await plan_due(plan, due);
    for (const auto shard : shards) {
        plan.watermarks.push_back({shard, *minute});
        for (const auto endpoint : catalogue_.endpoints(shard))
            if (const auto* version = catalogue_.deleted(endpoint, *minute))
                plan.close_deleted(*version, *minute);
    }
    co_await commit(plan);
    std::vector<ShardMinute> sealed;
    for (const auto shard : shards)
        sealed.push_back({shard, *minute});
    co_await forget(std::move(sealed));
    co_return true;
}

Task<> ArchiveLoop::plan_due(SealPlan& plan, const std::vector<Announcement>& due) {
    if (due.empty()) co_return;
    std::vector<CellsQuery> queries;
    for (const auto& each : due) {
        const auto* version = catalogue_.expected(each.endpoint, each.minute);
        queries.push_back(query_of(*version, each.minute));
    }
    const auto found = co_await buffer_.read_cells(queries);
    const auto dead = co_await dead_regions();
    const auto alive = [&dead](RegionId region) {
        return !std::ranges::binary_search(dead, region);
    };
    for (std::size_t i = 0; i < due.size(); ++i) {
        for (const auto& why : found[i].undecodable) {
            metrics_.undecodable.add();
            log_event(log_,
                      LogLevel::warn,
                      "cell.refused",
                      kv("endpoint_id", due[i].endpoint),
                      kv("minute", due[i].minute),
                      kv("detail", why));
        }
        plan.seal(*catalogue_.expected(due[i].endpoint, due[i].minute),
                  due[i].minute,
                  found[i].cells,
                  alive);
    }
}

/// Redis forgets minutes whose watermark is committed. Cells that came between the read and the
/// commit are late cells that Redis did not know to be late: so first no cell can come any more,
/// then these are stored, and only then all of them go.
Task<> ArchiveLoop::forget(std::vector<ShardMinute> sealed) {
    co_await buffer_.seal(sealed);
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
}

/// Stores what came for cells that were made at the seal.
Task<> ArchiveLoop::look_again(std::vector<CellsQuery> gaps) {
    const auto found = co_await buffer_.read_cells(std::move(gaps));
    std::vector<Cell> late;
    for (const auto& each : found)
        late.insert(late.end(), each.cells.begin(), each.cells.end());
    if (late.empty()) co_return;
    auto store = [&late](pqxx::work& work) { return store_late(work, late); };
    const auto outcome = co_await database_.transact(store);
    count_late(outcome);
}

void ArchiveLoop::note(Gap gap) {
    gaps_[{gap.shard, gap.minute}].push_back(
        {gap.shard, gap.minute, gap.endpoint, gap.cell_slot, std::move(gap.regions)});
}

/// The endpoints that are expected under the slots of an announcement.
void ArchiveLoop::note(ShardId shard, const DoneRun& run) {
    for (std::uint32_t i = 0; i < run.count; ++i)
        if (const auto* version = catalogue_.expected(shard, run.first_slot + i, run.minute))
            announcements_.add({run.minute, version->endpoint});
}

std::vector<RegionId> ArchiveLoop::region_ids() const {
    std::vector<RegionId> ids;
    for (const auto& [region, name] : regions_)
        ids.push_back(region);
    return ids;
}

void ArchiveLoop::count_late(const LateOutcome& outcome) {
    metrics_.late.with({"stored"}).add(static_cast<double>(outcome.stored));
    metrics_.late.with({"duplicate"}).add(static_cast<double>(outcome.duplicate));
    metrics_.late.with({"unexpected"}).add(static_cast<double>(outcome.unexpected));
}

/// The regions of which no agent was heard lately, ascending.
Task<std::vector<RegionId>> ArchiveLoop::dead_regions() {
    std::vector<std::string> names;
    for (const auto& [region, name] : regions_)
        names.push_back(name);
    const auto heartbeats = co_await read_heartbeats(redis_, names);
    const auto oldest = utc_now() - kAgentSilence;
    std::vector<RegionId> dead;
    auto of_region = heartbeats.begin();
    for (const auto& [region, name] : regions_) {
        const bool heard = std::ranges::any_of(
            *of_region++, [oldest](const Heartbeat& each) { return each.at > oldest; });
        if (!heard) dead.push_back(region);
    }
    co_return dead;
}

/// One transaction; what the plan changed is taken over once it is committed.
Task<> ArchiveLoop::commit(SealPlan& plan) {
    const auto started = clock_.steady_now();
    auto store = [this, &plan](pqxx::work& work) { store_plan(work, plan, regions_); };
    co_await database_.transact(store);
    for (auto& [endpoint, progress] : plan.changed)
        progress_[endpoint] = std::move(progress);
    for (const auto& watermark : plan.watermarks)
        watermarks_[watermark.shard] = watermark.minute;

    const std::chrono::duration<double> elapsed = clock_.steady_now() - started;
    if (!plan.rows.empty()) {
        metrics_.batch_minutes.observe(static_cast<double>(plan.rows.size()));
        metrics_.batch_seconds.observe(elapsed.count());
    }
    const auto changed = [this](const EndpointVersion& version, const Transition& transition) {
        metrics_.transitions.with({name_of(transition.kind)}).add();
        log_transition(log_, version, transition);
    };
    for (const auto& row : plan.rows) {
        metrics_.sealed.with({name_of(row.record.decision)}).add();
        if (auto gap = gap_of(row); !gap.regions.empty()) note(std::move(gap));
        for (const auto& transition : row.transitions)
            changed(row.version, transition);
    }
    for (const auto& close : plan.closes)
        changed(close.version, close.transition);
    log_event(log_,
              LogLevel::debug,
              "batch.committed",
              kv("minutes", plan.rows.size()),
              kv("elapsed_ms", elapsed));
}

Task<> ArchiveLoop::store_late_cells() {
    auto batches = co_await buffer_.read_late(shards_, region_ids(), options_.late_max);
    for (auto& batch : batches) {
        auto store = [&batch](pqxx::work& work) { return store_late(work, batch.cells); };
        const auto outcome = co_await database_.transact(store);
        count_late(outcome);
        metrics_.undecodable.add(static_cast<double>(batch.undecodable.size()));
        for (const auto& why : batch.undecodable)
            log_event(log_, LogLevel::warn, "cell.refused", kv("detail", why));
        co_await buffer_.drop_late(std::move(batch));
    }
}

void ArchiveLoop::report_lag() {
    const auto due = next_due();
    const std::chrono::duration<double> overdue =
        due ? utc_now() - watermark(*due, options_.window) : microseconds{0};
    metrics_.watermark_lag.set(std::max(0.0, overdue.count()));
}

}  // namespace quorate
