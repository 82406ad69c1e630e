#pragma once

#include <optional>

#include "core/model/failure.hpp"
#include "probe/report.hpp"
#include "probe/request.hpp"

namespace quorate {

/// Writes into `report` what an attempt came to: its verdict, reason, phase and detail. Pure.
/// @param failure  what decided it; nothing where every required step passed
/// @param degraded  an optional expectation that was not met
void conclude(ProbeReport& report,
              const ProbeRequest& request,
              const std::optional<Failure>& failure,
              const std::optional<Failure>& degraded);

}  // namespace quorate
