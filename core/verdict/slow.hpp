#pragma once

#include <cstdint>
#include <optional>

#include "core/model/cell.hpp"
#include "core/model/phase.hpp"
#include "core/model/usual_times.hpp"
#include "core/time/time.hpp"

namespace quorate {

/// What is normal for an endpoint seen from a region, from the last 7 days of histograms without
/// minutes of incidents, MAINT and UNKNOWN. Nobody has one with less than 24 h of history.
struct LatencyBaseline {
    milliseconds p50{0};
    milliseconds p95{0};
    friend bool operator==(const LatencyBaseline&, const LatencyBaseline&) = default;
};

/// The threshold that a job carries: the lower of the owner's latency SLO and
/// `max(2 * p95, p50 + 150 ms)`; nothing where neither is known.
std::optional<std::uint32_t> slow_over_ms(std::optional<milliseconds> latency_slo,
                                          const std::optional<LatencyBaseline>& baseline);

/// Whether a healthy attempt of `total_us` is slow: strictly over the threshold.
bool is_slow(std::uint32_t total_us, std::optional<std::uint32_t> threshold_ms);

/// The phase of a slow attempt that took longest beyond what is usual. Of those that share a usual
/// time (`rest`) the longest stands for all. Where nothing is known to be usual, the longest phase.
Phase guilty_phase(const PhaseTimings& timings, const std::optional<UsualTimes>& usual);

}  // namespace quorate
