#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time/time.hpp"

namespace quorate {

/// Counts of durations in logarithmic buckets, each a twentieth wider than the one before: a
/// quantile is off by at most 2.5 %. What is merged counts as if it had been added here, so hours
/// make days in any order. Durations up to ten minutes; longer ones count as that.
class LatencyHistogram {
public:
    void add(microseconds duration, std::uint64_t count = 1);
    void merge(const LatencyHistogram& other);

    std::uint64_t count() const;
    bool empty() const { return buckets_.empty(); }

    /// The duration that a share `q` (0..1) of all are not above: the middle of its bucket; nothing
    /// where there is none.
    std::optional<microseconds> quantile(double q) const;

    /// Appends the histogram as bytes: how many buckets, then of each its distance to the one
    /// before and its count, all as base-128 varints, low groups first.
    void encode(std::string& bytes) const;
    /// Reads one histogram from the front of `bytes` and takes it off. Throws std::invalid_argument
    /// if there is none.
    static LatencyHistogram decode(std::string_view& bytes);

    friend bool operator==(const LatencyHistogram&, const LatencyHistogram&) = default;

private:
    using Bucket = std::pair<std::uint16_t, std::uint64_t>;  // number, count above 0
    void add_to(std::uint16_t bucket, std::uint64_t count);
    std::vector<Bucket> buckets_;  // ascending
};

}  // namespace quorate
