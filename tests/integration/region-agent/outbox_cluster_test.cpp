// The outbox on a Redis Cluster of which one master is away: cells for the others are written.
#include "platform/wire/cell_codec.hpp"
#include "region-agent/outbox/outbox.hpp"
#include "tests/integration/redis/cells.hpp"
#include "tests/integration/redis/cluster.hpp"
#include "tests/integration/region-agent/posted.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/platform/wire/random_model.hpp"

namespace quorate {
namespace {

using agent::OutboxLimits;
using agent::Spool;
using testing::cell_of;
using testing::depth_of;
using testing::eventually;
using testing::RedisCluster;
using testing::region_at;
using testing::shard_at;
using testing::to_record;
using testing::WatchedClient;
using testing::with_two;

constexpr std::size_t kLiving = 0;  // its queue of jobs, and half of the cells
constexpr std::size_t kDead = 2;    // the other half

/// Few at a time, so that what is held up would soon stand before the rest.
OutboxLimits short_limits() {
    OutboxLimits limits;
    limits.every = milliseconds{5};
    limits.batch = 10;
    limits.send_max = 10;
    limits.backoff_first = milliseconds{1};
    limits.backoff_longest = milliseconds{20};
    return limits;
}

/// The outbox of a region whose queue is on the living master, and jobs that were taken from there.
struct Posted : testing::Posted {
    Posted(RedisClient& client, asio::any_io_executor executor, Spool* spool)
        : testing::Posted{executor, client, region_at(kLiving), short_limits(), spool} {}

    /// Takes jobs from the queue and gives the outbox a cell of each, in turn for both masters.
    Task<> finish(std::size_t count) {
        testing::RandomModel random{1};
        std::vector<Job> made;
        for (std::size_t i = 0; i < count; ++i)
            made.push_back(random.job());
        co_await testing::put_jobs(redis, region, std::move(made));
        const auto taken = co_await jobs.read(count, milliseconds{1000});
        EXPECT_EQ(taken.size(), count);
        for (const auto& delivery : taken) {
            const auto shard = shard_at(++endpoints % 2 == 0 ? kLiving : kDead);
            outbox.add({delivery.entry, to_record(cell_of(endpoints, 1), 1, shard)});
        }
    }
    Task<bool> has_recorded(double cells_wanted) { co_return recorded("fresh") == cells_wanted; }

    std::string region = region_at(kLiving);
    std::uint64_t endpoints = 0;
};

void expect_that_cells_of_the_living_master_go_in(Spool* spool) {
    RedisCluster cluster;
    with_two(cluster, [&](WatchedClient& watched, RedisClient&) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        Posted posted{watched.client, executor, spool};
        posted.writer.spawn("outbox", posted.outbox.run());
        cluster.server(kDead).kill();
        for (std::size_t round = 1; round <= 5; ++round) {
            co_await posted.finish(40);
            const auto in = [&] { return posted.has_recorded(20.0 * static_cast<double>(round)); };
            EXPECT_TRUE(co_await eventually(in)) << round;
            const auto acknowledged = [&]() -> Task<bool> {
                const auto depth = co_await depth_of(watched.client, posted.region);
                co_return depth.entries == 20 * round;
            };
            EXPECT_TRUE(co_await eventually(acknowledged)) << round;
        }
        EXPECT_EQ(posted.outbox.size(), 100U);
        EXPECT_EQ(posted.gone.size(), 100U);
        EXPECT_EQ(posted.outbox.spooled(), spool == nullptr ? 0U : 100U);
        cluster.server(kDead).start();
        co_await posted.outbox.emptied();
        EXPECT_EQ(posted.recorded("fresh") + posted.recorded("duplicate"), 200);
        EXPECT_EQ(posted.recorded("overflow") + posted.recorded("refused"), 0);
        const auto depth = co_await depth_of(watched.client, posted.region);
        EXPECT_EQ(depth.entries, 0U);
        EXPECT_EQ(posted.gone.size(), 200U);
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

TEST(OutboxInACluster, WhatIsForADeadMasterWaitsInMemoryAndTheRestIsWritten) {
    expect_that_cells_of_the_living_master_go_in(nullptr);
}

TEST(OutboxInACluster, WhatIsForADeadMasterWaitsOnDiskAndTheRestIsWritten) {
    const TemporaryFolder folder;
    Spool spool{{folder.path()}};
    expect_that_cells_of_the_living_master_go_in(&spool);
}

// Otherwise an agent that is started meanwhile would take no jobs until the master is back.
TEST(OutboxInACluster, WhatAnEarlierLifeLeftForADeadMasterIsNotWaitedFor) {
    const TemporaryFolder folder;
    RedisCluster cluster;
    with_two(cluster, [&](WatchedClient& watched, RedisClient&) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        {
            Spool spool{{folder.path()}};
            Posted before{watched.client, executor, &spool};
            co_await before.finish(40);
            EXPECT_EQ(before.outbox.park(), 40U);
        }
        cluster.server(kDead).kill();
        Spool spool{{folder.path()}};
        Posted posted{watched.client, executor, &spool};
        posted.writer.spawn("outbox", posted.outbox.run());
        co_await posted.outbox.replayed();
        EXPECT_EQ(posted.recorded("fresh"), 20);
        EXPECT_EQ(posted.outbox.spooled(), 20U);
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

}  // namespace
}  // namespace quorate
