#include "archiver/sealing/region_watch.hpp"

#include <utility>

namespace quorate {

void RegionWatch::count(UtcMinute minute,
                        ShardId shard,
                        std::span<const SealedCell> cells,
                        std::uint64_t host) {
    auto& of = minutes_[minute].shards[shard];
    tally(of.tallies, cells, host);
    ++of.reported;
}

void RegionWatch::hold(const EndpointVersion& version,
                       UtcMinute minute,
                       std::span<const SealedCell> cells) {
    if (minutes_[minute].held.emplace(version.endpoint, version.shard).second)
        count(minute, version.shard, cells, version.host);
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

void RegionWatch::decide(UtcMinute minute, std::vector<RegionId> quarantined) {
    minutes_[minute].quarantined = std::move(quarantined);
}

std::vector<UtcMinute> RegionWatch::waiting() const {
    std::vector<UtcMinute> waiting;
    for (const auto& [minute, of] : minutes_)
        if (!of.held.empty()) waiting.push_back(minute);
    return waiting;
}

std::vector<UtcMinute> RegionWatch::counted() const {
    std::vector<UtcMinute> counted;
    for (const auto& [minute, of] : minutes_)
        if (!of.shards.empty()) counted.push_back(minute);
    return counted;
}

bool RegionWatch::complete(UtcMinute minute, ShardId shard, const Catalogue& catalogue) {
    auto& of = minutes_[minute].shards[shard];
    if (!of.expected) {
        of.expected = 0;
        for (const auto endpoint : catalogue.endpoints(shard))
            if (catalogue.expected(endpoint, minute) != nullptr) ++*of.expected;
    }
    return of.reported >= *of.expected;
}

std::vector<ShardTally> RegionWatch::untold(UtcMinute minute,
                                            std::span<const ShardId> shards) const {
    static const Minute kNone;
    const auto counted = minutes_.find(minute);
    const auto& of = counted == minutes_.end() ? kNone : counted->second;
    std::vector<ShardTally> untold;
    for (const auto shard : shards) {
        const auto found = of.shards.find(shard);
        if (found == of.shards.end())
            untold.push_back({minute, shard, {}});  // of nothing that is expected, it saw nothing
        else if (!found->second.told)
            untold.push_back({minute, shard, found->second.tallies});
    }
    return untold;
}

std::vector<EndpointId> RegionWatch::held(UtcMinute minute) const {
    std::vector<EndpointId> held;
    const auto found = minutes_.find(minute);
    if (found == minutes_.end()) return held;
    for (const auto& [endpoint, shard] : found->second.held)
        held.push_back(endpoint);
    return held;
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

void RegionWatch::forget(ShardId shard) {
    for (auto& [minute, of] : minutes_) {
        of.shards.erase(shard);
        std::erase_if(of.held, [shard](const auto& held) { return held.second == shard; });
    }
}

}  // namespace quorate
