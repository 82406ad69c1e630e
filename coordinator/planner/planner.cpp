#include "coordinator/planner/planner.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/base/sha256.hpp"
#include "core/base/text.hpp"
#include "core/verdict/slow.hpp"
#include "platform/wire/job_codec.hpp"

namespace quorate::coordinator {
namespace {

bool counts(const std::vector<PlannedVersion>& versions) {
    return std::ranges::any_of(
        versions, [](const PlannedVersion& version) { return version.demand.counts(); });
}

}  // namespace

Job common_job(const EndpointVersion& version, Window window) {
    const auto& spec = version.spec;
    const auto timing = timing_of(spec.timeout, window);
    Job job;
    job.key.endpoint = version.endpoint;
    job.shard = version.shard;
    job.cell_slot = version.cell_slot;
    job.regions_mask = RegionMask::of(version.regions);
    job.tenant = spec.tenant;
    job.name = spec.name;
    job.window = window;
    job.expected_cells = static_cast<std::uint32_t>(version.regions.size());
    job.url = spec.url;
    job.timeout = timing.timeout_in_force;
    job.retry_gap = timing.retry_gap;
    job.era = spec.era;
    job.ip = spec.ip;
    job.expect = spec.expect;
    job.canary = spec.canary;
    for (const auto& [name, value] : spec.headers)
        if (value.secret.empty()) job.headers.emplace_back(name, value.value);
    job.health_url = spec.health_url;
    job.wants_credentials = !credential_uses(spec).empty();
    return job;
}

std::shared_ptr<const WantedCredentials> wanted_credentials(const EndpointVersion& version,
                                                            const Job& common) {
    auto uses = credential_uses(version.spec);
    if (uses.empty()) return nullptr;
    return std::make_shared<const WantedCredentials>(
        WantedCredentials{common.tenant, std::move(uses), credential_binding(common)});
}

std::vector<CredentialUse> credential_uses(const EndpointSpec& spec) {
    std::vector<CredentialUse> uses;
    if (spec.bearer && !spec.bearer->secret.empty())
        uses.push_back({CredentialKind::header, "Authorization", "Bearer ", spec.bearer->secret});
    for (const auto& [name, value] : spec.headers)
        if (!value.secret.empty()) uses.push_back({CredentialKind::header, name, "", value.secret});
    if (!spec.tls_ca_secret.empty())
        uses.push_back({CredentialKind::tls_ca, "", "", spec.tls_ca_secret});
    if (!spec.tls_client_secret.empty())
        uses.push_back({CredentialKind::tls_client, "", "", spec.tls_client_secret});
    return uses;
}

void Planner::set(EndpointId endpoint, const std::vector<EndpointVersion>& versions) {
    forget(endpoint);
    Versions kept;
    for (const auto& version : versions)
        if (!version.spec.paused && version.valid_to != version.valid_from)
            kept.push_back(planned(version));
    if (kept.empty()) return;
    std::ranges::sort(kept, {}, &PlannedVersion::valid_from);
    for (const auto& version : kept) {
        if (!version.valid_to) continue;
        const UtcTime end = version.valid_to->start();
        ends_.emplace(end, endpoint);
        ends_.emplace(end + kept_after_end(window_), endpoint);
    }
    const auto at = versions.front().shard;  // it follows from the name: the same for all
    auto& shard = shards_[at];
    auto& of_endpoint = shard.endpoints[endpoint] = std::move(kept);
    count_one(shard, of_endpoint);
    shard.sorted = false;
    shard_of_.emplace(endpoint, at);
}

void Planner::forget(EndpointId endpoint) {
    const auto known = shard_of_.find(endpoint);
    if (known == shard_of_.end()) return;
    auto& shard = shards_[known->second];
    const auto versions = shard.endpoints.find(endpoint);
    shard.counted -= counts(versions->second) ? 1 : 0;
    shard.endpoints.erase(versions);
    shard.sorted = false;
    shard_of_.erase(known);
}

void Planner::pass(UtcTime now) {
    now_ = now;
    while (!ends_.empty() && ends_.begin()->first <= now) {
        const auto endpoint = ends_.begin()->second;
        ends_.erase(ends_.begin());
        const auto known = shard_of_.find(endpoint);
        if (known == shard_of_.end()) continue;
        auto& shard = shards_[known->second];
        auto& versions = shard.endpoints[endpoint];
        count_one(shard, versions);
        const auto long_ago = now - kept_after_end(window_);
        const auto dropped = std::erase_if(
            versions, [&](const PlannedVersion& version) { return version.ended_by(long_ago); });
        if (dropped > 0) shard.sorted = false;
        if (versions.empty()) forget(endpoint);
    }
}

/// The version that is in force counts, or the one that comes; none: the endpoint is paused or
/// gone.
void Planner::count_one(Shard& shard, Versions& versions) const {
    shard.counted -= counts(versions) ? 1 : 0;
    const auto counted = std::ranges::find_if(
        versions, [this](const PlannedVersion& version) { return !version.ended_by(now_); });
    for (auto version = versions.begin(); version != versions.end(); ++version)
        version->demand.count(version == counted);
    shard.counted += counts(versions) ? 1 : 0;
}

PlannedVersion Planner::planned(const EndpointVersion& version) {
    const auto timing = timing_of(version.spec.timeout, window_);
    PlannedVersion out;
    out.endpoint = version.endpoint;
    out.version = version.version;
    out.valid_from = version.valid_from;
    out.valid_to = version.valid_to;
    out.regions = version.regions;
    out.hash = stable_hash(full_name(version.spec));
    out.every = std::max<std::int64_t>(1, version.interval / window_.length());
    out.span = timing.span;
    out.budget = timing.budget;
    out.latency_slo = version.spec.latency_slo;
    const auto job = common_job(version, window_);
    out.job = wire::encode_job_of_endpoint(job);
    out.credentials = wanted_credentials(version, job);
    out.demand = politeness_.demand(
        version.spec.url,
        version.spec.tenant,
        static_cast<double>(out.regions.size()) / static_cast<double>(out.every));
    out.demand.count(false);
    return out;
}

void Planner::sort(Shard& shard) {
    shard.plans.clear();
    for (const auto& [endpoint, versions] : shard.endpoints) {
        for (const auto& version : versions) {
            const auto remainder =
                static_cast<std::int64_t>(version.hash % static_cast<std::uint64_t>(version.every));
            const auto regions = static_cast<std::uint32_t>(version.regions.size());
            for (std::uint32_t index = 0; index < regions; ++index)
                shard.plans[version.regions[index]][version.every][remainder].push_back(
                    {slot_of(version.hash, index, regions, version.span), &version});
        }
    }
    for (auto& [region, plan] : shard.plans) {
        for (auto& [every, remainders] : plan) {
            for (auto& [remainder, slots] : remainders) {
                std::sort(slots.begin(), slots.end(), [](const auto& a, const auto& b) {
                    return std::tie(a.slot, a.version->endpoint) <
                           std::tie(b.slot, b.version->endpoint);
                });
                slots.shrink_to_fit();
            }
        }
    }
    shard.sorted = true;
}

template <class Visit>
void Planner::visit(
    ShardId shard_id, RegionId region, UtcTime from, UtcTime until, const Visit& seen) {
    const auto found = shards_.find(shard_id);
    if (found == shards_.end() || until <= from) return;
    auto& shard = found->second;
    if (!shard.sorted) sort(shard);
    const auto plan = shard.plans.find(region);
    if (plan == shard.plans.end()) return;
    const auto last = UtcMinute::containing(until, window_);
    // A span may be as long as the window, never longer: no slot reaches into the next minute.
    for (auto minute = UtcMinute::containing(from, window_); minute <= last;
         minute = minute.plus(1, window_)) {
        // The first slot whose time is later than `from`: slots are whole milliseconds.
        const auto first =
            std::chrono::floor<milliseconds>(from - minute.start()) + milliseconds{1};
        for (const auto& [every, remainders] : plan->second) {
            const auto slots = remainders.find(minute.index(window_) % every);
            if (slots == remainders.end()) continue;
            auto entry = std::lower_bound(
                slots->second.begin(),
                slots->second.end(),
                first,
                [](const Entry& one, milliseconds slot) { return one.slot < slot; });
            for (; entry != slots->second.end(); ++entry) {
                if (minute.start() + entry->slot > until) break;
                if (entry->version->in_force(minute)) seen(*entry->version, minute, entry->slot);
            }
        }
    }
}

void Planner::due(
    ShardId shard, RegionId region, UtcTime from, UtcTime until, std::vector<DueProbe>& out) {
    out.clear();
    visit(shard,
          region,
          from,
          until,
          [&out](const PlannedVersion& version, UtcMinute minute, milliseconds slot) {
              out.push_back({&version, minute, slot});
          });
    const auto earlier = [](const DueProbe& a, const DueProbe& b) {
        return std::make_tuple(a.slot_time(), a.version->endpoint) <
               std::make_tuple(b.slot_time(), b.version->endpoint);
    };
    // Endpoints of one interval come in order as they are.
    if (!std::is_sorted(out.begin(), out.end(), earlier))
        std::sort(out.begin(), out.end(), earlier);
}

std::size_t Planner::count(ShardId shard, RegionId region, UtcTime from, UtcTime until) {
    std::size_t count = 0;
    visit(shard, region, from, until, [&count](const PlannedVersion&, UtcMinute, milliseconds) {
        ++count;
    });
    return count;
}

void Planner::keep(const std::set<ShardId>& shards) {
    for (auto& [id, shard] : shards_) {
        if (!shard.sorted || shards.contains(id)) continue;
        shard.plans = {};
        shard.sorted = false;
    }
}

HeldBack Planner::held_back(const DueProbe& probe) const {
    const auto& version = *probe.version;
    const auto look = probe.minute.index(window_) / version.every;
    return politeness_.held_back(version.demand, version.hash, look);
}

UtcTime Planner::latest_start(const DueProbe& probe) const {
    return not_after(probe.minute, window_, probe.version->budget);
}

/// One look in 24 h finds out the era anew: a stale hint would succeed silently for ever after an
/// upgrade. Counted in looks, not in windows, so that it comes round for every interval; the hash
/// spreads the endpoints over the day.
bool Planner::detects_era_anew(const DueProbe& probe) const {
    const auto every = probe.version->every;
    const auto look = probe.minute.index(window_) / every;
    const auto looks_per_day =
        std::max<std::int64_t>(1, std::chrono::hours{24} / (window_.length() * every));
    const auto share =
        static_cast<std::int64_t>(probe.version->hash % static_cast<std::uint64_t>(looks_per_day));
    return (look + share) % looks_per_day == 0;
}

void Planner::append_job(const DueProbe& probe, const Learned& learned, std::string& bytes) const {
    wire::JobTurn turn{probe.minute,
                       probe.slot,
                       latest_start(probe),
                       learned.era,
                       detects_era_anew(probe),
                       held_back(probe),
                       {},
                       {}};
    std::optional<LatencyBaseline> total;
    if (learned.baseline) {
        total = learned.baseline->total;
        turn.usual = learned.baseline->usual;
    }
    turn.slow_over_ms = slow_over_ms(probe.version->latency_slo, total);
    bytes += probe.version->job;
    wire::append_job_turn(turn, bytes);
}

std::size_t Planner::endpoints(const std::set<ShardId>& shards) const {
    std::size_t count = 0;
    for (const auto& [id, shard] : shards_)
        if (shards.contains(id)) count += shard.counted;
    return count;
}

}  // namespace quorate::coordinator
