#include "archiver/intake/archive_loop.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/this_coro.hpp>

#include "archiver/store/packed_cell.hpp"
#include "core/decision/seal.hpp"
#include "core/schedule/schedule.hpp"
#include "platform/postgres/errors.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate {
namespace {

constexpr std::chrono::seconds kOffsetAge{10};
constexpr std::chrono::hours kPartitionsAge{1};
constexpr std::size_t kUnusableLogged = 1000;  // windows, each once
constexpr milliseconds kLateAtATime{100};      // of a step
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

void log_notice(Logger& log, const SealedRow& row, const NoticeChange& notice) {
    log_event(log,
              LogLevel::info,
              notice.change == NoticeChange::Kind::closed ? "notice.closed" : "notice.opened",
              kv("endpoint", row.version.tenant + "/" + row.version.name),
              kv("endpoint_id", row.version.endpoint),
              kv("minute", row.minute),
              kv("notice", name_of(notice.kind)),
              kv("detail", notice.detail));
}

Gap gap_of(const SealedRow& row) {
    Gap gap{row.version.shard, row.minute, row.version.endpoint, row.version.cell_slot, {}};
    for (const auto& cell : row.cells)
        if (made_at_seal(cell)) gap.regions.push_back(cell.key.region);
    return gap;
}

}  // namespace

ArchiveLoop::ArchiveLoop(ArchiveOptions options,
                         ArchiveStore& store,
                         Chores& chores,
                         RedisClient& redis,
                         HeldShards& held,
                         const Clock& clock,
                         Logger& log,
                         const ArchiverMetrics& metrics)
    : options_{std::move(options)},
      store_{store},
      chores_{chores},
      redis_{redis},
      held_{held},
      buffer_{redis},
      clock_{clock},
      log_{log},
      metrics_{metrics},
      announcements_{options_.held_max} {}

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
        } catch (const OlderArchiverSeals& error) {
            lost = error.what();
            older_seals_ = true;
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
Task<> ArchiveLoop::run_until_failure(Backoff& backoff) {
    forget_all();
    for (;;) {
        std::optional<ShardsFenced> taken;
        try {
            co_await step();
        } catch (const ShardsFenced& by) {
            taken = by;
        }
        if (taken) fenced(*taken);
        older_seals_ = false;
        backoff.reset();
        co_await sleep_for(options_.poll);
    }
}

Task<> ArchiveLoop::step() {
    if (redis_returned_) forget_all();
    co_await follow_leases();
    if (!shards_.empty()) {
        co_await refresh();
        co_await seal_announced();
        co_await tell_tallies();
        co_await seal_decided();
        for (int i = 0; i < kDuePerStep; ++i)
            if (!co_await seal_due()) break;
        co_await settle_regions();  // what others have sealed meanwhile
        co_await open_early();
        co_await store_late_cells();
        co_await keep_house();
    }
}

/// What is for the whole database is done by one archiver, that of shard 0. Where the database
/// refuses any of it sealing goes on all the same.
Task<> ArchiveLoop::keep_house() {
    std::string failure;
    try {
        ChoreShards shards{watermarks_, held_epochs_, catalogue_.endpoint_count(), keeps_house()};
        co_await chores_.step(std::move(shards));
    } catch (const PostgresError& error) {
        failure = error.what();
    }
    if (house_fails_ == !failure.empty()) co_return;
    house_fails_ = !failure.empty();
    log_event(log_,
              house_fails_ ? LogLevel::error : LogLevel::info,
              house_fails_ ? "housekeeping.failed" : "housekeeping.resumed",
              kv("detail", failure));
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
    const bool partitions_due =
        partitions_at_ == SteadyTime{} || steady - partitions_at_ > kPartitionsAge;
    if (keeps_house() && partitions_due) {
        co_await store_.make_partitions(held_epochs_);
        partitions_at_ = steady;
    }
    const auto window = utc_now().time_since_epoch() / options_.window.length();
    if (window == catalogue_window_) co_return;
    co_await refresh_catalogue();
    catalogue_window_ = window;
    SealPlan begun{progress_, catalogue_, utc_now()};
    for (const auto shard : shards_)
        if (const auto first = catalogue_.first_minute(shard); first && !sealed_until(shard))
            begun.watermarks.push_back({shard, first->plus(-1, options_.window)});
    // Stored, so that from its first minute on other archivers wait for what the shard saw.
    if (!begun.empty()) co_await commit(begun);
}

Task<> ArchiveLoop::refresh_catalogue() {
    auto loaded = co_await store_.catalogue(shards_of(held_epochs_));
    catalogue_ = Catalogue{std::move(loaded.versions), options_.window, std::move(loaded.windows)};
    regions_ = std::move(loaded.regions);
    slots_ = std::move(loaded.slots);
    metrics_.unusable_windows.set(static_cast<double>(loaded.unusable_windows.size()));
    for (const auto& window : loaded.unusable_windows)
        if (unusable_windows_.size() < kUnusableLogged && unusable_windows_.insert(window).second)
            log_event(log_, LogLevel::error, "window.unusable", kv("detail", window));
}

/// Whether the catalogue was read after the minute began, and so has all that is in force in it.
/// One that begins while a step lasts is left to the next step.
bool ArchiveLoop::is_known(UtcMinute minute) const {
    return minute.index(options_.window) <= catalogue_window_;
}

std::optional<UtcMinute> ArchiveLoop::sealed_until(ShardId shard) const {
    const auto found = watermarks_.find(shard);
    if (found == watermarks_.end()) return std::nullopt;
    return found->second;
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

std::string ArchiveLoop::region_name(RegionId region) const {
    const auto found = regions_.find(region);
    return found == regions_.end() ? std::to_string(region.value()) : found->second;
}

void ArchiveLoop::count_late(const LateOutcome& outcome) {
    metrics_.late.with({"stored"}).add(static_cast<double>(outcome.stored));
    metrics_.late.with({"duplicate"}).add(static_cast<double>(outcome.duplicate));
    metrics_.late.with({"unexpected"}).add(static_cast<double>(outcome.unexpected));
}

/// One transaction; what the plan changed is taken over once it is committed.
Task<> ArchiveLoop::commit(SealPlan& plan) {
    const auto started = clock_.steady_now();
    const auto states = journal_.entries(plan);
    PlanToStore to_store{plan, states, regions_, [this] { options_.at_step(SealStep::written); }};
    options_.at_step(SealStep::planned);
    co_await store_.commit(held_epochs_, std::move(to_store));
    options_.at_step(SealStep::committed);
    journal_.stored(states);
    for (auto& [endpoint, progress] : plan.changed) {
        early_.note(endpoint, progress, catalogue_);
        progress_[endpoint] = std::move(progress);
    }
    for (const auto& tally : plan.tallies)
        watch_.told(tally);
    for (const auto& watermark : plan.watermarks)
        watermarks_[watermark.shard] = watermark.minute;
    if (const auto due = next_due()) watch_.forget_until(due->plus(-1, options_.window));
    for (const auto& row : plan.rows) {
        count(row);
        if (auto gap = gap_of(row); !gap.regions.empty()) note(std::move(gap));
    }
    const std::chrono::duration<double> elapsed = clock_.steady_now() - started;
    if (!plan.rows.empty()) {
        metrics_.batch_minutes.observe(static_cast<double>(plan.rows.size()));
        metrics_.batch_seconds.observe(elapsed.count());
    }
    log_event(log_,
              LogLevel::debug,
              "batch.committed",
              kv("minutes", plan.rows.size()),
              kv("elapsed_ms", elapsed));
    report(plan);
    co_await chores_.lists_stored(plan, regions_);
}

/// What a committed plan changed, for metrics and log.
void ArchiveLoop::report(const SealPlan& plan) {
    const auto changed = [this](const EndpointVersion& version, const Transition& transition) {
        metrics_.transitions.with({name_of(transition.kind)}).add();
        log_transition(log_, version, transition);
    };
    for (const auto& row : plan.rows) {
        metrics_.sealed.with({name_of(row.record.decision)}).add();
        for (const auto& transition : row.transitions)
            changed(row.version, transition);
        for (const auto& notice : row.notices)
            if (notice.is_of_now()) log_notice(log_, row, notice);
    }
    for (const auto& row : plan.early)
        for (const auto& transition : row.transitions)
            changed(row.version, transition);
    for (const auto& close : plan.closes)
        for (const auto& transition : close.transitions)
            changed(close.version, transition);
}

/// A sealed minute among all endpoints; what was held was counted then.
void ArchiveLoop::count(const SealedRow& row) {
    if (watch_.holds(row.minute, row.version.endpoint)) {
        watch_.release(row.minute, row.version.endpoint);
        return;
    }
    auto cells = sealed_cells(row.cells, row.maintenance);
    as_came(cells);
    watch_.count(row.minute, row.version.shard, cells, row.version.host);
}

/// Of a region that was away come thousands: some are stored in each step, so that sealing goes on.
Task<> ArchiveLoop::store_late_cells() {
    const auto begun = clock_.steady_now();
    if (late_.empty()) late_ = co_await buffer_.read_late(shards_, region_ids(), options_.late_max);
    while (!late_.empty() && clock_.steady_now() - begun < kLateAtATime) {
        auto batch = std::move(late_.back());
        late_.pop_back();
        std::set<ShardId> shards{batch.shard};
        const auto outcome =
            co_await store_.store_late(held_epochs_, std::move(shards), std::move(batch.cells));
        count_late(outcome);
        metrics_.undecodable.add(static_cast<double>(batch.undecodable.size()));
        for (const auto& why : batch.undecodable)
            log_event(log_,
                      LogLevel::warn,
                      "cell.refused",
                      kv("region", region_name(batch.region)),
                      kv("detail", why));
        co_await buffer_.drop_late(std::move(batch), held_epochs_);
    }
}

void ArchiveLoop::report_lag() {
    const auto due = next_due();
    const std::chrono::duration<double> overdue =
        due ? utc_now() - watermark(*due, options_.window) : microseconds{0};
    metrics_.watermark_lag.set(std::max(0.0, overdue.count()));
    metrics_.logged_states.set(static_cast<double>(journal_.states()));
}

}  // namespace quorate
