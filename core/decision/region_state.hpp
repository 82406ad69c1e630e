#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/enum_names.hpp"
#include "core/decision/rule_params.hpp"
#include "core/decision/sealed_cell.hpp"
#include "core/model/reason.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// Where a region stands in its own view of an endpoint. The numbers are stored.
enum class RegionPhase : std::uint8_t { healthy = 0, suspect = 1, failing = 2, recovering = 3 };

inline constexpr std::array kRegionPhaseNames{
    EnumName<RegionPhase>{RegionPhase::healthy, "HEALTHY"},
    EnumName<RegionPhase>{RegionPhase::suspect, "SUSPECT"},
    EnumName<RegionPhase>{RegionPhase::failing, "FAILING"},
    EnumName<RegionPhase>{RegionPhase::recovering, "RECOVERING"},
};
constexpr std::string_view name_of(RegionPhase phase) {
    return enum_name(kRegionPhaseNames, phase);
}

/// The state of one (endpoint, region), moved by sealed cells alone.
struct RegionState {
    static constexpr std::uint32_t kSlowVotes = 5;   ///< votes that row 7 looks at
    static constexpr std::uint32_t kFailVotes = 10;  ///< votes that `intermittent` looks at
    static constexpr std::uint32_t kSlowEnough = 3;  ///< slow votes that make a region slow

    RegionPhase phase = RegionPhase::healthy;
    std::uint8_t fails = 0;                ///< FAIL votes in a row, up to 255
    std::uint8_t healthies = 0;            ///< healthy votes in a row, up to what a recovery takes
    std::uint8_t unknowns = 0;             ///< UNKNOWN cells in a row, up to 255
    std::uint8_t slow_votes = 0;           ///< of the last 5 votes; bit 0 is the newest
    std::uint16_t fail_votes = 0;          ///< of the last 10 votes; bit 0 is the newest
    std::optional<Reason> unknown_reason;  ///< of the last UNKNOWN while `unknowns` > 0
    std::optional<UtcMinute> last_vote;
    std::optional<UtcMinute> fail_minute;    ///< first FAIL of the running streak: starts a spell
    std::optional<UtcTime> fail_started;     ///< start of that probe
    std::optional<UtcTime> healthy_started;  ///< first healthy probe since the last FAIL
    std::optional<UtcTime> fast_started;  ///< first healthy probe since the last slow or FAIL one
    std::array<UtcTime, kSlowVotes> slow_started{};  ///< starts of the slow votes; [0] the newest

    friend bool operator==(const RegionState&, const RegionState&) = default;
};

/// What one region's state machine is told beside the cell.
struct RegionRule {
    milliseconds memory{0};          ///< vote_memory of the endpoint
    std::uint32_t fails_needed = 2;  ///< K
};

/// Applies one sealed cell. A state whose last vote is too old starts fresh before it. UNKNOWN and
/// MAINT freeze streaks and history. A vote without a start counts from the start of its minute.
void apply(RegionState& state, const SealedCell& cell, UtcMinute minute, const RegionRule& rule);

/// Slow in at least 3 of its last 5 votes.
bool is_slow(const RegionState& state);

/// In the sense of F and S: FAILING or RECOVERING.
constexpr bool holds_incident(RegionPhase phase) {
    return phase == RegionPhase::failing || phase == RegionPhase::recovering;
}

/// Shown as ABSENT: 3 UNKNOWN in a row, or one `agent_dead`. Decides nothing.
bool is_absent(const RegionState& state);

/// `HEALTHY`, `SUSPECT`, `FAILING`, `RECOVERING`, or `ABSENT` in their place.
std::string_view shown_phase(const RegionState& state);

}  // namespace quorate
