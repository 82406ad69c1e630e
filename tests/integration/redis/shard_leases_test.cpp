#include "platform/redis/shard_leases.hpp"

#include "platform/redis/fleet.hpp"
#include "platform/redis/keys.hpp"
#include "tests/integration/redis/with_client.hpp"

namespace quorate {
namespace {

using testing::eventually;
using testing::RedisServer;
using testing::with_client;

constexpr auto kWork = SharedWork::planning;
constexpr ShardId kShard{7};
constexpr milliseconds kLength{5000};
constexpr milliseconds kShort{1};

Task<LeaseAnswer> hold(ShardLeases& leases, milliseconds length = kLength) {
    std::vector<ShardId> shards{kShard};
    const auto answers = co_await leases.hold(std::move(shards), length);
    co_return answers.at(0);
}

Task<RedisReply> set_field(RedisClient& client, const char* field, const char* value) {
    RedisArgs command{"HSET", keys::lease(kWork, kShard), field, value};
    return client.run(std::move(command));
}

TEST(ShardLeases, OneHolderRenewsItAndTheOtherIsToldWhoHasIt) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        ShardLeases a{client, kWork, "a#1"};
        ShardLeases b{client, kWork, "b#1"};
        const auto first = co_await hold(a);
        const auto again = co_await hold(a);
        const auto other = co_await hold(b);
        EXPECT_TRUE(first.epoch.has_value());
        EXPECT_EQ(again.epoch, first.epoch);
        EXPECT_EQ(other.epoch, std::nullopt);
        EXPECT_EQ(other.holder, "a#1");
        RedisArgs expiry{"PTTL", keys::lease(kWork, kShard)};
        const auto ttl = co_await client.run(std::move(expiry));
        EXPECT_EQ(ttl.integer(), -1) << "the epoch must outlive the lease";
    });
}

TEST(ShardLeases, OneThatRanOutGoesToWhoeverAsksUnderAHigherEpoch) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        ShardLeases a{client, kWork, "a#1"};
        ShardLeases b{client, kWork, "b#1"};
        const auto first = co_await hold(a, kShort);
        LeaseAnswer other;
        const auto taken = [&]() -> Task<bool> {
            other = co_await hold(b);
            co_return other.epoch.has_value();
        };
        const bool came = co_await eventually(taken);
        EXPECT_TRUE(came);
        EXPECT_GT(other.epoch, first.epoch);
        const auto late = co_await hold(a);
        EXPECT_EQ(late.holder, "b#1");
    });
}

TEST(ShardLeases, OneThatRanOutComesBackToItsHolderUnderAHigherEpoch) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        ShardLeases a{client, kWork, "a#1"};
        const auto first = co_await hold(a);
        co_await set_field(client, "until_ms", "1");
        const auto second = co_await hold(a);
        EXPECT_GT(second.epoch, first.epoch);
    });
}

TEST(ShardLeases, ReleasedItIsFreeAtOnceAndOnlyItsHolderReleasesIt) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        ShardLeases a{client, kWork, "a#1"};
        ShardLeases b{client, kWork, "b#1"};
        const auto first = co_await hold(a);
        const std::vector<HeldShard> held{{kShard, *first.epoch}};
        const std::vector<HeldShard> earlier{{kShard, *first.epoch - 1}};
        co_await b.release(held);
        co_await a.release(earlier);
        const auto refused = co_await hold(b);
        EXPECT_EQ(refused.epoch, std::nullopt);
        co_await a.release(held);
        const auto taken = co_await hold(b);
        EXPECT_GT(taken.epoch, first.epoch);
    });
}

TEST(ShardLeases, TheEpochRisesAlsoWhenRedisLostItsMemory) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        ShardLeases a{client, kWork, "a#1"};
        const auto first = co_await hold(a);
        RedisArgs flush{"FLUSHALL"};
        co_await client.run(std::move(flush));
        const auto before = co_await redis_time(client);
        const auto second = co_await hold(a);
        EXPECT_GE(second.epoch, first.epoch);  // the same only within one millisecond
        const auto floor = std::chrono::floor<milliseconds>(before).time_since_epoch().count();
        EXPECT_GE(*second.epoch, static_cast<std::uint64_t>(floor));
    });
}

TEST(ShardLeases, AnEpochAboveRedissClockStillRises) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        ShardLeases a{client, kWork, "a#1"};
        co_await set_field(client, "epoch", "9000000000000");
        const auto taken = co_await hold(a);
        EXPECT_EQ(taken.epoch, 9'000'000'000'001U);
    });
}

TEST(ShardLeases, OneWhoseEpochIsOutbidGetsAHigherOneAndNobodyElsesIsTouched) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        ShardLeases a{client, kWork, "a#1"};
        ShardLeases b{client, kWork, "b#1"};
        const auto first = co_await hold(a);
        const ShardEpochs above{{kShard, *first.epoch + 1'000'000}};
        std::vector<ShardId> shards{kShard};
        const auto other = co_await b.hold(shards, kLength, above);
        EXPECT_EQ(other.at(0).epoch, std::nullopt);
        const auto second = co_await a.hold(shards, kLength, above);
        EXPECT_EQ(second.at(0).epoch, *first.epoch + 1'000'001);
        const auto third = co_await a.hold(shards, kLength, above);
        EXPECT_EQ(third.at(0).epoch, second.at(0).epoch);
    });
}

TEST(ShardLeases, OneThatAClockAheadGaveForHoursCountsAsOver) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        ShardLeases a{client, kWork, "a#1"};
        ShardLeases b{client, kWork, "b#1"};
        co_await hold(a, std::chrono::hours{1});
        const auto taken = co_await hold(b);
        EXPECT_TRUE(taken.epoch.has_value());
    });
}

}  // namespace
}  // namespace quorate
