#include "archiver/sealing/region_watch.hpp"

#include <gtest/gtest.h>

#include "tests/unit/archiver/versions.hpp"

namespace quorate {
namespace {

std::vector<SealedCell> cells_of(const std::string& letters) {
    std::vector<SealedCell> cells;
    for (std::size_t i = 0; i < letters.size(); ++i)
        cells.push_back({RegionId{i + 1},
                         letters[i] == 'F'   ? Verdict::fail
                         : letters[i] == 'u' ? Verdict::unknown
                                             : Verdict::up,
                         false,
                         {},
                         {}});
    return cells;
}

const auto kMinute = UtcMinute::from_epoch_ms(1'800'000'000'000);
const std::vector<ShardId> kShards{ShardId{0}};

/// Endpoints 1 to `count`, expected in kMinute.
Catalogue catalogue_of(std::size_t count) {
    std::vector<EndpointVersion> versions;
    for (std::size_t i = 1; i <= count; ++i) {
        EndpointVersion version;
        version.endpoint = EndpointId{i};
        version.shard = ShardId{0};
        version.cell_slot = static_cast<std::uint32_t>(i);
        version.valid_from = kMinute;
        version.regions = {RegionId{1}, RegionId{2}, RegionId{3}};
        version.interval = std::chrono::seconds{60};
        versions.push_back(version);
    }
    return Catalogue{versions, Window::minute()};
}

TEST(RegionWatch, ARegionThatAloneFailsHalfOfItsEndpointsIsNotBelieved) {
    const auto catalogue = catalogue_of(10);
    RegionWatch watch;
    for (std::size_t i = 1; i <= 5; ++i)
        watch.hold(kMinute, EndpointId{i}, cells_of("F.."), i);
    for (std::size_t i = 6; i <= 9; ++i)
        watch.count(kMinute, cells_of("..."), i);
    EXPECT_TRUE(watch.decide(catalogue, kShards).empty()) << "one has not reported";
    EXPECT_EQ(watch.decided(kMinute), nullptr);
    watch.count(kMinute, cells_of("..."), 10);
    EXPECT_EQ(watch.decide(catalogue, kShards), std::vector{kMinute});
    ASSERT_NE(watch.decided(kMinute), nullptr);
    EXPECT_EQ(*watch.decided(kMinute), std::vector{RegionId{1}});
    EXPECT_EQ(watch.held(kMinute).size(), 5U);
    const auto health = watch.health(kMinute);
    EXPECT_TRUE(health[0].quarantined);
    EXPECT_EQ(health[0].tally.voters, 10U);
    EXPECT_EQ(health[0].tally.fails, 5U);
    EXPECT_FALSE(health[1].quarantined);
}

TEST(RegionWatch, WhereNotAllReportItIsDecidedWhenTheMinuteIsOutOfTime) {
    const auto catalogue = catalogue_of(10);
    RegionWatch watch;
    watch.hold(kMinute, EndpointId{1}, cells_of("F.."), 1);
    EXPECT_TRUE(watch.decide(catalogue, kShards).empty());
    watch.decide(kMinute);
    ASSERT_NE(watch.decided(kMinute), nullptr);
    EXPECT_TRUE(watch.decided(kMinute)->empty()) << "one endpoint is no bad vantage";
}

TEST(RegionWatch, WhatWasDecidedStays) {
    const auto catalogue = catalogue_of(10);
    RegionWatch watch;
    watch.restore(kMinute, {RegionId{2}});
    for (std::size_t i = 1; i <= 8; ++i)
        watch.hold(kMinute, EndpointId{i}, cells_of("F.."), i);
    EXPECT_EQ(watch.decide(catalogue, kShards), std::vector{kMinute});
    watch.decide(kMinute);
    EXPECT_EQ(*watch.decided(kMinute), std::vector{RegionId{2}});
}

TEST(RegionWatch, HoldsEachOnceAndForgets) {
    RegionWatch watch;
    watch.hold(kMinute, EndpointId{1}, cells_of("F.."), 1);
    watch.hold(kMinute, EndpointId{1}, cells_of("F.."), 1);
    EXPECT_EQ(watch.health(kMinute)[0].tally.lone_fails, 1U);
    EXPECT_TRUE(watch.holds(kMinute, EndpointId{1}));
    watch.release(kMinute, EndpointId{1});
    EXPECT_FALSE(watch.holds(kMinute, EndpointId{1}));
    watch.forget_until(kMinute);
    EXPECT_TRUE(watch.health(kMinute).empty());
}

}  // namespace
}  // namespace quorate
