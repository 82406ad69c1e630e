#include "archiver/intake/sealers.hpp"

namespace quorate {

std::vector<std::string> sealers_of(const PeersView& view) {
    std::vector<std::string> current;
    std::vector<std::string> alive;
    for (const auto& beat : view.beats) {
        if (!view.alive(beat)) continue;
        alive.push_back(beat.name);
        if (beat.current) current.push_back(beat.name);
    }
    return current.empty() ? alive : current;
}

}  // namespace quorate
