#pragma once

#include "core/model/cell.hpp"

namespace quorate {

/// Merges two results for the same cell (a re-delivered job). The higher rank of verdict wins;
/// within a rank the smaller (start, attempt, agent, everything else), a missing start last.
/// Commutative, associative and idempotent, so the outcome depends on no order of arrival.
const Cell& merge(const Cell& a, const Cell& b);

}  // namespace quorate
