#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ids.hpp"
#include "core/histogram/latency_histogram.hpp"
#include "core/model/phase.hpp"
#include "core/model/verdict.hpp"

namespace quorate {

/// What one region saw. Only healthy cells count into the times.
struct RegionRollup {
    std::uint64_t votes = 0;
    std::uint64_t fails = 0;
    LatencyHistogram total;
    std::map<Phase, LatencyHistogram> phases;  ///< those that took place
    friend bool operator==(const RegionRollup&, const RegionRollup&) = default;
};

/// Any number of minutes of one endpoint.
struct Rollup {
    std::uint64_t up = 0;              ///< minutes
    std::uint64_t down = 0;            ///< minutes
    std::uint64_t excluded = 0;        ///< minutes that are in no uptime
    std::uint64_t cells_expected = 0;  ///< without those under maintenance
    std::uint64_t cells_measured = 0;  ///< of these, with a vote
    std::map<RegionId, RegionRollup> regions;

    void merge(const Rollup& other);
    /// The total times of all regions.
    LatencyHistogram total() const;
    friend bool operator==(const Rollup&, const Rollup&) = default;
};

/// A cell as far as rollups look at it.
struct RollupCell {
    RegionId region;
    Verdict verdict = Verdict::unknown;
    std::optional<microseconds> total;
    std::optional<microseconds> connect;
    std::optional<microseconds> tls;
    std::optional<microseconds> initialize;
    std::optional<microseconds> tools_list;
};

/// Counts one cell.
void add(Rollup& rollup, const RollupCell& cell);

/// The regions' part as bytes, and back. Throws std::invalid_argument where the bytes are none.
std::string encode_regions(const std::map<RegionId, RegionRollup>& regions);
std::map<RegionId, RegionRollup> decode_regions(std::string_view bytes);

}  // namespace quorate
