#include "archiver/sealing/region_watch.hpp"

#include <algorithm>

namespace quorate {

void RegionWatch::count(UtcMinute minute, std::span<const SealedCell> cells, std::uint64_t host) {
    auto& of = minutes_[minute];
    tally(of.tallies, cells, host);
    ++of.reported;
}

void RegionWatch::hold(UtcMinute minute,
                       EndpointId endpoint,
                       std::span<const SealedCell> cells,
                       std::uint64_t host) {
    if (minutes_[minute].held.insert(endpoint).second) count(minute, cells, host);
}

bool RegionWatch::holds(UtcMinute minute, EndpointId endpoint) const {
    const auto found = minutes_.find(minute);
    return found != minutes_.end() && found->second.held.contains(endpoint);
}

const std::vector<RegionId>* RegionWatch::decided(UtcMinute minute) const {
    const auto found = minutes_.find(minute);
    return found == minutes_.end() || !found->second.quarantined ? nullptr
                                                                 : &*found->second.quarantined;
}

bool RegionWatch::complete(Minute& of,
                           UtcMinute minute,
                           const Catalogue& catalogue,
                           std::span<const ShardId> shards) const {
    if (!of.expected) {
        of.expected = 0;
        for (const auto shard : shards)
            for (const auto endpoint : catalogue.endpoints(shard))
                if (catalogue.expected(endpoint, minute) != nullptr) ++*of.expected;
    }
    return of.reported >= *of.expected;
}

std::vector<UtcMinute> RegionWatch::decide(const Catalogue& catalogue,
                                           std::span<const ShardId> shards) {
    std::vector<UtcMinute> decided;
    for (auto& [minute, of] : minutes_) {
        if (of.held.empty()) continue;
        if (!of.quarantined && !complete(of, minute, catalogue, shards)) continue;
        decide(minute);
        decided.push_back(minute);
    }
    return decided;
}

void RegionWatch::decide(UtcMinute minute) {
    auto& of = minutes_[minute];
    if (of.quarantined) return;
    of.quarantined.emplace();
    for (const auto& [region, tally] : of.tallies)
        if (is_quarantined(tally)) of.quarantined->push_back(region);
}

void RegionWatch::restore(UtcMinute minute, std::vector<RegionId> quarantined) {
    minutes_[minute].quarantined = std::move(quarantined);
}

std::vector<EndpointId> RegionWatch::held(UtcMinute minute) const {
    const auto found = minutes_.find(minute);
    if (found == minutes_.end()) return {};
    return {found->second.held.begin(), found->second.held.end()};
}

void RegionWatch::release(UtcMinute minute, EndpointId endpoint) {
    const auto found = minutes_.find(minute);
    if (found != minutes_.end()) found->second.held.erase(endpoint);
}

std::size_t RegionWatch::held() const {
    std::size_t count = 0;
    for (const auto& [minute, of] : minutes_)
        count += of.held.size();
    return count;
}

std::vector<RegionHealth> RegionWatch::health(UtcMinute minute) const {
    std::vector<RegionHealth> health;
    const auto found = minutes_.find(minute);
    if (found == minutes_.end()) return health;
    const auto& of = found->second;
    for (const auto& [region, tally] : of.tallies)
        health.push_back({region,
                          tally,
                          of.quarantined &&
                              std::ranges::find(*of.quarantined, region) != of.quarantined->end()});
    return health;
}

}  // namespace quorate
