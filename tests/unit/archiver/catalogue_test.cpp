#include <gtest/gtest.h>

#include "tests/unit/archiver/versions.hpp"

namespace quorate {
namespace {

using testing::at;
using testing::kWindow;
using testing::version;

TEST(Catalogue, ExpectsTheVersionInForceAtTheMinute) {
    auto second = version(1, 5);
    second.regions = {RegionId{9}};
    const Catalogue catalogue{{second, version(1, 0, 5)}, kWindow};
    EXPECT_EQ(catalogue.expected(EndpointId{1}, at(-1)), nullptr);
    EXPECT_EQ(catalogue.expected(EndpointId{1}, at(0))->regions.size(), 3U);
    EXPECT_EQ(catalogue.expected(EndpointId{1}, at(4))->regions.size(), 3U);
    EXPECT_EQ(catalogue.expected(EndpointId{1}, at(5))->regions.size(), 1U);
    EXPECT_EQ(catalogue.expected(EndpointId{2}, at(0)), nullptr);
}

TEST(Catalogue, ExpectsNothingOfAPausedEndpointAndNothingWithoutRegions) {
    auto paused = version(1, 0);
    paused.paused = true;
    auto nowhere = version(2, 0);
    nowhere.regions.clear();
    const Catalogue catalogue{{paused, nowhere}, kWindow};
    EXPECT_EQ(catalogue.expected(EndpointId{1}, at(0)), nullptr);
    EXPECT_EQ(catalogue.expected(EndpointId{2}, at(0)), nullptr);
}

TEST(Catalogue, ALongerIntervalIsExpectedOncePerInterval) {
    auto rare = version(1, 0);
    rare.interval = 5 * kWindow.length();
    rare.hash = 12345;
    const Catalogue catalogue{{rare}, kWindow};
    int expected = 0;
    for (int i = 0; i < 20; ++i)
        expected += catalogue.expected(EndpointId{1}, at(i)) != nullptr;
    EXPECT_EQ(expected, 4);
}

TEST(Catalogue, AnEndpointIsDeletedFromTheEndOfItsLastVersion) {
    auto gone = version(1, 0, 3);
    gone.deleted = true;
    const Catalogue catalogue{{gone, version(2, 0, 3), version(2, 3)}, kWindow};
    EXPECT_EQ(catalogue.deleted(EndpointId{1}, at(2)), nullptr);
    EXPECT_NE(catalogue.deleted(EndpointId{1}, at(3)), nullptr);
    EXPECT_EQ(catalogue.deleted(EndpointId{2}, at(3)), nullptr);
}

TEST(Catalogue, AVersionThatNeverCameIntoForceIsNotTheLast) {
    auto gone = version(1, 2, 6);
    auto never = version(1, 2, 2);
    gone.deleted = never.deleted = true;
    for (const auto& versions : {std::vector{gone, never}, std::vector{never, gone}}) {
        const Catalogue catalogue{versions, kWindow};
        EXPECT_EQ(catalogue.deleted(EndpointId{1}, at(3)), nullptr);
        EXPECT_NE(catalogue.deleted(EndpointId{1}, at(6)), nullptr);
        EXPECT_NE(catalogue.expected(EndpointId{1}, at(2)), nullptr);
    }
}

TEST(Catalogue, AShardBeginsWithItsFirstVersion) {
    const Catalogue catalogue{{version(1, 4), version(3, 2), version(2, 0)}, kWindow};
    EXPECT_EQ(catalogue.first_minute(ShardId{1}), at(2));
    EXPECT_EQ(catalogue.first_minute(ShardId{7}), std::nullopt);
    EXPECT_EQ(catalogue.endpoints(ShardId{1}), (std::vector{EndpointId{1}, EndpointId{3}}));
}

}  // namespace
}  // namespace quorate
