// A Redis Cluster that loses a master: what is on the others is sealed all the same.
#include "tests/integration/redis/cluster.hpp"

#include <chrono>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "platform/redis/keys.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using std::chrono::seconds;
using testing::eventually;
using testing::RedisCluster;
using testing::World;

/// Endpoints of all shards, of regions on all masters.
struct Clustered {
    World world{*Window::of(seconds{2})};
    RedisCluster cluster;
    std::size_t lost = RedisCluster::first_owner(keys::sealed(ShardId{0}));

    Clustered() {
        std::vector<RegionId> regions;
        for (std::size_t master = 0; master < RedisCluster::kMasters; ++master)
            regions.push_back(world.region(testing::region_at(master)));
        for (std::uint32_t i = 0; i < 2 * World::kShards; ++i)
            world.endpoint("e" + std::to_string(i), regions, world.minute(1));
    }

    ArchiverConfig config() const {
        auto config = world.config();
        const auto at = cluster.options().address;
        config.redis.url = "redis://127.0.0.1:" + std::to_string(at.port);
        config.redis.cluster = true;
        return config;
    }

    std::set<ShardId> shards_of_the_lost() const {
        std::set<ShardId> shards;
        for (const auto shard : World::shards())
            if (RedisCluster::first_owner(keys::sealed(shard)) == lost) shards.insert(shard);
        return shards;
    }

    /// The sealed minutes of these shards, or of all others.
    int sealed(bool of_these, const std::set<ShardId>& shards) const {
        std::string list;
        for (const auto shard : shards)
            list += (list.empty() ? "" : ",") + std::to_string(shard.value());
        return std::stoi(world.sql(
            "SELECT count(*) FROM quorate.minute m JOIN quorate.endpoint e ON e.id = m.endpoint_id"
            " WHERE (e.shard IN (" +
            list + ")) = " + (of_these ? "true" : "false")));
    }

    Task<> expect_progress(bool of_these, std::set<ShardId> shards, int minutes) {
        const auto before = sealed(of_these, shards);
        const auto goes_on = [&]() -> Task<bool> {
            co_return sealed(of_these, shards) >= before + minutes;
        };
        EXPECT_TRUE(co_await eventually(goes_on, seconds{40})) << before;
    }
};

TEST(ArchiverCluster, WhatTheOtherMastersHaveIsSealedWhileOneIsAwayAndAllAfterwards) {
    Clustered clustered;
    const auto lost = clustered.shards_of_the_lost();
    ASSERT_LT(lost.size(), World::shards().size());
    clustered.cluster.with_servers([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        ArchiverApp app{clustered.config(), executor};
        TaskGroup group{executor, 1};
        group.spawn("archiver", app.run());
        co_await clustered.expect_progress(true, lost, 2);
        co_await clustered.expect_progress(false, lost, 2);
        clustered.cluster.server(clustered.lost).kill();
        // More than was on its way when it died.
        co_await clustered.expect_progress(false, lost, 20);
        const auto stands_at = clustered.sealed(true, lost);
        co_await clustered.expect_progress(false, lost, 4);
        EXPECT_EQ(clustered.sealed(true, lost), stands_at) << "its leases have lapsed";
        clustered.cluster.server(clustered.lost).start();
        co_await clustered.expect_progress(true, lost, 20);
        group.cancel();
        co_await group.join();
    });
}

}  // namespace
}  // namespace quorate
