#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <pqxx/pqxx>

#include "archiver/sealing/seal_plan.hpp"
#include "archiver/store/json.hpp"

namespace quorate {

/// Where a transition came from; both may be absent for the close of a deleted endpoint.
struct TransitionContext {
    const EndpointVersion& version;
    const SealedRow* row;  ///< nullptr: no minute was sealed
    const RegionNames& names;
    std::optional<std::uint64_t> silenced_by;  ///< the silence that its minute is under
};

/// Writes one entry of an incident's timeline: the incident, its opening, the event with its inputs
/// and, where it notifies, a row of the outbox, which says so where it is silenced. @return the
/// incident's id. Throws as pqxx. Within the caller's transaction.
IncidentId store_transition(pqxx::work& work,
                            const Transition& transition,
                            const TransitionContext& context);

/// Writes the row of the outbox of a net change, which is no entry of the timeline.
void store_caught_up(pqxx::work& work,
                     const Transition& transition,
                     const TransitionContext& context);

}  // namespace quorate
