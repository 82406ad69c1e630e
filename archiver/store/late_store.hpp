#pragma once

#include <cstddef>
#include <vector>

#include <pqxx/pqxx>

#include "core/model/cell.hpp"

namespace quorate {

/// What became of cells that came after their minute was sealed.
struct LateOutcome {
    std::size_t stored = 0;      ///< put in the place of a cell that was made at the seal
    std::size_t duplicate = 0;   ///< a cell that counts as much or more stands there already
    std::size_t unexpected = 0;  ///< no such minute, or the region was not expected in it
};

/// Puts late cells into their stored minutes, marked `late`. History and coverage change; decision,
/// region states and timeline don't. Of several late results of one cell that of the highest rank
/// stays, within a rank the one that started first, whatever their order; what was in time stays in
/// any case, as it is what was decided by. A second time every one of them is a duplicate. Some
/// statements for 500 minutes. Within the caller's transaction. Throws as pqxx.
LateOutcome store_late(pqxx::work& work, const std::vector<Cell>& cells);

}  // namespace quorate
