#pragma once

#include <optional>

#include "core/base/ids.hpp"
#include "core/model/cell.hpp"
#include "core/model/reason.hpp"
#include "core/model/verdict.hpp"
#include "core/time/time.hpp"

namespace quorate {

/// What the rule needs of a cell once its minute is sealed.
struct SealedCell {
    RegionId region;
    Verdict verdict = Verdict::unknown;  ///< in force: MAINT and `region_fault` are in it already
    bool slow = false;                   ///< flag of any healthy cell
    std::optional<UtcTime> started;      ///< start of the probe
    std::optional<Reason> reason;
    friend bool operator==(const SealedCell&, const SealedCell&) = default;
};

/// The rule's view of a stored cell. In maintenance it is MAINT, whatever its own verdict, which
/// stays in `cell`.
SealedCell sealed_cell(const Cell& cell, bool maintenance);

}  // namespace quorate
