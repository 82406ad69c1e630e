#include "core/histogram/latency_histogram.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(LatencyHistogram, QuantilesAreWithinTwoAndAHalfPercentOfTheTrueOnes) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random{seed};
    std::lognormal_distribution<double> times{11, 1.5};  // around 60 ms, from 1 ms to 10 s
    LatencyHistogram histogram;
    std::vector<std::int64_t> all;
    for (int i = 0; i < 5000; ++i) {
        all.push_back(std::max<std::int64_t>(200, std::llround(times(random))));
        histogram.add(microseconds{all.back()});
    }
    std::ranges::sort(all);
    EXPECT_EQ(histogram.count(), all.size());
    for (const double q : {0.0, 0.01, 0.5, 0.95, 0.99, 1.0}) {
        const auto rank = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(q * 5000)));
        const auto truth = static_cast<double>(all[rank - 1]);
        const auto found = static_cast<double>(histogram.quantile(q)->count());
        EXPECT_NEAR(found / truth, 1, 0.0255) << "q " << q;
    }
}

TEST(LatencyHistogram, PartsMergedInAnyGroupingAreTheWhole) {
    std::mt19937_64 random{7};
    LatencyHistogram whole;
    std::vector<LatencyHistogram> parts(5);
    for (int i = 0; i < 1000; ++i) {
        const microseconds time{static_cast<std::int64_t>(random() % 20'000'000)};
        whole.add(time);
        parts[random() % parts.size()].add(time);
    }
    LatencyHistogram left;
    for (const auto& part : parts)
        left.merge(part);
    LatencyHistogram right;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part)
        right.merge(*part);
    EXPECT_EQ(left, whole);
    EXPECT_EQ(right, whole);
}

TEST(LatencyHistogram, SurvivesItsBytesAndTakesNoMore) {
    LatencyHistogram histogram;
    for (const int ms : {1, 1, 80, 81, 3000, 900'000})
        histogram.add(milliseconds{ms}, 3);
    std::string bytes;
    histogram.encode(bytes);
    EXPECT_LE(bytes.size(), 15U);
    LatencyHistogram{}.encode(bytes);
    std::string_view left = bytes;
    EXPECT_EQ(LatencyHistogram::decode(left), histogram);
    EXPECT_TRUE(LatencyHistogram::decode(left).empty());
    EXPECT_TRUE(left.empty());
}

TEST(LatencyHistogram, RefusesBytesThatAreNone) {
    using namespace std::string_view_literals;
    for (auto bytes : {""sv,
                       "\x01\x05"sv,              // cut off
                       "\x01\x05\x00"sv,          // a count of none
                       "\x02\x05\x01\x00\x01"sv,  // the same bucket twice
                       "\x01\xff\x7f\x01"sv,      // no such bucket
                       "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv})
        EXPECT_THROW(LatencyHistogram::decode(bytes), std::invalid_argument);
}

TEST(LatencyHistogram, HasNoQuantileOfNothing) {
    EXPECT_FALSE(LatencyHistogram{}.quantile(0.5).has_value());
    LatencyHistogram one;
    one.add(microseconds{0});
    EXPECT_EQ(one.quantile(0.5), microseconds{50}) << "the first bucket ends at 100";
}

}  // namespace
}  // namespace quorate
