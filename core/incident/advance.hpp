#pragma once

#include <span>
#include <vector>

#include "core/decision/decide.hpp"
#include "core/decision/rule_params.hpp"
#include "core/incident/incident_state.hpp"

namespace quorate {

/// What a decision says to the incident of its endpoint.
struct DecidedMinute {
    const DecisionRecord& record;
    std::span<const RegionId> regions;
    std::span<const RegionState> states;  ///< after the cells of the minute
    UtcMinute minute;
    UtcTime at;          ///< when it was decided
    bool early = false;  ///< before the seal
    const RuleParams& params;
};

/// Moves the incident by one decision and appends what changed to `timeline`, at most one entry.
/// Use step(), which also knows about catch-up.
void advance(IncidentState& incident,
             const DecidedMinute& decided,
             std::vector<Transition>& timeline);

/// Three flaps in the last 60 minutes: closing needs 10 clean minutes.
bool is_flapping(const IncidentState& incident, UtcMinute minute, const RuleParams& params);

/// A timeline entry with everything that the incident itself knows.
Transition transition_of(const IncidentState& incident,
                         TransitionKind kind,
                         UtcMinute minute,
                         UtcTime at);

/// After a decision that was sealed in time while `behind`: the net change between what was
/// notified last and now, for notifiers.
std::vector<Transition> net_change(const IncidentState& incident, UtcMinute minute, UtcTime at);

/// What notifiers know once they were told of the present state.
Notified notified_now(const IncidentState& incident);

}  // namespace quorate
