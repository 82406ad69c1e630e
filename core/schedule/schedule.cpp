#include "core/schedule/schedule.hpp"

#include <algorithm>

namespace quorate {

using std::chrono::seconds;

Timing timing_of(milliseconds timeout, Window window) {
    const auto length = window.length();
    Timing timing;
    timing.retry_gap = std::min<milliseconds>(seconds{2}, length / 10);
    const milliseconds longest = (length - timing.retry_gap) / 2;
    timing.clipped = timeout > longest;
    timing.timeout_in_force = std::min(timeout, longest);
    timing.budget = 2 * timing.timeout_in_force + timing.retry_gap;
    timing.span = std::max(length / 10, length - timing.budget);
    return timing;
}

milliseconds slot_of(std::uint64_t hash,
                     std::uint32_t index,
                     std::uint32_t regions,
                     milliseconds span) {
    const auto length = static_cast<std::uint64_t>(span.count());
    // The hash fills 64 bits: reduced before the region's share is added, the sum cannot overflow.
    const auto slot = (hash % length + index * length / regions) % length;
    return milliseconds{static_cast<std::int64_t>(slot)};
}

UtcTime not_after(UtcMinute minute, Window window, milliseconds budget) {
    return minute.end(window) + seconds{3} - budget;
}

UtcTime watermark(UtcMinute minute, Window window) {
    return minute.end(window) + seconds{5};
}

bool expects(UtcMinute minute, Window window, milliseconds interval, std::uint64_t hash) {
    const auto windows = static_cast<std::uint64_t>(
        std::max<std::int64_t>(1, interval.count() / window.length().count()));
    return static_cast<std::uint64_t>(minute.index(window)) % windows == hash % windows;
}

std::uint64_t turn_of(std::uint64_t hash, Window window) {
    return hash % static_cast<std::uint64_t>(timing_of(kTimeoutDefault, window).span.count());
}

ShardId shard_of(std::uint64_t hash, std::uint32_t shards, Window window) {
    const auto span = static_cast<std::uint64_t>(timing_of(kTimeoutDefault, window).span.count());
    return ShardId{turn_of(hash, window) * shards / span};
}

}  // namespace quorate
