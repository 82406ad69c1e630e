#include "core/decision/seal.hpp"

#include <utility>

#include "core/verdict/merge.hpp"

namespace quorate {

SealedCell sealed_cell(const Cell& cell, bool maintenance) {
    return SealedCell{.region = cell.key.region,
                      .verdict = maintenance ? Verdict::maint : cell.verdict,
                      .slow = cell.slow,
                      .started = cell.started,
                      .reason = cell.reason};
}

Cell missing_cell(const CellKey& key, bool agent_alive) {
    Cell cell;
    cell.key = key;
    cell.verdict = Verdict::unknown;
    cell.reason = agent_alive ? Reason::not_reported : Reason::agent_dead;
    return cell;
}

std::vector<Cell> seal(EndpointId endpoint,
                       UtcMinute minute,
                       std::span<const ExpectedRegion> expected,
                       std::vector<Cell> received) {
    std::vector<Cell> cells;
    cells.reserve(expected.size());
    for (const auto& [region, agent_alive] : expected) {
        const CellKey key{endpoint, region, minute};
        Cell* merged = nullptr;
        for (auto& cell : received)
            if (cell.key == key && (merged == nullptr || &merge(*merged, cell) == &cell))
                merged = &cell;
        cells.push_back(merged == nullptr ? missing_cell(key, agent_alive) : std::move(*merged));
    }
    return cells;
}

std::vector<SealedCell> sealed_cells(std::span<const Cell> cells, bool maintenance) {
    std::vector<SealedCell> views;
    views.reserve(cells.size());
    for (const auto& cell : cells)
        views.push_back(sealed_cell(cell, maintenance));
    return views;
}

}  // namespace quorate
