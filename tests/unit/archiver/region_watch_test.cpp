#include "archiver/sealing/region_watch.hpp"

#include <gtest/gtest.h>

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
constexpr ShardId kShard{0};
constexpr ShardId kOther{1};

/// Endpoint `id` of a shard; its host is one of its own.
EndpointVersion version_of(std::uint64_t id, ShardId shard = kShard) {
    EndpointVersion version;
    version.endpoint = EndpointId{id};
    version.shard = shard;
    version.cell_slot = static_cast<std::uint32_t>(id);
    version.valid_from = kMinute;
    version.regions = {RegionId{1}, RegionId{2}, RegionId{3}};
    version.interval = std::chrono::seconds{60};
    version.host = id;
    return version;
}

/// Endpoints 1 to `count` of kShard, expected in kMinute.
Catalogue catalogue_of(std::size_t count) {
    std::vector<EndpointVersion> versions;
    for (std::size_t i = 1; i <= count; ++i)
        versions.push_back(version_of(i));
    return Catalogue{versions, Window::minute()};
}

TEST(RegionWatch, AShardIsCompleteOnceAllItsEndpointsHaveReported) {
    const auto catalogue = catalogue_of(3);
    RegionWatch watch;
    watch.hold(version_of(1), kMinute, cells_of("F.."));
    watch.count(kMinute, kShard, cells_of("..."), 2);
    EXPECT_FALSE(watch.complete(kMinute, kShard, catalogue));
    watch.count(kMinute, kShard, cells_of("..."), 3);
    EXPECT_TRUE(watch.complete(kMinute, kShard, catalogue));
    EXPECT_TRUE(watch.complete(kMinute, kOther, catalogue)) << "nothing is expected of it";
}

TEST(RegionWatch, TellsEachShardsTallyOnce) {
    const std::vector<ShardId> shards{kShard, kOther, ShardId{2}};
    RegionWatch watch;
    watch.hold(version_of(1), kMinute, cells_of("F.."));
    watch.count(kMinute, kShard, cells_of("..."), 2);
    watch.count(kMinute, kOther, cells_of(".F."), 3);
    const auto untold = watch.untold(kMinute, shards);
    ASSERT_EQ(untold.size(), 3U);
    EXPECT_EQ(untold[0].tallies.at(RegionId{1}).voters, 2U);
    EXPECT_EQ(untold[0].tallies.at(RegionId{1}).lone_fails, 1U);
    EXPECT_EQ(untold[1].tallies.at(RegionId{2}).lone_fails, 1U);
    EXPECT_TRUE(untold[2].tallies.empty());
    watch.told(untold[0]);
    watch.told(untold[2]);
    const auto rest = watch.untold(kMinute, shards);
    ASSERT_EQ(rest.size(), 1U);
    EXPECT_EQ(rest[0].shard, kOther);
}

TEST(RegionWatch, WaitsForTheDecisionOfAMinute) {
    RegionWatch watch;
    watch.count(kMinute, kShard, cells_of("..."), 2);
    EXPECT_TRUE(watch.waiting().empty());
    EXPECT_EQ(watch.counted(), std::vector{kMinute});
    watch.hold(version_of(1), kMinute, cells_of("F.."));
    EXPECT_EQ(watch.waiting(), std::vector{kMinute});
    EXPECT_EQ(watch.decided(kMinute), nullptr);
    watch.decide(kMinute, {RegionId{2}});
    ASSERT_NE(watch.decided(kMinute), nullptr);
    EXPECT_EQ(*watch.decided(kMinute), std::vector{RegionId{2}});
}

TEST(RegionWatch, HoldsEachOnceAndForgets) {
    RegionWatch watch;
    watch.hold(version_of(1), kMinute, cells_of("F.."));
    watch.hold(version_of(1), kMinute, cells_of("F.."));
    const std::vector<ShardId> shards{kShard};
    EXPECT_EQ(watch.untold(kMinute, shards).at(0).tallies.at(RegionId{1}).lone_fails, 1U);
    EXPECT_TRUE(watch.holds(kMinute, EndpointId{1}));
    watch.release(kMinute, EndpointId{1});
    EXPECT_FALSE(watch.holds(kMinute, EndpointId{1}));
    watch.forget_until(kMinute);
    EXPECT_TRUE(watch.counted().empty());
}

TEST(RegionWatch, AShardThatIsAnothersNowIsForgottenWithWhatItHeld) {
    RegionWatch watch;
    watch.hold(version_of(1), kMinute, cells_of("F.."));
    watch.hold(version_of(2, kOther), kMinute, cells_of("F.."));
    watch.forget(kShard);
    EXPECT_EQ(watch.held(kMinute), std::vector{EndpointId{2}});
    const std::vector<ShardId> shards{kShard};
    EXPECT_TRUE(watch.untold(kMinute, shards).at(0).tallies.empty());
}

}  // namespace
}  // namespace quorate
