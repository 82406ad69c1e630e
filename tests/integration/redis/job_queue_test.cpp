#include "platform/redis/job_queue.hpp"

#include <set>

#include "platform/redis/fleet.hpp"
#include "platform/redis/job_consumer.hpp"
#include "platform/redis/keys.hpp"
#include "tests/integration/redis/with_client.hpp"
#include "tests/unit/platform/wire/random_model.hpp"

namespace quorate {
namespace {

using testing::depth_of;
using testing::eventually;
using testing::RandomModel;
using testing::RedisServer;
using testing::with_client;
using testing::with_clients;

constexpr milliseconds kBlock{20};
const std::string kRegion = "us-east";
const std::string kFirst;  // behind no entry: from the first

UtcTime at(std::int64_t ms) {
    return UtcTime{milliseconds{ms}};
}

std::vector<Job> jobs(std::size_t count, int first = 0) {
    RandomModel random{1};
    std::vector<Job> made;
    for (std::size_t i = 0; i < count; ++i) {
        made.push_back(random.job());
        made.back().id = "job-" + std::to_string(first + static_cast<int>(i));
    }
    return made;
}

Task<> enqueue(RedisClient& client, std::size_t count, int first = 0) {
    JobQueue queue{client, kRegion};
    const auto from = co_await queue.planned_until();
    auto batch = jobs(count, first);
    const auto done = co_await queue.enqueue(std::move(batch), from, at(first + 1000));
    EXPECT_TRUE(done.taken);
}

std::vector<std::string> entries_of(const std::vector<Delivery>& deliveries) {
    std::vector<std::string> entries;
    for (const auto& delivery : deliveries)
        entries.push_back(delivery.entry);
    return entries;
}

std::vector<std::string> ids_of(const std::vector<Delivery>& deliveries) {
    std::vector<std::string> ids;
    for (const auto& delivery : deliveries)
        ids.push_back(delivery.job ? delivery.job->id : delivery.job.error().text);
    return ids;
}

TEST(JobQueue, ABatchAndThePointUpToWhichItIsPlannedMoveTogether) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        JobQueue queue{client, kRegion};
        const auto never = co_await queue.planned_until();
        EXPECT_EQ(never, std::nullopt);
        auto first = jobs(3);
        const auto taken = co_await queue.enqueue(std::move(first), std::nullopt, at(1000));
        EXPECT_TRUE(taken.taken);
        EXPECT_EQ(taken.planned_until, at(1000));
        const auto now = co_await queue.planned_until();
        EXPECT_EQ(now, at(1000));
        const auto depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth, (QueueDepth{3, 0}));
    });
}

TEST(JobQueue, APlannerThatBelievesAnotherPointAddsNothing) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        JobQueue queue{client, kRegion};
        auto early = jobs(3);
        const auto refused = co_await queue.enqueue(std::move(early), at(1), at(1000));
        EXPECT_FALSE(refused.taken);
        EXPECT_EQ(refused.planned_until, std::nullopt);
        for (int i = 0; i < 3; ++i) {  // the same call again, as after an answer that was lost
            auto batch = jobs(3);
            const auto answer = co_await queue.enqueue(std::move(batch), std::nullopt, at(1000));
            EXPECT_EQ(answer.taken, i == 0);
            EXPECT_EQ(answer.planned_until, at(1000));
        }
        auto next = jobs(2);
        const auto taken = co_await queue.enqueue(std::move(next), at(1000), at(1200));
        EXPECT_TRUE(taken.taken);
        const auto depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth.entries, 5U);
    });
}

TEST(JobQueue, TrimRemovesWhatIsTooOld) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        co_await enqueue(client, 5);
        JobQueue queue{client, kRegion};
        const auto now = co_await redis_time(client);
        const auto young = co_await queue.trim(now - std::chrono::hours{1});
        EXPECT_EQ(young, 0U);
        const auto old = co_await queue.trim(now + std::chrono::hours{1});
        EXPECT_EQ(old, 5U);
    });
}

TEST(JobQueue, DepthsOfSeveralRegionsComeInOrder) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        co_await enqueue(client, 5);
        std::vector<std::string> regions{"nowhere", kRegion};
        const auto depths = co_await read_depths(client, std::move(regions));
        EXPECT_EQ(depths.at(0), (QueueDepth{0, 0}));
        EXPECT_EQ(depths.at(1), (QueueDepth{5, 0}));
    });
}

TEST(JobConsumer, AJobIsReadOnceAndLeavesTheQueueWhenFinished) {
    const RedisServer server;
    with_clients(server, [](RedisClient& client, RedisClient& blocking) -> Task<> {
        JobConsumer a{client, blocking, kRegion, "a"};
        JobConsumer b{client, blocking, kRegion, "b"};
        const auto nothing = co_await a.read(10, kBlock);  // makes the group
        EXPECT_TRUE(nothing.empty());
        co_await enqueue(client, 5);
        const auto of_a = co_await a.read(3, kBlock);
        const auto of_b = co_await b.read(10, kBlock);
        EXPECT_EQ(ids_of(of_a), (std::vector<std::string>{"job-0", "job-1", "job-2"}));
        EXPECT_EQ(ids_of(of_b), (std::vector<std::string>{"job-3", "job-4"}));
        auto depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth, (QueueDepth{5, 5}));
        auto finished = entries_of(of_a);
        co_await a.finish(std::move(finished));
        depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth, (QueueDepth{2, 2}));
        const auto holders = co_await a.holders();
        EXPECT_EQ(holders, (std::vector<JobHolder>{{"b", 2}}));
    });
}

TEST(JobConsumer, JobsEnqueuedBeforeTheFirstAgentCameAreRead) {
    const RedisServer server;
    with_clients(server, [](RedisClient& client, RedisClient& blocking) -> Task<> {
        co_await enqueue(client, 4);
        JobConsumer a{client, blocking, kRegion, "a"};
        const auto read = co_await a.read(10, kBlock);
        EXPECT_EQ(read.size(), 4U);
    });
}

TEST(JobConsumer, AfterRedisLostItsDataTheGroupIsMadeAnew) {
    const RedisServer server;
    with_clients(server, [](RedisClient& client, RedisClient& blocking) -> Task<> {
        JobConsumer a{client, blocking, kRegion, "a"};
        co_await a.read(10, kBlock);
        RedisArgs flush{"FLUSHALL"};
        co_await client.run(std::move(flush));
        const auto holders = co_await a.holders();
        EXPECT_TRUE(holders.empty());
        co_await enqueue(client, 1);
        const auto read = co_await a.read(10, kBlock);
        EXPECT_EQ(read.size(), 1U);
    });
}

TEST(JobConsumer, ADeadAgentsJobsAreClaimedByExactlyOneOther) {
    const RedisServer server;
    with_clients(server, [](RedisClient& client, RedisClient& blocking) -> Task<> {
        JobConsumer dead{client, blocking, kRegion, "dead"};
        JobConsumer a{client, blocking, kRegion, "a"};
        JobConsumer b{client, blocking, kRegion, "b"};
        co_await enqueue(client, 10);
        co_await dead.read(10, kBlock);
        std::multiset<std::string> claimed;
        const auto all_claimed = [&]() -> Task<bool> {  // they must have been idle for a second
            const auto of_a = co_await a.claim("dead", 3);
            const auto of_b = co_await b.claim("dead", 10);
            for (const auto& id : ids_of(of_a))
                claimed.insert(id);
            for (const auto& id : ids_of(of_b))
                claimed.insert(id);
            co_return claimed.size() >= 10;
        };
        EXPECT_TRUE(co_await eventually(all_claimed));
        EXPECT_EQ(claimed.size(), 10U);
        EXPECT_EQ((std::set<std::string>{claimed.begin(), claimed.end()}.size()), 10U);
        const auto holders = co_await a.holders();
        EXPECT_EQ(std::ranges::count(holders, "dead", &JobHolder::agent), 0);
    });
}

TEST(JobConsumer, ARestartedAgentFindsWhatItsEarlierLifeTook) {
    const RedisServer server;
    with_clients(server, [](RedisClient& client, RedisClient& blocking) -> Task<> {
        JobConsumer before{client, blocking, kRegion, "a"};
        co_await enqueue(client, 5);
        const auto taken = co_await before.read(5, kBlock);
        JobConsumer after{client, blocking, kRegion, "a"};
        const auto first = co_await after.read_own(3, kFirst);
        EXPECT_EQ(ids_of(first), (std::vector<std::string>{"job-0", "job-1", "job-2"}));
        const auto rest = co_await after.read_own(3, first.back().entry);
        EXPECT_EQ(ids_of(rest), (std::vector<std::string>{"job-3", "job-4"}));
        const auto end = co_await after.read_own(3, rest.back().entry);
        EXPECT_TRUE(end.empty());
    });
}

TEST(JobConsumer, EntriesThatWereTrimmedMeanwhileAreForgotten) {
    const RedisServer server;
    with_clients(server, [](RedisClient& client, RedisClient& blocking) -> Task<> {
        JobConsumer a{client, blocking, kRegion, "a"};
        co_await enqueue(client, 5);
        const auto taken = co_await a.read(4, kBlock);
        std::vector<std::string> delete_three{"XDEL", keys::jobs(kRegion)};
        for (int i = 0; i < 3; ++i)
            delete_three.push_back(taken.at(i).entry);
        co_await client.run(std::move(delete_three));
        const auto left = co_await a.read_own(2, kFirst);
        EXPECT_EQ(ids_of(left), (std::vector<std::string>{"job-3"}));
        const auto depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth, (QueueDepth{2, 1}));
    });
}

TEST(JobConsumer, WhatIsGivenBackGoesToOthersOnceAndOnlyByItsHolder) {
    const RedisServer server;
    with_clients(server, [](RedisClient& client, RedisClient& blocking) -> Task<> {
        JobConsumer a{client, blocking, kRegion, "a"};
        JobConsumer b{client, blocking, kRegion, "b"};
        co_await enqueue(client, 4);
        const auto taken = co_await a.read(4, kBlock);
        auto entries = entries_of(taken);
        auto not_mine = co_await b.give_back(entries);
        EXPECT_EQ(not_mine, 0U);
        auto back = co_await a.give_back(entries);
        EXPECT_EQ(back, 4U);
        back = co_await a.give_back(entries);  // again, as after a lost answer
        EXPECT_EQ(back, 0U);
        const auto read = co_await b.read(10, kBlock);
        EXPECT_EQ(ids_of(read), ids_of(taken));
        const auto depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth, (QueueDepth{4, 4}));
    });
}

TEST(JobConsumer, AnEntryThatIsNoJobIsHandedOutAsAnError) {
    const RedisServer server;
    with_clients(server, [](RedisClient& client, RedisClient& blocking) -> Task<> {
        RedisArgs bad{"XADD", keys::jobs(kRegion), "*", "j", "\xff\xff"};
        RedisArgs worse{"XADD", keys::jobs(kRegion), "*", "other", "field"};
        co_await client.run(std::move(bad));
        co_await client.run(std::move(worse));
        JobConsumer a{client, blocking, kRegion, "a"};
        const auto read = co_await a.read(10, kBlock);
        EXPECT_EQ(ids_of(read),
                  (std::vector<std::string>{"job: is no quorate.v1.Job", "job: has no field j"}));
    });
}

}  // namespace
}  // namespace quorate
