#include "core/baseline/baseline.hpp"

#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

namespace quorate {
namespace {

using namespace std::chrono_literals;

const RegionId kHere{1};
const RegionId kThere{2};

TimedCell cell(RegionId region, milliseconds total, milliseconds list = 0ms) {
    TimedCell cell;
    cell.region = region;
    cell.total = total;
    cell.tcp = 1ms;
    if (list > 0ms) cell.tools_list = list;
    return cell;
}

/// A day with a cell in each of these hours.
CalmDay day(std::uint32_t hours, RegionId region = kHere, milliseconds total = 100ms) {
    CalmDay made;
    for (std::uint32_t hour = 0; hour < hours; ++hour)
        add(made, hour, cell(region, total, total - 20ms));
    return made;
}

TEST(Baseline, NobodyHasOneWithLessThanTwentyFourHoursOfHistory) {
    BaselineSum sum;
    sum.add(day(13));
    sum.add(day(10));
    EXPECT_EQ(sum.baselines().at(kHere), std::nullopt);
    sum.add(day(1, kThere));
    EXPECT_EQ(sum.baselines().at(kHere), std::nullopt) << "another region's hours are not its own";
    sum.add(day(1));
    EXPECT_TRUE(sum.baselines().at(kHere));
    EXPECT_EQ(sum.baselines().at(kThere), std::nullopt);
}

TEST(Baseline, AnHourCountsOnceHoweverManyMinutesItHas) {
    CalmDay made;
    for (int i = 0; i < 1000; ++i)
        add(made, 5, cell(kHere, 100ms));
    EXPECT_EQ(made.at(kHere).hours, 1U << 5U);
    BaselineSum sum;
    for (int i = 0; i < 23; ++i)
        sum.add(made);
    EXPECT_EQ(sum.baselines().at(kHere), std::nullopt);
}

TEST(Baseline, ItIsTheMedianAndTheP95OfTheTotalAndTheMedianOfEachPhase) {
    CalmDay made;
    // 90 cells of 100 ms, 10 of 400 ms: p50 is 100 ms, p95 400 ms, each within 2.5 %.
    for (int i = 0; i < 100; ++i)
        add(made, static_cast<std::uint32_t>(i % 24), cell(kHere, i < 90 ? 100ms : 400ms, 60ms));
    BaselineSum sum;
    sum.add(made);
    const auto baseline = sum.baselines().at(kHere);
    ASSERT_TRUE(baseline);
    EXPECT_NEAR(static_cast<double>(baseline->total.p50.count()), 100, 3.5);
    EXPECT_NEAR(static_cast<double>(baseline->total.p95.count()), 400, 11);
    const auto& usual = baseline->usual;
    EXPECT_NEAR(*usual.tcp, 1000, 25);
    EXPECT_NEAR(*usual.tools_list, 60'000, 1500);
    EXPECT_NEAR(*usual.rest, 39'000, 975) << "100 - 1 - 60";
    EXPECT_EQ(usual.tls, std::nullopt);
    EXPECT_EQ(usual.initialize, std::nullopt);
}

TEST(Baseline, PartsOfADayInAnyOrderAreTheDay) {
    auto first = day(3);
    merge(first, day(5, kThere));
    auto second = day(5, kThere);
    merge(second, day(3));
    EXPECT_EQ(first, second);
    auto twice = day(3);
    merge(twice, day(3));
    EXPECT_EQ(twice.at(kHere).hours, 7U);
    EXPECT_EQ(twice.at(kHere).times.total.count(), 6U);
}

TEST(Baseline, ADayComesBackAsItWas) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    for (int i = 0; i < 200; ++i) {
        CalmDay made;
        for (auto cells = random() % 50; cells > 0; --cells)
            add(made,
                random() % 24,
                cell(RegionId{1 + random() % 255}, milliseconds{1 + random() % 1000}));
        const auto bytes = encode_day(made);
        EXPECT_EQ(decode_day(bytes), made);
        auto damaged = bytes;
        damaged[random() % damaged.size()] = static_cast<char>(random());
        damaged.resize(random() % (damaged.size() + 1));
        try {
            (void)decode_day(damaged);
        } catch (const std::invalid_argument&) {  // or another day
        }
    }
    EXPECT_THROW((void)decode_day(std::string_view{"\x02\x00", 2}), std::invalid_argument);
    EXPECT_THROW((void)decode_day(std::string_view{"\x01\x00\x00", 3}), std::invalid_argument);
}

}  // namespace
}  // namespace quorate
