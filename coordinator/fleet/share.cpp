#include "coordinator/fleet/share.hpp"

#include <algorithm>
#include <optional>

namespace quorate::coordinator {
namespace {

/// The newest catalogue that somebody has who lives; nothing: nobody has one.
std::optional<std::int64_t> newest(const PeersView& view) {
    std::optional<std::int64_t> newest;
    for (const auto& beat : view.beats)
        if (view.alive(beat)) newest = std::max(newest, beat.generation);
    return newest;
}

bool anyone_current(const PeersView& view) {
    return std::ranges::any_of(view.beats,
                               [&](const auto& beat) { return view.alive(beat) && beat.current; });
}

}  // namespace

std::vector<std::string> planners_of(const PeersView& view) {
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

bool nobody_changes(const std::string& name, const PeersView& view) {
    if (anyone_current(view)) return false;
    const auto best = newest(view);
    return best && std::ranges::any_of(view.beats, [&](const auto& beat) {
               return beat.name == name && view.alive(beat) && beat.generation == best;
           });
}

}  // namespace quorate::coordinator
