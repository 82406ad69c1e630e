#include "platform/redis/keys.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(RedisKeys, WhatOneScriptWritesSharesAHashTag) {
    const ShardId shard{12};
    const auto minute = UtcMinute::from_epoch_ms(1'700'000'000'000);
    EXPECT_EQ(keys::minute(shard, minute), "{s12}:m:1700000000000");
    EXPECT_EQ(keys::done(shard), "{s12}:done");
    EXPECT_EQ(keys::sealed(shard), "{s12}:sealed");
    EXPECT_EQ(keys::late(shard), "{s12}:late");
    EXPECT_EQ(keys::jobs("us-east"), "{rus-east}:jobs");
    EXPECT_EQ(keys::planned("us-east"), "{rus-east}:planned");
    EXPECT_EQ(keys::agents("us-east"), "{rus-east}:agents");
    EXPECT_EQ(keys::cell_field(EndpointId{7}, RegionId{3}), "7:3");
}

}  // namespace
}  // namespace quorate
