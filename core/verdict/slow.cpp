#include "core/verdict/slow.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

namespace quorate {
namespace {

std::uint32_t to_ms(milliseconds duration) {
    constexpr milliseconds::rep kMost = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<milliseconds::rep>(duration.count(), 0, kMost));
}

/// A phase and how long it took, or how much longer than is usual.
struct PhaseTime {
    Phase phase;
    std::int64_t us;
};

template <std::size_t N>
PhaseTime longest_of(const std::array<PhaseTime, N>& phases) {
    return *std::ranges::max_element(phases, {}, &PhaseTime::us);
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

Phase guilty_phase(const PhaseTimings& timings, const std::optional<UsualTimes>& usual) {
    const auto us = [](const PhaseTimings::Us& time) { return std::int64_t{time.value_or(0)}; };
    const auto other = longest_of(std::array{PhaseTime{Phase::dns, us(timings.dns)},
                                             PhaseTime{Phase::discover, us(timings.discover)},
                                             PhaseTime{Phase::sse_open, us(timings.sse_open)},
                                             PhaseTime{Phase::initialized, us(timings.initialized)},
                                             PhaseTime{Phase::tools_call, us(timings.tools_call)}});
    std::array phases{PhaseTime{Phase::tcp, us(timings.tcp)},
                      PhaseTime{Phase::tls, us(timings.tls)},
                      PhaseTime{Phase::initialize, us(timings.initialize)},
                      PhaseTime{Phase::tools_list, us(timings.tools_list)},
                      other};
    if (!usual) return longest_of(phases).phase;
    auto& rest = phases.back().us;
    rest = us(timings.total);
    for (std::size_t i = 0; i + 1 < phases.size(); ++i)
        rest -= phases[i].us;
    const std::array usually{
        usual->tcp, usual->tls, usual->initialize, usual->tools_list, usual->rest};
    for (std::size_t i = 0; i < phases.size(); ++i)
        phases[i].us -= us(usually[i]);
    return longest_of(phases).phase;
}

}  // namespace quorate
