#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/enum_names.hpp"

namespace quorate {

/// What one probe concluded. The numbers are stored and are the merge rank of a cell
/// (`UNKNOWN < UP < SLOW < DEGRADED < AUTH < FAIL`); MAINT is written at the seal alone.
enum class Verdict : std::uint8_t {
    unknown = 0,
    up = 1,
    slow = 2,
    degraded = 3,
    auth = 4,
    fail = 5,
    maint = 6,
};

inline constexpr std::array kVerdictNames{
    EnumName<Verdict>{Verdict::unknown, "UNKNOWN"},
    EnumName<Verdict>{Verdict::up, "UP"},
    EnumName<Verdict>{Verdict::slow, "SLOW"},
    EnumName<Verdict>{Verdict::degraded, "DEGRADED"},
    EnumName<Verdict>{Verdict::auth, "AUTH"},
    EnumName<Verdict>{Verdict::fail, "FAIL"},
    EnumName<Verdict>{Verdict::maint, "MAINT"},
};

constexpr std::string_view name_of(Verdict verdict) {
    return enum_name(kVerdictNames, verdict);
}
constexpr std::optional<Verdict> verdict_named(std::string_view name) {
    return enum_value(kVerdictNames, name);
}

/// How a verdict counts in the two-of-N rule.
enum class Vote : std::uint8_t { none, healthy, failing };

constexpr Vote vote_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::unknown:
        case Verdict::maint:
            return Vote::none;
        case Verdict::up:
        case Verdict::slow:
        case Verdict::degraded:
        case Verdict::auth:
            return Vote::healthy;
        case Verdict::fail:
            return Vote::failing;
    }
    return Vote::none;
}

}  // namespace quorate
