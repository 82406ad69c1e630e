#include "core/rollup/rollup.hpp"

#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

namespace quorate {
namespace {

RollupCell cell(std::uint64_t region, Verdict verdict, int total_ms = 100) {
    RollupCell cell;
    cell.region = RegionId{region};
    cell.verdict = verdict;
    cell.total = milliseconds{total_ms};
    cell.tools_list = milliseconds{total_ms / 2};
    return cell;
}

TEST(Rollup, CountsExpectedAndMeasuredCellsAndLeavesMaintenanceOut) {
    Rollup rollup;
    for (const auto verdict : {Verdict::up, Verdict::slow, Verdict::degraded, Verdict::auth})
        add(rollup, cell(1, verdict));
    add(rollup, cell(2, Verdict::fail));
    add(rollup, cell(2, Verdict::unknown));
    add(rollup, cell(2, Verdict::maint));
    EXPECT_EQ(rollup.cells_expected, 6U);
    EXPECT_EQ(rollup.cells_measured, 5U);
    EXPECT_EQ(rollup.regions.at(RegionId{1}).votes, 4U);
    EXPECT_EQ(rollup.regions.at(RegionId{1}).fails, 0U);
    EXPECT_EQ(rollup.regions.at(RegionId{2}).votes, 1U);
    EXPECT_EQ(rollup.regions.at(RegionId{2}).fails, 1U);
    EXPECT_EQ(rollup.total().count(), 4U) << "only healthy cells have times that count";
}

Rollup random_rollup(std::mt19937_64& random) {
    Rollup rollup;
    rollup.up = random() % 60;
    rollup.down = random() % 10;
    rollup.excluded = random() % 5;
    for (int i = 0; i < 200; ++i)
        add(rollup,
            cell(1 + random() % 5,
                 static_cast<Verdict>(random() % 7),
                 static_cast<int>(random() % 5000)));
    return rollup;
}

TEST(Rollup, SumsAreTheSameInAnyOrder) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random{seed};
    const auto a = random_rollup(random);
    const auto b = random_rollup(random);
    const auto c = random_rollup(random);
    auto left = a;
    left.merge(b);
    left.merge(c);
    auto right = c;
    right.merge(a);
    right.merge(b);
    EXPECT_EQ(left, right);
    EXPECT_EQ(left.up, a.up + b.up + c.up);
}

TEST(Rollup, ItsRegionsSurviveTheirBytes) {
    std::mt19937_64 random{3};
    const auto rollup = random_rollup(random);
    const auto bytes = encode_regions(rollup.regions);
    EXPECT_EQ(decode_regions(bytes), rollup.regions);
    EXPECT_THROW(decode_regions(bytes + "x"), std::invalid_argument);
    EXPECT_THROW(decode_regions(std::string_view{bytes}.substr(0, bytes.size() - 1)),
                 std::invalid_argument);
    EXPECT_TRUE(decode_regions(encode_regions({})).empty());
}

}  // namespace
}  // namespace quorate
