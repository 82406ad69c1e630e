// What of the archive loop asks whether regions are believed: over the shards of all archivers.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "archiver/intake/archive_loop.hpp"
#include "core/decision/seal.hpp"
#include "core/schedule/schedule.hpp"

namespace quorate {
namespace {

/// Behind the watermark, for other archivers' shards.
constexpr std::chrono::seconds kTallyPatience{5};
constexpr std::size_t kSettledPerStep = 50;
constexpr std::chrono::seconds kSettleAgain{10};  // where it failed

}  // namespace

/// What an earlier holder counted and what was decided, of minutes that these shards have not all
/// sealed.
Task<> ArchiveLoop::restore_watch(const std::map<ShardId, UtcMinute>& sealed) {
    auto open = co_await store_.open_minutes(sealed);
    for (const auto& stored : open.sealed)
        if (const auto* version = catalogue_.expected(stored.endpoint, stored.minute))
            watch_.count(stored.minute, stored.shard, stored.cells, version->host);
    for (auto& [minute, quarantined] : open.decided)
        watch_.decide(minute, std::move(quarantined));
}

/// Whether the minute has to wait until it is decided whether its only failing region is believed;
/// it is kept for then.
bool ArchiveLoop::must_wait(const EndpointVersion& version,
                            UtcMinute minute,
                            const std::vector<Cell>& received) {
    if (watch_.decided(minute) != nullptr) return false;
    const auto views = sealed_cells(received, false);
    if (!lone_fail(views)) return false;
    if (catalogue_.in_maintenance(version, minute)) return false;  // nobody votes
    watch_.hold(version, minute, views);
    return true;
}

std::span<const RegionId> ArchiveLoop::quarantined(UtcMinute minute) const {
    const auto* decided = watch_.decided(minute);
    return decided == nullptr ? std::span<const RegionId>{} : std::span<const RegionId>{*decided};
}

/// Our shards that have not sealed the minute yet.
std::vector<ShardId> ArchiveLoop::unsealed(UtcMinute minute) const {
    std::vector<ShardId> unsealed;
    for (const auto& [shard, sealed] : watermarks_)
        if (sealed < minute) unsealed.push_back(shard);
    return unsealed;
}

/// Others wait for what our shards saw of a minute, so they are told as soon as all of a shard's
/// endpoints have reported. Where all shards are ours nobody waits.
Task<> ArchiveLoop::tell_tallies() {
    if (shards_.size() == options_.shards) co_return;
    SealPlan plan{progress_, catalogue_, utc_now()};
    for (const auto minute : watch_.counted()) {
        auto shards = unsealed(minute);
        std::erase_if(shards,
                      [&](ShardId shard) { return !watch_.complete(minute, shard, catalogue_); });
        auto untold = watch_.untold(minute, shards);
        std::ranges::move(untold, std::back_inserter(plan.tallies));
    }
    if (!plan.empty()) co_await commit(plan);
}

/// Whether it is decided which regions are not believed in a minute; if it can be, it is now. That
/// is stored before a minute is sealed by it, so that all archivers go by the same, and each after
/// a crash too.
Task<bool> ArchiveLoop::decide(UtcMinute minute) {
    if (watch_.decided(minute) != nullptr) co_return true;
    SealPlan plan{progress_, catalogue_, utc_now()};
    const auto shards = unsealed(minute);
    plan.tallies = watch_.untold(minute, shards);
    const bool out_of_time = utc_now() >= watermark(minute, options_.window) + kTallyPatience;
    auto decided = co_await store_.decide_regions(
        held_epochs_, plan.shards(), plan.tallies, minute, out_of_time);
    for (const auto& tally : plan.tallies)
        watch_.told(tally);
    if (!decided) co_return false;
    watch_.decide(minute, *std::move(decided));
    co_return true;
}

/// Seals what was held of a minute that is decided.
Task<> ArchiveLoop::seal_held(UtcMinute minute) {
    std::vector<Announcement> due;
    for (const auto endpoint : watch_.held(minute))
        due.push_back({minute, endpoint});
    co_await seal_all(std::move(due));
}

/// Seals what waits for a decision that can be made before the watermark, as all endpoints have
/// reported: ours are asked here, the others' shards by their tallies.
Task<> ArchiveLoop::seal_decided() {
    for (const auto minute : watch_.waiting()) {
        const auto shards = unsealed(minute);
        const bool complete = std::ranges::all_of(
            shards, [&](ShardId shard) { return watch_.complete(minute, shard, catalogue_); });
        const bool open = watch_.decided(minute) == nullptr;
        if (open && !complete) continue;
        const bool decided = co_await decide(minute);
        if (decided) co_await seal_held(minute);
    }
    metrics_.waiting.set(static_cast<double>(watch_.held()));
}

/// Where notices of regions can't be settled, sealing goes on, and it is tried again later.
void ArchiveLoop::note_settling(const std::string& failure) {
    const bool fails = !failure.empty();
    if (fails) settle_again_ = clock_.steady_now() + kSettleAgain;
    if (std::exchange(settling_fails_, fails) == fails) return;
    log_event(log_,
              fails ? LogLevel::error : LogLevel::info,
              fails ? "settling.failed" : "settling.resumed",
              kv("detail", failure));
}

/// Minutes that the shards of all archivers have sealed are settled by one: that of shard 0.
Task<> ArchiveLoop::settle_regions() {
    const auto due = next_due();
    if (!keeps_house() || !due) co_return;
    if (settled_ && *settled_ >= due->plus(-1, options_.window)) co_return;
    if (clock_.steady_now() < settle_again_) co_return;
    auto agents = co_await agents_alive();
    Settled settled;
    std::string failure;
    try {
        settled = co_await store_.settle(
            held_epochs_, std::move(agents), utc_now(), options_.window, kSettledPerStep);
    } catch (const PostgresError& error) {
        failure = error.what();
    }
    note_settling(failure);
    if (settled.until) settled_ = settled.until;
    for (const auto& fault : settled.changes)
        log_event(log_,
                  LogLevel::warn,
                  fault.opened ? "region.disbelieved" : "region.believed",
                  kv("region", fault.region),
                  kv("detail", fault.detail));
}

}  // namespace quorate
