#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/enum_names.hpp"

namespace quorate {

/// The outcome of one sealed verdict-minute. The numbers are stored: append, never renumber.
enum class Decision : std::uint8_t {
    ok = 0,
    p1 = 1,
    p2 = 2,
    p3 = 3,
    blind = 4,
    low_visibility = 5,
    unconfirmed = 6,
    pending = 7,
    maint = 8,
};

inline constexpr std::array kDecisionNames{
    EnumName<Decision>{Decision::ok, "OK"},
    EnumName<Decision>{Decision::p1, "P1"},
    EnumName<Decision>{Decision::p2, "P2"},
    EnumName<Decision>{Decision::p3, "P3"},
    EnumName<Decision>{Decision::blind, "BLIND"},
    EnumName<Decision>{Decision::low_visibility, "LOW_VISIBILITY"},
    EnumName<Decision>{Decision::unconfirmed, "UNCONFIRMED"},
    EnumName<Decision>{Decision::pending, "PENDING"},
    EnumName<Decision>{Decision::maint, "MAINT"},
};
constexpr std::string_view name_of(Decision decision) {
    return enum_name(kDecisionNames, decision);
}
constexpr std::optional<Decision> decision_named(std::string_view name) {
    return enum_value(kDecisionNames, name);
}

/// How far a P1 or P3 reaches; `none` for every other decision.
enum class Scope : std::uint8_t { none = 0, global = 1, widespread = 2, partial = 3, regional = 4 };

inline constexpr std::array kScopeNames{
    EnumName<Scope>{Scope::none, ""},
    EnumName<Scope>{Scope::global, "global"},
    EnumName<Scope>{Scope::widespread, "widespread"},
    EnumName<Scope>{Scope::partial, "partial"},
    EnumName<Scope>{Scope::regional, "regional"},
};
constexpr std::string_view name_of(Scope scope) {
    return enum_name(kScopeNames, scope);
}

/// The severity of an incident; a smaller number is worse. Stored.
enum class Severity : std::uint8_t { p1 = 1, p2 = 2, p3 = 3 };

inline constexpr std::array kSeverityNames{
    EnumName<Severity>{Severity::p1, "P1"},
    EnumName<Severity>{Severity::p2, "P2"},
    EnumName<Severity>{Severity::p3, "P3"},
};
constexpr std::string_view name_of(Severity severity) {
    return enum_name(kSeverityNames, severity);
}

/// Version of the rule that a stored decision was made by.
inline constexpr std::int16_t kRuleVersion = 1;

}  // namespace quorate
