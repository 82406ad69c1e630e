#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/decision/decide.hpp"
#include "core/decision/region_state.hpp"
#include "core/decision/rule_params.hpp"
#include "core/incident/incident_state.hpp"
#include "core/incident/transition.hpp"

namespace quorate {

/// Everything about an endpoint that must last from one minute to the next: regions sorted by id,
/// with the state of `regions[i]` in `states[i]`.
struct EndpointState {
    std::vector<RegionId> regions;
    std::vector<RegionState> states;
    std::optional<UtcMinute> last_minute;  ///< the last sealed one
    Decision last_decision = Decision::ok;
    std::uint16_t blind_run = 0;  ///< minutes in a row of BLIND, LOW_VISIBILITY or UNCONFIRMED
    IncidentState incident;
    friend bool operator==(const EndpointState&, const EndpointState&) = default;
};

/// A sealed verdict-minute as the rule sees it.
struct SealedMinute {
    UtcMinute minute;
    UtcTime decided_at;                 ///< when it is sealed: `detected_at` of what it opens
    std::span<const SealedCell> cells;  ///< exactly one per configured region, in any order
    bool silenced = false;              ///< nobody is to be told of anything in it
};

/// A stretch in which one region had the endpoint down: from the first FAIL of the streak that made
/// the region FAILING to its last FAIL. Same (region, first): the same spell, grown.
struct Spell {
    RegionId region;
    UtcMinute first;
    UtcMinute last;
    friend bool operator==(const Spell&, const Spell&) = default;
};

struct StepResult {
    DecisionRecord record;
    std::vector<Transition> transitions;  ///< for the timeline, in order
    /// For notifiers alone: once we have caught up, or a silence is over, the net change since the
    /// last notice. The transitions of the same step then have `notify` false.
    std::vector<Transition> caught_up;
};

/// The one way from a sealed minute to a decision and its consequences; used by the archiver, by
/// replay and by the simulation. Pure: the same state and minute give the same result, for any
/// order of cells. Allocates nothing while no incident changes and the regions stay the same.
/// Regions without a cell left the configuration; regions seen for the first time start fresh.
/// Throws std::invalid_argument, and leaves the state alone, if the minute is not after the last
/// one, if there is no cell, more than kRegionsMax, or two of one region.
StepResult step(EndpointState& state, const SealedMinute& sealed, const RuleParams& params);

/// A minute before its seal.
struct EarlyMinute {
    UtcMinute minute;
    UtcTime decided_at;
    std::span<const RegionId> configured;  ///< all regions of the endpoint, in any order
    std::span<const SealedCell> cells;     ///< those that came: merged, with MAINT put in
    bool silenced = false;
};

/// Whether P1 is certain before the seal: Q regions have delivered a FAIL in the minute and are
/// FAILING by it, and the endpoint's expected minute before it is sealed. Never for one region, nor
/// where the configured regions are not those of the last sealed minute.
bool early_p1(const EndpointState& state, const EarlyMinute& early, const RuleParams& params);

/// Whether early_p1 may hold in the next minute: so many regions fail or failed last that they
/// would make a P1, and none is open. Few endpoints are so, and their cells alone need a look
/// before the seal.
bool early_p1_near(const EndpointState& state, const RuleParams& params);

/// Where early_p1 holds, opens P1 (or escalates to it, or reopens as it) with `early` set; its
/// scope is `none` until the seal. Region states do not move, and step() with the whole minute must
/// follow: its decision is then P1 too, and sets the scope.
/// @return no transitions where the P1 is open already or the condition does not hold
StepResult step_early(EndpointState& state, const EarlyMinute& early, const RuleParams& params);

/// Closes the incident of an endpoint that was deleted, if one is open: marked, without a recovery.
/// Nobody will be told of the endpoint again, so a silence holds back nothing: the close of what
/// was told as open is told (`caught_up` where that is closed already), and no other.
StepResult close_deleted(EndpointState& state, UtcMinute minute, UtcTime at);

/// Whether a minute that is sealed now is so late that it tells nobody: more than 10 windows after
/// its watermark.
bool is_catching_up(UtcMinute minute, UtcTime decided_at, Window window);

/// The spells that the minute just stepped has begun or grown.
std::vector<Spell> grown_spells(const EndpointState& state, const DecisionRecord& record);

/// Notes under which id the current incident was stored; call it after `opened`.
void set_incident_id(EndpointState& state, IncidentId id);

/// The ids of a set that a record or a state of this endpoint holds, ascending.
std::vector<RegionId> region_ids(const EndpointState& state, RegionSet set);

}  // namespace quorate
