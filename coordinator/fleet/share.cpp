#include "coordinator/fleet/share.hpp"

#include <algorithm>
#include <optional>

#include "core/schedule/rendezvous.hpp"

namespace quorate::coordinator {
namespace {

/// The newest catalogue that somebody has who lives; nothing: nobody has one.
std::optional<std::int64_t> newest(const CoordinatorsView& view) {
    std::optional<std::int64_t> newest;
    for (const auto& beat : view.beats)
        if (view.alive(beat)) newest = std::max(newest, beat.generation);
    return newest;
}

bool anyone_current(const CoordinatorsView& view) {
    return std::ranges::any_of(view.beats,
                               [&](const auto& beat) { return view.alive(beat) && beat.current; });
}

}  // namespace

std::vector<std::string> planners_of(const CoordinatorsView& view) {
    const bool some = std::ranges::any_of(view.beats, [&](const auto& beat) {
        return view.alive(beat) && beat.current && beat.generation;
    });
    const auto best = newest(view);
    std::vector<std::string> names;
    for (const auto& beat : view.beats) {
        if (!view.alive(beat) || !beat.generation) continue;
        if (some ? beat.current : beat.generation == best) names.push_back(beat.name);
    }
    return names;
}

std::set<ShardId> share_of(const std::string& name,
                           const CoordinatorsView& view,
                           std::uint32_t shards) {
    const auto owners = owners_of_shards(shards, planners_of(view));
    std::set<ShardId> share;
    for (std::uint32_t shard = 0; shard < shards; ++shard)
        if (owners[shard] == name) share.emplace(shard);
    return share;
}

bool nobody_changes(const std::string& name, const CoordinatorsView& view) {
    if (anyone_current(view)) return false;
    const auto best = newest(view);
    return best && std::ranges::any_of(view.beats, [&](const auto& beat) {
               return beat.name == name && view.alive(beat) && beat.generation == best;
           });
}

}  // namespace quorate::coordinator
