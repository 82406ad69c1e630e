#pragma once

#include <cstdint>
#include <optional>

#include "core/model/failure.hpp"
#include "probe/report.hpp"
#include "probe/request.hpp"

namespace quorate {

/// What an attempt found and went on: an expectation that is optional, or drift.
struct Finding {
    Failure failure;
    std::optional<std::uint16_t> http_status;  ///< of the answer that it is about
};

/// Writes into `report` what an attempt came to: its verdict, reason, phase and detail. Pure.
/// @param failure  what ended it; nothing where every step passed
/// @param degraded  what was found before that. It came first and decides, but where the failure is
///     a FAIL, or our own stop
void conclude(ProbeReport& report,
              const ProbeRequest& request,
              const std::optional<Failure>& failure,
              const std::optional<Finding>& degraded);

}  // namespace quorate
