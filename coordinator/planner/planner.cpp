#include "coordinator/planner/planner.hpp"

#include <algorithm>
#include <tuple>

#include "core/base/sha256.hpp"

namespace quorate::coordinator {

void Planner::set(EndpointId endpoint, std::vector<EndpointVersion> versions) {
    if (const auto known = scheduled_.find(endpoint); known != scheduled_.end()) {
        for (const auto& old : known->second) {
            auto& rhythms = regions_[old.region];
            auto& slots = rhythms[old.rhythm];
            slots.erase(old.key);
            if (slots.empty()) rhythms.erase(old.rhythm);
            auto& lengths = lengths_[old.region];
            if (--lengths[old.rhythm.every] == 0) lengths.erase(old.rhythm.every);
        }
        scheduled_.erase(known);
    }
    std::vector<Placed> placed;
    for (auto& version : versions) {
        if (version.spec.paused || version.valid_to == version.valid_from) continue;
        place(std::make_shared<const EndpointVersion>(std::move(version)), placed);
    }
    if (!placed.empty()) scheduled_.emplace(endpoint, std::move(placed));
}

void Planner::place(const std::shared_ptr<const EndpointVersion>& version,
                    std::vector<Placed>& placed) {
    const auto hash = stable_hash(full_name(version->spec));
    const auto every = windows_per_look(*version);
    const auto remainder = static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(every));
    const auto span = timing_of(version->spec.timeout, window_).span;
    const auto regions = static_cast<std::uint32_t>(version->regions.size());
    for (std::uint32_t index = 0; index < regions; ++index) {
        const Placed place{
            version->regions[index],
            {every, remainder},
            {slot_of(hash, index, regions, span), version->endpoint, version->version}};
        regions_[place.region][place.rhythm].emplace(place.key, Entry{version, index});
        ++lengths_[place.region][every];
        placed.push_back(place);
    }
}

std::vector<DueProbe> Planner::due(RegionId region, UtcTime from, UtcTime until) const {
    std::vector<DueProbe> out;
    const auto rhythms = regions_.find(region);
    if (rhythms == regions_.end() || until <= from) return out;
    const auto last = UtcMinute::containing(until, window_);
    // A span may be as long as the window, never longer: no slot reaches into the next minute.
    for (auto minute = UtcMinute::containing(from, window_); minute <= last;
         minute = minute.plus(1, window_)) {
        for (const auto& [every, entries] : lengths_.at(region)) {
            const auto slots = rhythms->second.find({every, minute.index(window_) % every});
            if (slots != rhythms->second.end()) collect(slots->second, minute, from, until, out);
        }
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
        return std::make_tuple(a.slot_time(), a.version->endpoint) <
               std::make_tuple(b.slot_time(), b.version->endpoint);
    });
    return out;
}

void Planner::collect(const Slots& slots,
                      UtcMinute minute,
                      UtcTime from,
                      UtcTime until,
                      std::vector<DueProbe>& out) const {
    // The first slot whose time is later than `from`: slots are whole milliseconds.
    const auto first = std::chrono::floor<milliseconds>(from - minute.start()) + milliseconds{1};
    for (auto entry = slots.lower_bound({first, EndpointId{0}, 0}); entry != slots.end(); ++entry) {
        if (minute.start() + entry->first.slot > until) break;
        const auto& [version, region_index] = entry->second;
        if (version->in_force(minute))
            out.push_back({version, region_index, minute, entry->first.slot});
    }
}

UtcTime Planner::latest_start(const DueProbe& probe) const {
    return not_after(probe.minute, window_, timing_of(probe.version->spec.timeout, window_).budget);
}

/// One look in 24 h goes without the hint: a stale one would succeed silently for ever after an
/// upgrade. Counted in looks, not in windows, so that it comes round for every interval; the hash
/// spreads the endpoints over the day.
bool Planner::detects_era_anew(const DueProbe& probe) const {
    const auto every = windows_per_look(*probe.version);
    const auto look = probe.minute.index(window_) / every;
    const auto looks_per_day =
        std::max<std::int64_t>(1, std::chrono::hours{24} / (window_.length() * every));
    const auto hash = stable_hash(full_name(probe.version->spec));
    const auto share = static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(looks_per_day));
    return (look + share) % looks_per_day == 0;
}

std::int64_t Planner::windows_per_look(const EndpointVersion& version) const {
    return std::max<std::int64_t>(1, version.interval / window_.length());
}

Job Planner::job(const DueProbe& probe,
                 const std::string& region,
                 std::optional<Era> era_hint) const {
    const auto& version = *probe.version;
    const auto& spec = version.spec;
    const auto timing = timing_of(spec.timeout, window_);
    Job job;
    job.id = std::to_string(probe.minute.epoch_ms()) + ":" +
             std::to_string(version.endpoint.value()) + ":" + region;
    job.trace_id = to_hex(sha256(job.id)).substr(0, 32);
    job.key = {version.endpoint, version.regions[probe.region_index], probe.minute};
    job.shard = version.shard;
    job.cell_slot = version.cell_slot;
    job.regions_mask = RegionMask::of(version.regions);
    job.tenant = spec.tenant;
    job.name = spec.name;
    job.region = region;
    job.window = window_;
    job.slot = probe.slot;
    job.not_after = not_after(probe.minute, window_, timing.budget);
    job.expected_cells = static_cast<std::uint32_t>(version.regions.size());
    if (spec.latency_slo) job.slow_over_ms = static_cast<std::uint32_t>(spec.latency_slo->count());
    job.url = spec.url;
    job.timeout = timing.timeout_in_force;
    job.retry_gap = timing.retry_gap;
    job.era = spec.era;
    job.era_hint = era_hint;
    job.detect_era = detects_era_anew(probe);
    job.ip = spec.ip;
    job.expect = spec.expect;
    job.canary = spec.canary;
    for (const auto& [name, value] : spec.headers)
        job.headers.emplace_back(name, value.value);
    job.health_url = spec.health_url;
    return job;
}

}  // namespace quorate::coordinator
