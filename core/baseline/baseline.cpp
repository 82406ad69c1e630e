#include "core/baseline/baseline.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <stdexcept>

#include "core/base/varint.hpp"

namespace quorate {
namespace {

/// Format of encode_day: the first number.
constexpr std::uint64_t kFormat = 1;
constexpr std::uint64_t kRegionIdMax = 255;
constexpr std::uint64_t kAllHours = (1U << 24U) - 1;

/// In the order in which they are encoded.
constexpr std::array kHistograms{&RegionTimes::total,
                                 &RegionTimes::tcp,
                                 &RegionTimes::tls,
                                 &RegionTimes::initialize,
                                 &RegionTimes::tools_list,
                                 &RegionTimes::rest};

UsualTimes::Us median(const LatencyHistogram& histogram) {
    const auto found = histogram.quantile(0.5);
    if (!found) return std::nullopt;
    return static_cast<std::uint32_t>(found->count());
}

milliseconds quantile_ms(const LatencyHistogram& histogram, double share) {
    return std::chrono::ceil<milliseconds>(histogram.quantile(share).value_or(microseconds{0}));
}

}  // namespace

void RegionTimes::add(const TimedCell& cell) {
    total.add(cell.total);
    auto left = cell.total;
    const auto add_phase = [&left](LatencyHistogram& histogram, std::optional<microseconds> time) {
        if (!time) return;
        histogram.add(*time);
        left -= *time;
    };
    add_phase(tcp, cell.tcp);
    add_phase(tls, cell.tls);
    add_phase(initialize, cell.initialize);
    add_phase(tools_list, cell.tools_list);
    rest.add(std::max(left, microseconds{0}));
}

void RegionTimes::merge(const RegionTimes& other) {
    for (const auto histogram : kHistograms)
        (this->*histogram).merge(other.*histogram);
}

void add(CalmDay& day, std::uint32_t hour, const TimedCell& cell) {
    auto& region = day[cell.region];
    region.hours |= 1U << hour;
    region.times.add(cell);
}

void merge(CalmDay& day, const CalmDay& part) {
    for (const auto& [id, other] : part) {
        auto& region = day[id];
        region.hours |= other.hours;
        region.times.merge(other.times);
    }
}

std::string encode_day(const CalmDay& day) {
    std::string bytes;
    append_varint(kFormat, bytes);
    append_varint(day.size(), bytes);
    for (const auto& [id, region] : day) {
        append_varint(id.value(), bytes);
        append_varint(region.hours, bytes);
        for (const auto histogram : kHistograms)
            (region.times.*histogram).encode(bytes);
    }
    return bytes;
}

CalmDay decode_day(std::string_view bytes) {
    if (take_varint(bytes) != kFormat) throw std::invalid_argument{"a format that is not known"};
    CalmDay day;
    const auto count = take_varint(bytes);
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto id = take_varint(bytes);
        if (id == 0 || id > kRegionIdMax) throw std::invalid_argument{"not a region"};
        auto& region = day[RegionId{id}];
        const auto hours = take_varint(bytes);
        if (hours > kAllHours) throw std::invalid_argument{"not the hours of a day"};
        region.hours = static_cast<std::uint32_t>(hours);
        for (const auto histogram : kHistograms)
            region.times.*histogram = LatencyHistogram::decode(bytes);
    }
    if (!bytes.empty()) throw std::invalid_argument{"bytes behind the last region"};
    return day;
}

void BaselineSum::add(const CalmDay& day) {
    for (const auto& [id, of_day] : day) {
        auto& region = regions_[id];
        region.hours += static_cast<std::uint32_t>(std::popcount(of_day.hours));
        region.times.merge(of_day.times);
    }
}

std::map<RegionId, std::optional<Baseline>> BaselineSum::baselines() const {
    std::map<RegionId, std::optional<Baseline>> baselines;
    for (const auto& [id, region] : regions_) {
        auto& baseline = baselines[id];
        if (region.hours < kHoursMin) continue;
        const auto& times = region.times;
        baseline = Baseline{{quantile_ms(times.total, 0.5), quantile_ms(times.total, 0.95)},
                            {median(times.tcp),
                             median(times.tls),
                             median(times.initialize),
                             median(times.tools_list),
                             median(times.rest)}};
    }
    return baselines;
}

}  // namespace quorate
