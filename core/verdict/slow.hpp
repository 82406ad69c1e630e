#pragma once

#include <cstdint>
#include <optional>

#include "core/time/time.hpp"

namespace quorate {

/// What is normal for an endpoint seen from a region, from the last 7 days of histograms without
/// minutes of incidents, MAINT and UNKNOWN. Nobody has one with less than 24 h of history.
struct LatencyBaseline {
    milliseconds p50{0};
    milliseconds p95{0};
};

/// The threshold that a job carries: the lower of the owner's latency SLO and
/// `max(2 * p95, p50 + 150 ms)`; nothing where neither is known.
std::optional<std::uint32_t> slow_over_ms(std::optional<milliseconds> latency_slo,
                                          const std::optional<LatencyBaseline>& baseline);

/// Whether a healthy attempt of `total_us` is slow: strictly over the threshold.
bool is_slow(std::uint32_t total_us, std::optional<std::uint32_t> threshold_ms);

}  // namespace quorate
