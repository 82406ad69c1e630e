#pragma once

#include <span>
#include <vector>

#include "core/decision/sealed_cell.hpp"
#include "core/model/cell.hpp"

namespace quorate {

/// One region that the catalogue in force at the minute expects a cell from.
struct ExpectedRegion {
    RegionId region;
    bool agent_alive = false;  ///< some agent of the region was heard in the last 45 s
};

/// The cell of an expected region that sent none: UNKNOWN(`not_reported`) while an agent lives,
/// UNKNOWN(`agent_dead`) otherwise.
Cell missing_cell(const CellKey& key, bool agent_alive);

/// The cells of a sealed minute: one per expected region, in the order of `expected`. Results for
/// one cell are merged; cells of other endpoints, minutes or unexpected regions are left out.
std::vector<Cell> seal(EndpointId endpoint,
                       UtcMinute minute,
                       std::span<const ExpectedRegion> expected,
                       std::vector<Cell> received);

/// The rule's view of all of them. See sealed_cell.
std::vector<SealedCell> sealed_cells(std::span<const Cell> cells, bool maintenance);

}  // namespace quorate
