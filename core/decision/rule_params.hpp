#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/model/endpoint.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// What the catalogue in force at the minute says about how an endpoint is judged.
struct RuleParams {
    Window window = Window::minute();
    milliseconds interval{0};  ///< a multiple of the window; 0: the window
    P1Quorum p1_quorum = P1Quorum::two;
};

/// Time from one expected window of the endpoint to its next.
constexpr milliseconds expected_step(const RuleParams& params) {
    return std::max(params.interval, params.window.length());
}

/// How old a region's last vote may be before the region starts fresh: 10 windows, or 3 intervals
/// where that is longer. Plain windows, not expected ones: 10 intervals are never below 3.
constexpr milliseconds vote_memory(const RuleParams& params) {
    return std::max(10 * params.window.length(), 3 * params.interval);
}

/// Q, the failing regions that make a P1. It depends on the configured regions alone and never
/// shrinks because regions are missing.
constexpr std::uint32_t quorum_of(P1Quorum quorum, std::size_t regions) {
    const auto n = static_cast<std::uint32_t>(regions);
    if (n <= 1) return 1;
    switch (quorum) {
        case P1Quorum::two:
            return 2;
        case P1Quorum::majority:
            return std::max(2U, n / 2 + 1);
        case P1Quorum::all:
            return n;
    }
    return 2;
}

/// K, the consecutive FAIL votes that make a region FAILING.
constexpr std::uint32_t fails_to_failing(std::size_t regions) {
    return regions == 1 ? 3 : 2;
}

/// R, the consecutive healthy votes that make a region HEALTHY again.
inline constexpr std::uint32_t kHealthyToRecover = 2;

}  // namespace quorate
