#include "core/incident/down_time.hpp"

#include <algorithm>

namespace quorate {

MinuteUse use_of(UtcMinute minute,
                 std::uint8_t rule_row,
                 std::span<const Spell> spells,
                 std::uint32_t quorum) {
    if (rule_row <= 2) return MinuteUse::excluded;
    if (rule_row == 3) return MinuteUse::down;
    const auto covers = [minute](const Spell& spell) {
        return spell.first <= minute && minute <= spell.last;
    };
    std::uint32_t regions = 0;
    for (auto spell = spells.begin(); spell != spells.end(); ++spell) {
        if (!covers(*spell)) continue;
        const bool counted = std::any_of(spells.begin(), spell, [&](const Spell& earlier) {
            return earlier.region == spell->region && covers(earlier);
        });
        if (!counted) ++regions;
    }
    return regions >= quorum ? MinuteUse::down : MinuteUse::up;
}

}  // namespace quorate
