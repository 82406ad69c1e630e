#include "platform/fleet/fleet.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(HeldShards, AreInForceUnderTheirEpochAndUntilTheirTime) {
    HeldShards held;
    const SteadyTime now{std::chrono::seconds{100}};
    const HeldShard one{ShardId{1}, 10};
    held.hold(one, now + milliseconds{1});
    held.hold({ShardId{2}, 20}, now + milliseconds{2});
    EXPECT_TRUE(held.in_force(one, now));
    EXPECT_FALSE(held.in_force({ShardId{1}, 11}, now));
    EXPECT_FALSE(held.in_force({ShardId{3}, 10}, now));
    EXPECT_EQ(held.in_force(now).size(), 2U);
    EXPECT_EQ(held.in_force(now + milliseconds{1}), (std::vector<HeldShard>{{ShardId{2}, 20}}));
    EXPECT_EQ(held.drop_lapsed(now + milliseconds{1}), (std::vector<HeldShard>{one}));
    EXPECT_EQ(held.size(), 1U);
    held.drop(ShardId{2});
    EXPECT_TRUE(held.all().empty());
}

TEST(HeldShards, OneThatIsOutbidIsDroppedAndAHigherEpochAskedFor) {
    HeldShards held;
    const SteadyTime now{std::chrono::seconds{100}};
    held.hold({ShardId{1}, 10}, now + milliseconds{1});
    held.outbid(ShardId{1}, 20);
    held.outbid(ShardId{1}, 15);
    EXPECT_TRUE(held.all().empty());
    EXPECT_EQ(held.above(), (ShardEpochs{{ShardId{1}, 20}}));
}

TEST(MemberName, WithoutOneItIsTheHostsWithThePort) {
    EXPECT_EQ(default_name("Quorate-Host.example_com", 7443, "coordinator"),
              "quorate-host-example-com-7443");
    EXPECT_EQ(default_name("", 7443, "coordinator"), "coordinator-7443");
    EXPECT_EQ(default_name("..a", 1, "x"), "a-1");
    EXPECT_EQ(default_name(std::string(100, 'x'), 65535, "x"), std::string(57, 'x') + "-65535");
}

}  // namespace
}  // namespace quorate
