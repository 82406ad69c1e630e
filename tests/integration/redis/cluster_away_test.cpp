// A node of a Cluster is away: what it serves fails at once, the rest is done all the same.
#include "platform/redis/peers.hpp"
#include "platform/redis/shard_leases.hpp"
#include "tests/integration/redis/cells.hpp"
#include "tests/integration/redis/cluster.hpp"

namespace quorate {
namespace {

using testing::cell_of;
using testing::eventually;
using testing::RedisCluster;
using testing::shard_at;
using testing::to_record;
using testing::WatchedClient;
using testing::with_two;

/// Commands with a timeout of ten seconds that are refused sooner are not waited for.
constexpr std::chrono::seconds kAtOnce{5};

std::vector<ShardId> one_shard_of_each() {
    return {shard_at(0), shard_at(1), shard_at(2)};
}

/// Kills a master and waits until a client knows.
Task<> kill(RedisCluster& cluster, RedisClient& client, std::size_t master) {
    cluster.server(master).kill();
    const auto known = [&]() -> Task<bool> {
        std::vector<RedisArgs> commands;
        for (const auto shard : one_shard_of_each())
            commands.push_back({"GET", keys::sealed(shard)});
        const auto replies = co_await client.try_now(std::move(commands));
        co_return replies.at(master).unavailable() != nullptr;
    };
    EXPECT_TRUE(co_await eventually(known));
}

TEST(RedisClusterAway, LeasesOfOtherNodesAreHeldAndGivenBack) {
    RedisCluster cluster;
    with_two(cluster, [&](WatchedClient& watched, RedisClient&) -> Task<> {
        const SystemClock clock;
        ShardLeases leases{watched.client, SharedWork::planning, "a#1"};
        const auto before = co_await leases.hold(one_shard_of_each(), std::chrono::seconds{60});
        for (const auto& answer : before)
            EXPECT_TRUE(answer.epoch && answer.failure.empty());
        co_await kill(cluster, watched.client, 1);
        const auto asked_at = clock.steady_now();
        const auto answers = co_await leases.hold(one_shard_of_each(), std::chrono::seconds{60});
        EXPECT_LT(clock.steady_now() - asked_at, kAtOnce);
        EXPECT_EQ(answers.at(0).epoch, before.at(0).epoch);
        EXPECT_EQ(answers.at(1).epoch, std::nullopt);
        EXPECT_NE(answers.at(1).failure, "");
        EXPECT_EQ(answers.at(2).epoch, before.at(2).epoch);
        std::vector<HeldShard> held;
        for (std::size_t i = 0; i < before.size(); ++i)
            held.push_back({one_shard_of_each()[i], before[i].epoch.value_or(0)});
        co_await leases.release(std::move(held));
        ShardLeases other{watched.client, SharedWork::planning, "b#1"};
        const auto taken = co_await other.hold(one_shard_of_each(), std::chrono::seconds{60});
        EXPECT_TRUE(taken.at(0).epoch && taken.at(2).epoch);
        cluster.server(1).start();
        const auto back = [&]() -> Task<bool> {
            const auto now = co_await leases.hold(one_shard_of_each(), std::chrono::seconds{60});
            co_return now.at(1).epoch == before.at(1).epoch&& now.at(0).holder == "b#1";
        };
        EXPECT_TRUE(co_await eventually(back));
    });
}

TEST(RedisClusterAway, AHeartbeatThatCanNotBeWrittenFailsAtOnce) {
    RedisCluster cluster;
    const auto master = RedisCluster::first_owner(keys::heartbeats(SharedWork::planning));
    with_two(cluster, [&](WatchedClient& watched, RedisClient&) -> Task<> {
        const SystemClock clock;
        PeerBeat own;
        own.name = "a";
        own.version = "1";
        const auto view = co_await beat(watched.client, SharedWork::planning, own, "1");
        EXPECT_EQ(view.beats.size(), 1U);
        co_await kill(cluster, watched.client, master);
        const auto asked_at = clock.steady_now();
        bool unavailable = false;
        try {
            co_await beat(watched.client, SharedWork::planning, own, "1");
        } catch (const RedisUnavailable&) {
            unavailable = true;
        }
        EXPECT_TRUE(unavailable);
        EXPECT_LT(clock.steady_now() - asked_at, kAtOnce);
    });
}

/// A cell of each master's shard.
std::vector<CellToRecord> one_cell_of_each() {
    std::vector<CellToRecord> cells;
    for (const auto shard : one_shard_of_each())
        cells.push_back(to_record(cell_of(shard.value() + 1, 1), 1, shard));
    return cells;
}

TEST(RedisClusterAway, CellsOfOtherNodesAreRecordedAlsoWhereTheScriptIsNew) {
    RedisCluster cluster;
    with_two(cluster, [&](WatchedClient& watched, RedisClient&) -> Task<> {
        CellBuffer buffer{watched.client};
        co_await kill(cluster, watched.client, 2);
        const auto answers = co_await buffer.try_record(one_cell_of_each());
        const std::vector wanted{Recorded::fresh, Recorded::fresh, Recorded::unanswered};
        EXPECT_EQ(answers.recorded, wanted);
        EXPECT_NE(answers.unavailable, "");
        EXPECT_EQ(answers.refusal, "");
        bool thrown = false;
        try {
            co_await buffer.record(one_cell_of_each());
        } catch (const RedisUnavailable&) {
            thrown = true;
        }
        EXPECT_TRUE(thrown);
        cluster.server(2).start();
        const auto back = [&]() -> Task<bool> {
            const auto now = co_await buffer.try_record(one_cell_of_each());
            co_return now.recorded ==
                    std::vector{Recorded::duplicate, Recorded::duplicate, Recorded::fresh} ||
                now.recorded == std::vector(3, Recorded::duplicate);
        };
        EXPECT_TRUE(co_await eventually(back));
    });
}

TEST(RedisClusterAway, WhatOneNodeRefusesIsRefusedAlone) {
    RedisCluster cluster;
    with_two(cluster, [&](WatchedClient& watched, RedisClient&) -> Task<> {
        CellBuffer buffer{watched.client};
        RedisArgs full{"CONFIG", "SET", "maxmemory", "1"};
        co_await cluster.run_at(0, std::move(full));
        const auto answers = co_await buffer.try_record(one_cell_of_each());
        const std::vector wanted{Recorded::refused, Recorded::fresh, Recorded::fresh};
        EXPECT_EQ(answers.recorded, wanted);
        EXPECT_EQ(answers.refusal.substr(0, 3), "OOM");
    });
}

}  // namespace
}  // namespace quorate
