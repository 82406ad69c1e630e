#include "core/verdict/slow.hpp"

#include <algorithm>
#include <limits>

namespace quorate {
namespace {

std::uint32_t to_ms(milliseconds duration) {
    constexpr milliseconds::rep kMost = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<milliseconds::rep>(duration.count(), 0, kMost));
}

}  // namespace

std::optional<std::uint32_t> slow_over_ms(std::optional<milliseconds> latency_slo,
                                          const std::optional<LatencyBaseline>& baseline) {
    auto threshold = latency_slo;
    if (baseline) {
        const auto usual = std::max(2 * baseline->p95, baseline->p50 + milliseconds{150});
        threshold = threshold ? std::min(*threshold, usual) : usual;
    }
    if (!threshold) return std::nullopt;
    return to_ms(*threshold);
}

bool is_slow(std::uint32_t total_us, std::optional<std::uint32_t> threshold_ms) {
    return threshold_ms && total_us > std::uint64_t{*threshold_ms} * 1000;
}

}  // namespace quorate
