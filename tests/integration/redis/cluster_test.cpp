#include "tests/integration/redis/cluster.hpp"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "platform/redis/fleet.hpp"
#include "platform/redis/job_consumer.hpp"
#include "platform/redis/job_queue.hpp"
#include "platform/redis/keys.hpp"
#include "tests/integration/redis/cells.hpp"
#include "tests/unit/platform/wire/random_model.hpp"

namespace quorate {
namespace {

using detail::slot_of;
using testing::ask;
using testing::eventually;
using testing::migrate;
using testing::RandomModel;
using testing::RedisCluster;
using testing::region_at;
using testing::WatchedClient;
using testing::with_two;
using testing::with_watched;

const std::vector<std::string> kRegions{"us-east", "us-west", "eu-west", "ap-south", "sa-east"};

/// A key `name-N` whose slot the master had at first.
std::string key_at(std::size_t master, const std::string& name) {
    for (int i = 0;; ++i) {
        auto key = name + "-" + std::to_string(i);
        if (RedisCluster::first_owner(key) == master) return key;
    }
}

std::vector<Job> jobs(std::size_t count) {
    RandomModel random{1};
    std::vector<Job> made;
    for (std::size_t i = 0; i < count; ++i)
        made.push_back(random.job());
    return made;
}

Task<> enqueue(RedisClient& client, std::string region, std::size_t count) {
    auto batch = jobs(count);
    co_await testing::put_jobs(client, std::move(region), std::move(batch));
}

/// Whether the key can be read.
Task<bool> can_read(RedisClient& client, std::string key) {
    RedisArgs get{"GET", std::move(key)};
    try {
        co_await client.run(std::move(get), milliseconds{500});
        co_return true;
    } catch (const RedisUnavailable&) {
        co_return false;
    }
}

TEST(RedisCluster, APipelineIsSplitOverTheNodesAndItsAnswersComeBackInOrder) {
    RedisCluster cluster;
    with_watched(cluster.options(), [](WatchedClient& watched) -> Task<> {
        constexpr int kKeys = 2000;
        std::vector<RedisArgs> commands;
        std::set<std::size_t> owners;
        for (int i = 0; i < kKeys; ++i) {
            const auto key = "key" + std::to_string(i);
            owners.insert(RedisCluster::first_owner(key));
            commands.push_back({"SET", key, std::to_string(i)});
            commands.push_back({"INCR", key});
            commands.push_back({"LPUSH", key, "x"});
        }
        commands.push_back({"PING"});
        EXPECT_EQ(owners.size(), 3U);
        const auto replies = co_await watched.client.try_all(std::move(commands));
        for (int i = 0; i < kKeys; ++i) {
            EXPECT_EQ(replies.at(3 * i).text(), "OK");
            EXPECT_EQ(replies.at(3 * i + 1).integer(), i + 1);
            EXPECT_NE(replies.at(3 * i + 2).error(), nullptr);
        }
        EXPECT_EQ(replies.back().text(), "PONG");
        EXPECT_EQ(watched.client.waiting(), 0U);
        const auto time = co_await redis_time(watched.client);
        EXPECT_GT(time, UtcTime{});
    });
}

TEST(RedisCluster, QueuesOfJobsWorkOnIt) {
    RedisCluster cluster;
    with_two(cluster, [](WatchedClient& watched, RedisClient& blocking) -> Task<> {
        for (const auto& region : kRegions)
            co_await enqueue(watched.client, region, 4);
        const auto queues = co_await read_queues(watched.client, kRegions);
        for (const auto& queue : queues)
            EXPECT_EQ(queue.depth.entries, 4U);
        for (const auto& region : kRegions) {
            JobConsumer consumer{watched.client, blocking, region, "agent-1"};
            const auto taken = co_await consumer.read(10, milliseconds{1000});
            EXPECT_EQ(taken.size(), 4U);
            if (taken.size() != 4U) co_return;
            std::vector<std::string> back{taken[0].entry};
            EXPECT_EQ(co_await consumer.give_back(std::move(back)), 1U);
            std::vector<std::string> done{taken[1].entry, taken[2].entry, taken[3].entry};
            co_await consumer.finish(std::move(done));
            const auto again = co_await consumer.read(10, milliseconds{1000});
            EXPECT_EQ(again.size(), 1U);
            const auto none = co_await consumer.read(10, milliseconds{5});
            EXPECT_TRUE(none.empty());
        }
    });
}

TEST(RedisCluster, CellsOfAllShardsAreRecordedReadAndSealedOnIt) {
    RedisCluster cluster;
    with_watched(cluster.options(), [](WatchedClient& watched) -> Task<> {
        constexpr std::uint64_t kShards = 64;
        const auto regions = testing::first_regions(1);
        CellBuffer buffer{watched.client};
        std::vector<CellToRecord> cells;
        std::vector<CellsQuery> queries;
        std::vector<ShardId> shards;
        std::vector<ShardMinute> minutes;
        std::vector<std::uint32_t> slots;
        for (std::uint64_t i = 0; i < kShards; ++i) {
            const EndpointId endpoint{i + 1};
            const auto slot = static_cast<std::uint32_t>(endpoint.value());
            cells.push_back(testing::to_record(testing::cell_of(i + 1, 1), 1, ShardId{i}));
            queries.push_back({ShardId{i}, testing::kMinute, endpoint, slot, regions});
            shards.push_back(ShardId{i});
            minutes.push_back({ShardId{i}, testing::kMinute});
            slots.push_back(slot + 1);
        }
        for (const auto wanted : {Recorded::fresh, Recorded::duplicate}) {
            const auto answers = co_await buffer.record(cells);
            EXPECT_EQ(answers, std::vector<Recorded>(kShards, wanted));
        }
        const auto done = co_await buffer.read_done(shards, regions, 10);
        EXPECT_EQ(done.size(), kShards);
        auto held = co_await testing::sealing_leases(watched.client, shards);
        co_await buffer.drop_done(done, std::move(held));
        const auto none = co_await buffer.read_done(shards, regions, 10);
        EXPECT_TRUE(none.empty());
        const auto found = co_await buffer.read_cells(queries);
        for (const auto& one : found)
            EXPECT_EQ(one.cells.size(), 1U);
        co_await buffer.seal(minutes);
        const auto sealed = co_await buffer.read_sealed(shards);
        for (const auto& one : sealed)
            EXPECT_EQ(one, testing::kMinute);
        const auto answers = co_await buffer.record(cells);
        EXPECT_EQ(answers, std::vector<Recorded>(kShards, Recorded::late));
        co_await buffer.drop_minutes(std::move(minutes), regions, std::move(slots));
        const auto gone = co_await buffer.read_cells(std::move(queries));
        for (const auto& one : gone)
            EXPECT_TRUE(one.cells.empty());
    });
}

TEST(RedisCluster, ASlotThatIsBeingMigratedIsFollowedByAskAndThenByMoved) {
    RedisCluster cluster;
    const auto region = region_at(0);
    const auto slot = slot_of(keys::jobs(region));
    with_two(cluster, [&](WatchedClient& watched, RedisClient& blocking) -> Task<> {
        RedisArgs set{"SET", "{r" + region + "}:here", "1"};
        EXPECT_EQ(co_await ask(watched.client, std::move(set)), "OK");
        std::function<Task<>()> half_way = [&]() -> Task<> {
            std::vector<RedisArgs> commands;
            commands.push_back({"GET", "{r" + region + "}:here"});
            commands.push_back({"SET", "{r" + region + "}:there", "2"});  // ASK: it is not here
            commands.push_back({"GET", "{r" + region + "}:there"});
            commands.push_back({"GET", "{r" + region + "}:here"});
            const auto replies = co_await watched.client.run_all(std::move(commands));
            EXPECT_EQ(replies.at(0).text(), "1");
            EXPECT_EQ(replies.at(1).text(), "OK");
            EXPECT_EQ(replies.at(2).text(), "2");
            EXPECT_EQ(replies.at(3).text(), "1");
        };
        co_await migrate(cluster, slot, 0, 1, std::move(half_way));
        RedisArgs here{"GET", "{r" + region + "}:here"};
        RedisArgs there{"GET", "{r" + region + "}:there"};
        EXPECT_EQ(co_await ask(watched.client, std::move(here)), "1");
        EXPECT_EQ(co_await ask(watched.client, std::move(there)), "2");
        co_await enqueue(watched.client, region, 3);
        JobConsumer consumer{watched.client, blocking, region, "agent-1"};
        const auto taken = co_await consumer.read(10, milliseconds{1000});
        EXPECT_EQ(taken.size(), 3U);
    });
}

TEST(RedisCluster, AReadThatBlocksGoesOnWhereItsSlotWent) {
    RedisCluster cluster;
    const auto region = region_at(2);
    const auto slot = slot_of(keys::jobs(region));
    with_two(cluster, [&](WatchedClient& watched, RedisClient& blocking) -> Task<> {
        co_await enqueue(watched.client, region, 1);
        JobConsumer consumer{watched.client, blocking, region, "agent-1"};
        const auto first = co_await consumer.read(10, milliseconds{1000});
        EXPECT_EQ(first.size(), 1U);
        std::size_t taken = 0;
        const auto read_on = [&]() -> Task<> {
            const auto deliveries = co_await consumer.read(10, std::chrono::seconds{20});
            taken = deliveries.size();
        };
        TaskGroup group{co_await asio::this_coro::executor, 1};
        group.spawn("read", read_on());
        const auto blocked = [&]() -> Task<bool> {
            RedisArgs info{"INFO", "clients"};
            const auto reply = co_await cluster.direct(2).run(std::move(info));
            co_return reply.text().find("blocked_clients:1") != std::string::npos;
        };
        EXPECT_TRUE(co_await eventually(blocked));
        std::function<Task<>()> nothing = []() -> Task<> { co_return; };
        co_await migrate(cluster, slot, 2, 0, std::move(nothing));
        co_await enqueue(watched.client, region, 2);
        co_await group.join();
        EXPECT_GT(taken, 0U);
    });
}

TEST(RedisCluster, ANodeThatIsAwayFailsTheCommandsOfItsOwnSlotsAlone) {
    RedisCluster cluster;
    const std::vector<std::string> keys{key_at(0, "k"), key_at(1, "k"), key_at(2, "k")};
    with_watched(cluster.options(), [&](WatchedClient& watched) -> Task<> {
        for (const auto& key : keys) {
            RedisArgs set{"SET", key, "1"};
            EXPECT_EQ(co_await ask(watched.client, std::move(set)), "OK");
        }
        cluster.server(0).kill();
        for (int round = 0; round < 3; ++round) {
            std::vector<RedisArgs> commands;
            for (const auto& key : keys)
                commands.push_back({"GET", key});
            commands.push_back({"TIME"});
            const auto replies = co_await watched.client.try_all(commands, milliseconds{500});
            EXPECT_NE(replies.at(0).unavailable(), nullptr);
            EXPECT_THROW((void)replies.at(0).text(), RedisUnavailable);
            EXPECT_EQ(replies.at(1).text(), "1");
            EXPECT_EQ(replies.at(2).text(), "1");
            if (round == 0) continue;  // TIME may have waited for the node that had just gone
            EXPECT_EQ(replies.at(3).list().size(), 2U);
        }
        EXPECT_TRUE(watched.client.reachable());
        EXPECT_EQ(watched.client.waiting(), 0U);
        EXPECT_FALSE(co_await can_read(watched.client, keys[0]));
        cluster.server(0).start();
        const auto back = [&] { return can_read(watched.client, keys[0]); };
        EXPECT_TRUE(co_await eventually(back));
    });
}

TEST(RedisCluster, AKilledMastersReplicaTakesItsSlotsOver) {
    RedisCluster cluster{1};
    const auto key = key_at(0, "k");
    auto options = cluster.options();
    options.cluster_nodes.push_back(cluster.server(1).address());
    with_watched(options, [&](WatchedClient& watched) -> Task<> {
        std::vector<RedisArgs> commands;
        commands.push_back({"SET", key, "1"});
        commands.push_back({"WAIT", "1", "10000"});
        const auto written = co_await watched.client.run_all(std::move(commands));
        EXPECT_EQ(written.at(1).integer(), 1);
        cluster.server(0).kill();
        const auto readable = [&] { return can_read(watched.client, key); };
        EXPECT_TRUE(co_await eventually(readable));
        RedisArgs get{"GET", key};
        EXPECT_EQ(co_await ask(watched.client, std::move(get)), "1");
    });
    // A client that starts now finds the cluster by another node than that of its URL.
    with_watched(options, [&](WatchedClient& watched) -> Task<> {
        RedisArgs get{"GET", key};
        EXPECT_EQ(co_await ask(watched.client, std::move(get)), "1");
    });
}

TEST(RedisCluster, AServerThatIsNoClusterIsNotTakenForOne) {
    const testing::RedisServer server{testing::RedisServer::Listen::tcp};
    auto options = testing::options_for(server);
    options.cluster = true;
    options.commands_max = 2;
    EXPECT_THAT(testing::why_unreachable(options),
                ::testing::HasSubstr("cluster support disabled"));
    with_watched(options, [](WatchedClient& watched) -> Task<> {
        std::vector<RedisArgs> many(3, RedisArgs{"GET", "key"});
        bool refused = false;
        try {
            co_await watched.client.try_all(std::move(many));
        } catch (const RedisUnavailable& error) {
            refused = std::string{error.what()}.find("too many") != std::string::npos;
        }
        EXPECT_TRUE(refused);
        EXPECT_FALSE(co_await can_read(watched.client, "key"));
        EXPECT_EQ(watched.client.waiting(), 0U);
    });
}

}  // namespace
}  // namespace quorate
