#include "platform/redis/keys.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(RedisKeys, WhatOneScriptWritesSharesAHashTag) {
    const ShardId shard{12};
    const auto minute = UtcMinute::from_epoch_ms(1'700'000'000'000);
    const RegionId region{3};
    EXPECT_EQ(keys::cells(shard, region, minute, 2), "{s12}:r3:c:1700000000000:2");
    EXPECT_EQ(keys::presence(shard, region, minute), "{s12}:r3:p:1700000000000");
    EXPECT_EQ(keys::details(shard, region, minute), "{s12}:r3:d:1700000000000");
    EXPECT_EQ(keys::done(shard, region), "{s12}:r3:done");
    EXPECT_EQ(keys::late(shard, region), "{s12}:r3:late");
    EXPECT_EQ(keys::sealed(shard), "{s12}:sealed");
    const auto [before, behind] = keys::presence_of_regions(shard, minute);
    EXPECT_EQ(before + "3" + behind, keys::presence(shard, region, minute));
    EXPECT_EQ(keys::jobs("us-east"), "{rus-east}:jobs");
    EXPECT_EQ(keys::planned("us-east"), "{rus-east}:planned");
    EXPECT_EQ(keys::fence("us-east"), "{rus-east}:fence");
    EXPECT_EQ(keys::missed("us-east"), "{rus-east}:missed");
    EXPECT_EQ(keys::counts("us-east"), "{rus-east}:counts");
    EXPECT_EQ(keys::lease(SharedWork::planning, shard), "{s12}:lease");
    EXPECT_EQ(keys::lease(SharedWork::sealing, shard), "{s12}:seal_lease");
    EXPECT_EQ(keys::heartbeats(SharedWork::planning), "{coordinators}:heartbeats");
    EXPECT_EQ(keys::heartbeats(SharedWork::sealing), "{archivers}:heartbeats");
    EXPECT_EQ(keys::agents("us-east"), "{rus-east}:agents");
}

}  // namespace
}  // namespace quorate
