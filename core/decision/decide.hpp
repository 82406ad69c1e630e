#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/decision/region_set.hpp"
#include "core/decision/region_state.hpp"
#include "core/model/decision.hpp"

namespace quorate {

/// How the cells of one minute voted.
struct Votes {
    RegionSet voted;        ///< V: UP, SLOW, DEGRADED, AUTH or FAIL
    RegionSet failed;       ///< those of V that are FAIL
    RegionSet maintenance;  ///< MAINT
};

/// Adds the cell of the region at `index`.
void add_vote(Votes& votes, std::size_t index, Verdict verdict);

/// The decision of a sealed verdict-minute with everything it was made from.
struct DecisionRecord {
    Decision decision = Decision::ok;
    Scope scope = Scope::none;
    std::uint8_t rule_row = 8;    ///< 0 to 8, the row that matched first
    std::uint8_t regions = 0;     ///< N, configured regions
    std::uint8_t quorum = 0;      ///< Q
    bool single_witness = false;  ///< a P1 of an endpoint with one region
    RegionSet voters;             ///< V
    RegionSet failing;            ///< F
    RegionSet healthy;            ///< H
    RegionSet silent;             ///< S
    RegionSet failed;             ///< voters whose cell is FAIL
    RegionSet slow;               ///< voters slow in at least 3 of their last 5 votes
    friend bool operator==(const DecisionRecord&, const DecisionRecord&) = default;
};

/// |V|/N, 0..1.
double coverage(const DecisionRecord& record);

/// Rows 0 to 8 of the two-of-N rule; the first match wins.
/// @param states all configured regions, after the cells of the minute were applied
/// @param quorum Q, from quorum_of
/// @param open severity of the open incident, if there is one
DecisionRecord decide(std::span<const RegionState> states,
                      const Votes& votes,
                      std::uint32_t quorum,
                      std::optional<Severity> open);

}  // namespace quorate
