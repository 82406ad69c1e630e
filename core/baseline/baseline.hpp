#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ids.hpp"
#include "core/histogram/latency_histogram.hpp"
#include "core/model/usual_times.hpp"
#include "core/time/time.hpp"
#include "core/verdict/slow.hpp"

namespace quorate {

/// How long a healthy cell took, and its parts; nothing where a phase did not happen.
struct TimedCell {
    RegionId region;
    microseconds total{0};
    std::optional<microseconds> tcp;
    std::optional<microseconds> tls;
    std::optional<microseconds> initialize;
    std::optional<microseconds> tools_list;
};

/// How long an endpoint took, seen from one region.
struct RegionTimes {
    LatencyHistogram total;
    LatencyHistogram tcp;
    LatencyHistogram tls;
    LatencyHistogram initialize;
    LatencyHistogram tools_list;
    LatencyHistogram rest;  ///< of the total, what is in none of the phases above

    void add(const TimedCell& cell);
    void merge(const RegionTimes& other);
    friend bool operator==(const RegionTimes&, const RegionTimes&) = default;
};

/// The times of one region on one UTC day.
struct RegionDay {
    std::uint32_t hours = 0;  ///< bit n: some are of hour n
    RegionTimes times;
    friend bool operator==(const RegionDay&, const RegionDay&) = default;
};

/// An endpoint's calm minutes of one UTC day, seen from each region.
using CalmDay = std::map<RegionId, RegionDay>;

/// Counts a cell of a calm minute that began in this hour of the day, 0 to 23.
void add(CalmDay& day, std::uint32_t hour, const TimedCell& cell);
/// Puts two parts of one day together.
void merge(CalmDay& day, const CalmDay& part);

/// A day as bytes, and back. Throws std::invalid_argument where the bytes are none.
std::string encode_day(const CalmDay& day);
CalmDay decode_day(std::string_view bytes);

/// What is usual of an endpoint seen from a region.
struct Baseline {
    LatencyBaseline total;
    UsualTimes usual;
    friend bool operator==(const Baseline&, const Baseline&) = default;
};

/// Puts days together until they say what is usual.
class BaselineSum {
public:
    /// With fewer hours of history there is no baseline.
    static constexpr std::uint32_t kHoursMin = 24;

    void add(const CalmDay& day);
    /// Of each region that has a history: its baseline, or nothing where that is too short.
    std::map<RegionId, std::optional<Baseline>> baselines() const;

private:
    struct Region {
        std::uint32_t hours = 0;
        RegionTimes times;
    };
    std::map<RegionId, Region> regions_;
};

}  // namespace quorate
