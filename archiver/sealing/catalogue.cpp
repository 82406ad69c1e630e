#include "archiver/sealing/catalogue.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/schedule/schedule.hpp"

namespace quorate {
namespace {

bool in_force(const EndpointVersion& version, UtcMinute minute) {
    return version.valid_from <= minute && (!version.valid_to || minute < *version.valid_to);
}

}  // namespace

Catalogue::Catalogue(std::vector<EndpointVersion> versions, Window window, CatalogueWindows windows)
    : window_{window},
      maintenance_{std::move(windows.maintenance), window.length()},
      silences_{std::move(windows.silences), window.length()} {
    for (auto& version : versions)
        versions_[version.endpoint].push_back(std::move(version));
    for (auto& [endpoint, all] : versions_) {
        // A version may have been replaced before it came into force: both begin at one minute.
        std::ranges::sort(all, {}, [](const EndpointVersion& version) {
            return std::tuple{version.valid_from, !version.valid_to, version.valid_to};
        });
        shards_[all.front().shard].push_back(endpoint);
        auto& slots = slots_[all.front().shard];
        const auto slot = all.front().cell_slot;
        if (slots.size() <= slot) slots.resize(slot + 1);
        slots[slot].push_back(endpoint);
    }
    for (auto& [shard, endpoints] : shards_)
        std::ranges::sort(endpoints);
}

bool Catalogue::in_maintenance(const EndpointVersion& version, UtcMinute minute) const {
    return maintenance_.first(minute, version.tenant, version.name, version.labels) != nullptr;
}

std::optional<std::uint64_t> Catalogue::silence_of(const EndpointVersion& version,
                                                   UtcMinute minute) const {
    const auto* silence = silences_.first(minute, version.tenant, version.name, version.labels);
    if (silence == nullptr) return std::nullopt;
    return silence->id;
}

const EndpointVersion* Catalogue::expected(EndpointId endpoint, UtcMinute minute) const {
    const auto found = versions_.find(endpoint);
    if (found == versions_.end()) return nullptr;
    for (const auto& version : found->second) {
        if (!in_force(version, minute)) continue;
        const bool looks = !version.paused && !version.regions.empty() &&
                           expects(minute, window_, version.interval, version.hash);
        return looks ? &version : nullptr;
    }
    return nullptr;
}

const EndpointVersion* Catalogue::expected(ShardId shard,
                                           std::uint32_t cell_slot,
                                           UtcMinute minute) const {
    const auto found = slots_.find(shard);
    if (found == slots_.end() || cell_slot >= found->second.size()) return nullptr;
    for (const auto endpoint : found->second[cell_slot])
        if (const auto* version = expected(endpoint, minute)) return version;
    return nullptr;
}

const std::vector<EndpointId>& Catalogue::endpoints(ShardId shard) const {
    static const std::vector<EndpointId> kNone;
    const auto found = shards_.find(shard);
    return found == shards_.end() ? kNone : found->second;
}

std::size_t Catalogue::endpoint_count() const {
    return versions_.size();
}

const EndpointVersion* Catalogue::deleted(EndpointId endpoint, UtcMinute minute) const {
    const auto found = versions_.find(endpoint);
    if (found == versions_.end()) return nullptr;
    const auto& last = found->second.back();
    const bool gone = last.deleted && last.valid_to && *last.valid_to <= minute;
    return gone ? &last : nullptr;
}

std::optional<UtcMinute> Catalogue::first_minute(ShardId shard) const {
    std::optional<UtcMinute> first;
    for (const auto endpoint : endpoints(shard)) {
        const auto from = versions_.at(endpoint).front().valid_from;
        if (!first || from < *first) first = from;
    }
    return first;
}

RuleParams Catalogue::rule_params(const EndpointVersion& version) const {
    return RuleParams{window_, version.interval, version.p1_quorum};
}

}  // namespace quorate
