#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/enum_names.hpp"
#include "core/base/ids.hpp"
#include "core/model/decision.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// What happened to an incident. The numbers are stored: append, never renumber.
enum class TransitionKind : std::uint8_t {
    opened = 1,
    escalated = 2,
    deescalated = 3,
    scope_changed = 4,
    reopened = 5,
    closed = 6,
};

inline constexpr std::array kTransitionKindNames{
    EnumName<TransitionKind>{TransitionKind::opened, "opened"},
    EnumName<TransitionKind>{TransitionKind::escalated, "escalated"},
    EnumName<TransitionKind>{TransitionKind::deescalated, "deescalated"},
    EnumName<TransitionKind>{TransitionKind::scope_changed, "scope_changed"},
    EnumName<TransitionKind>{TransitionKind::reopened, "reopened"},
    EnumName<TransitionKind>{TransitionKind::closed, "closed"},
};
constexpr std::string_view name_of(TransitionKind kind) {
    return enum_name(kTransitionKindNames, kind);
}

/// Why and how an incident was closed.
enum class CloseMark : std::uint8_t { none = 0, single_witness = 1, endpoint_deleted = 2 };

inline constexpr std::array kCloseMarkNames{
    EnumName<CloseMark>{CloseMark::none, ""},
    EnumName<CloseMark>{CloseMark::single_witness, "closed_single_witness"},
    EnumName<CloseMark>{CloseMark::endpoint_deleted, "endpoint_deleted"},
};
constexpr std::string_view name_of(CloseMark mark) {
    return enum_name(kCloseMarkNames, mark);
}

/// One stretch from an opening (or reopening) to its close.
struct Opening {
    UtcTime started;   ///< the first contributing probe
    UtcTime detected;  ///< the decision that opened it
    std::optional<UtcTime> recovered;
    friend bool operator==(const Opening&, const Opening&) = default;
};

/// One entry of an incident's append-only timeline.
struct Transition {
    TransitionKind kind = TransitionKind::opened;
    std::uint32_t ordinal = 0;           ///< which incident of the endpoint, numbered from 1
    std::optional<IncidentId> incident;  ///< as stored; nothing until IncidentState::id was set
    UtcMinute minute;                    ///< the minute whose decision caused it
    UtcTime at;                          ///< when it was decided
    std::optional<Severity> from;        ///< in force before; nothing for opened and reopened
    std::optional<Severity> to;          ///< in force after; nothing for closed
    Severity worst = Severity::p3;       ///< the worst ever in force, this transition included
    Scope from_scope = Scope::none;
    Scope scope = Scope::none;  ///< in force after; at the close the last one
    std::uint8_t rule_row = 0;
    bool early = false;  ///< decided before the seal
    /// False while we catch up after our own outage, and where `caught_up` tells it. True within a
    /// silence, whose name its row in the outbox then bears.
    bool notify = true;
    CloseMark close_mark = CloseMark::none;
    Opening opening;             ///< the current one; `recovered` at its close
    std::uint32_t openings = 1;  ///< so far, this one included
    microseconds mttr_sum{0};    ///< over the closed openings that have a recovery
    std::uint32_t flaps = 0;
    bool flapping = false;
    std::vector<RegionId> regions;  ///< that cause it; at the close all of the opening
    std::string detail;             ///< one human sentence
};

}  // namespace quorate
