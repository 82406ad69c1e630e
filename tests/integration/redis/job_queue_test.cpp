#include "platform/redis/job_queue.hpp"

#include <algorithm>
#include <set>

#include "platform/redis/fleet.hpp"
#include "platform/redis/job_consumer.hpp"
#include "platform/redis/keys.hpp"
#include "tests/integration/redis/with_client.hpp"
#include "tests/support/movable_clock/movable_clock.hpp"
#include "tests/unit/platform/wire/random_model.hpp"

namespace quorate {
namespace {

using testing::consumers_of;
using testing::depth_of;
using testing::eventually;
using testing::MovableClock;
using testing::put_jobs;
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
    auto batch = jobs(count, first);
    co_await put_jobs(client, kRegion, std::move(batch));
}

JobBlock block(HeldShard held, std::optional<UtcTime> from, UtcTime until, std::size_t count) {
    JobBlock block;
    block.held = held;
    block.from = from;
    block.until = until;
    for (const auto& job : jobs(count)) {
        block.jobs.begin();
        block.jobs.bytes() += wire::encode_job(job);
        block.jobs.end();
    }
    return block;
}

/// The answer to one block alone.
Task<BlockAnswer> put(JobQueue& queue,
                      HeldShard held,
                      std::optional<UtcTime> from,
                      UtcTime until,
                      std::size_t count) {
    std::vector<JobBlock> blocks;
    blocks.push_back(block(held, from, until, count));
    const auto answers = co_await queue.enqueue(std::move(blocks));
    co_return answers.at(0);
}

Task<std::vector<FenceAnswer>> raise_fence(JobQueue& queue, HeldShard held) {
    std::vector<HeldShard> shards{held};
    return queue.raise_fence(std::move(shards));
}

using Fate = BlockAnswer::Fate;

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

TEST(JobQueue, ABlockAndThePointUpToWhichItsShardIsPlannedMoveTogether) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        JobQueue queue{client, kRegion};
        const HeldShard held{ShardId{3}, 7};
        const auto never = co_await raise_fence(queue, held);
        EXPECT_TRUE(never.at(0).ours);
        EXPECT_EQ(never.at(0).planned_until, std::nullopt);
        const auto taken = co_await put(queue, held, std::nullopt, at(1000), 3);
        EXPECT_EQ(taken.fate, Fate::taken);
        EXPECT_EQ(taken.planned_until, at(1000));
        const auto now = co_await raise_fence(queue, held);  // repeated, it changes nothing
        EXPECT_TRUE(now.at(0).ours);
        EXPECT_EQ(now.at(0).planned_until, at(1000));
        const auto depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth, (QueueDepth{3, 0}));
    });
}

TEST(JobQueue, APlannerThatBelievesAnotherPointAddsNothing) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        JobQueue queue{client, kRegion};
        const HeldShard held{ShardId{3}, 7};
        co_await raise_fence(queue, held);
        const auto early = co_await put(queue, held, at(1), at(1000), 3);
        EXPECT_EQ(early.fate, Fate::moved);
        EXPECT_EQ(early.planned_until, std::nullopt);
        for (int i = 0; i < 3; ++i) {  // the same call again, as after an answer that was lost
            const auto answer = co_await put(queue, held, std::nullopt, at(1000), 3);
            EXPECT_EQ(answer.fate, i == 0 ? Fate::taken : Fate::moved);
            EXPECT_EQ(answer.planned_until, at(1000));
        }
        const auto taken = co_await put(queue, held, at(1000), at(1200), 2);
        EXPECT_EQ(taken.fate, Fate::taken);
        const auto depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth.entries, 5U);
    });
}

TEST(JobQueue, TheFenceIsOnlyRaisedAndRefusesEveryOtherEpoch) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        JobQueue queue{client, kRegion};
        const HeldShard old{ShardId{3}, 1'700'000'000'000};
        const HeldShard young{ShardId{3}, 1'700'000'000'001};
        const auto without = co_await put(queue, old, std::nullopt, at(1000), 1);
        EXPECT_EQ(without.fate, Fate::fenced) << "there is no fence yet";
        co_await raise_fence(queue, old);
        const auto first = co_await put(queue, old, std::nullopt, at(1000), 1);
        EXPECT_EQ(first.fate, Fate::taken);
        const auto raised = co_await raise_fence(queue, young);
        EXPECT_TRUE(raised.at(0).ours);
        EXPECT_EQ(raised.at(0).planned_until, at(1000));
        const auto late = co_await put(queue, old, at(1000), at(2000), 1);
        EXPECT_EQ(late.fate, Fate::fenced);
        const auto lowered = co_await raise_fence(queue, old);
        EXPECT_FALSE(lowered.at(0).ours);
        EXPECT_EQ(lowered.at(0).fence, young.epoch);
        const auto still = co_await put(queue, old, at(1000), at(2000), 1);
        EXPECT_EQ(still.fate, Fate::fenced);
        const auto next = co_await put(queue, young, at(1000), at(2000), 1);
        EXPECT_EQ(next.fate, Fate::taken);
        const auto depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth.entries, 2U);
    });
}

std::vector<HeldShard> as_many_as_a_call_takes() {
    std::vector<HeldShard> shards;
    for (std::uint64_t shard = 0; shard < JobQueue::kBlocksMax; ++shard)
        shards.push_back({ShardId{shard}, 5});
    return shards;
}

TEST(JobQueue, OfManyBlocksOnlyTheOnesThatDoNotFitAreRefused) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        JobQueue queue{client, kRegion};
        const auto shards = as_many_as_a_call_takes();
        auto all = shards;
        const auto fenced = co_await queue.raise_fence(std::move(all));
        EXPECT_EQ(fenced.size(), shards.size());
        std::vector<JobBlock> blocks;
        for (const auto& held : shards) {
            auto one = block(held, std::nullopt, at(1000), held.shard.value() % 2);
            if (held.shard.value() % 10 == 1) one.held.epoch = 4;
            if (held.shard.value() % 10 == 2) one.from = at(500);
            blocks.push_back(std::move(one));
        }
        const auto answers = co_await queue.enqueue(std::move(blocks));
        std::uint64_t expected = 0;
        for (std::uint64_t shard = 0; shard < answers.size(); ++shard) {
            const auto fate = shard % 10 == 1   ? Fate::fenced
                              : shard % 10 == 2 ? Fate::moved
                                                : Fate::taken;
            EXPECT_EQ(answers[shard].fate, fate) << shard;
            if (fate == Fate::taken) expected += shard % 2;
        }
        const auto depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth.entries, expected);
    });
}

TEST(JobQueue, AsManyBlocksAsACallTakesGoInTogetherAndOnlyOnce) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        JobQueue queue{client, kRegion};
        const auto shards = as_many_as_a_call_takes();
        auto all = shards;
        co_await queue.raise_fence(std::move(all));
        for (const auto wanted : {Fate::taken, Fate::moved}) {
            std::vector<JobBlock> blocks;
            for (const auto& held : shards)
                blocks.push_back(block(held, std::nullopt, at(1000), 1));
            const auto answers = co_await queue.enqueue(std::move(blocks));
            EXPECT_EQ(std::ranges::count(answers, wanted, &BlockAnswer::fate), std::ssize(shards));
            for (const auto& answer : answers)
                EXPECT_EQ(answer.planned_until, at(1000));
        }
        const auto depth = co_await depth_of(client, kRegion);
        EXPECT_EQ(depth.entries, shards.size());
    });
}

TEST(JobQueue, PlannedUntilIsThatOfTheShardThatIsFurthestBehind) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        JobQueue queue{client, kRegion};
        std::vector<HeldShard> shards{{ShardId{1}, 5}, {ShardId{2}, 5}};
        co_await queue.raise_fence(shards);
        std::vector<JobBlock> blocks;
        blocks.push_back(block(shards[0], std::nullopt, at(3000), 0));
        blocks.push_back(block(shards[1], std::nullopt, at(2000), 0));
        co_await queue.enqueue(std::move(blocks));
        std::vector<std::string> regions{"nowhere", kRegion};
        const auto queues = co_await read_queues(client, std::move(regions));
        EXPECT_EQ(queues.at(0).planned_until, std::nullopt);
        EXPECT_EQ(queues.at(1).planned_until, at(2000));
    });
}

TEST(JobQueue, JobsOfAnyLengthComeOutAsTheyWentIn) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        JobQueue queue{client, kRegion};
        const HeldShard held{ShardId{3}, 7};
        co_await raise_fence(queue, held);
        JobBlock one = block(held, std::nullopt, at(1000), 0);
        std::vector<std::string> sent;
        for (const std::size_t length : {0U, 1U, 127U, 128U, 255U, 256U, 70'000U}) {
            sent.emplace_back(length, '\0');
            for (std::size_t i = 0; i < length; ++i)
                sent.back()[i] = static_cast<char>(i % 256);
            one.jobs.begin();
            one.jobs.bytes() += sent.back();
            one.jobs.end();
        }
        std::vector<JobBlock> blocks;
        blocks.push_back(std::move(one));
        const auto answers = co_await queue.enqueue(std::move(blocks));
        EXPECT_EQ(answers.at(0).fate, Fate::taken);
        RedisArgs command{"XRANGE", keys::jobs(kRegion), "-", "+"};
        const auto entries = co_await client.run(std::move(command));
        std::vector<std::string> found;
        for (const auto& entry : entries.list())
            found.push_back(entry.list().at(1).list().at(1).text());
        EXPECT_EQ(found, sent);
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

TEST(JobQueue, StatesOfSeveralRegionsComeInOrder) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        co_await enqueue(client, 5);
        std::vector<std::string> regions{"nowhere", kRegion};
        const auto queues = co_await read_queues(client, std::move(regions));
        EXPECT_EQ(queues.at(0).depth, QueueDepth{});
        EXPECT_EQ(queues.at(0).oldest, std::nullopt);
        EXPECT_EQ(queues.at(1).depth, (QueueDepth{5, 0}));
        EXPECT_NE(queues.at(1).oldest, std::nullopt);
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

TEST(JobConsumer, OnesThatAreSilentForLongAndHoldNothingAreForgotten) {
    MovableClock clock;
    RedisServer server;
    server.stop();
    server.set_environment(clock.variables());
    server.start();
    with_clients(server, [&clock](RedisClient& client, RedisClient& blocking) -> Task<> {
        JobConsumer gone{client, blocking, kRegion, "gone"};
        JobConsumer holds{client, blocking, kRegion, "holds"};
        JobConsumer here{client, blocking, kRegion, "here"};
        co_await enqueue(client, 2);
        const auto taken = co_await gone.read(1, kBlock);
        auto done = entries_of(taken);
        co_await gone.finish(std::move(done));
        const auto held = co_await holds.read(1, kBlock);
        EXPECT_EQ(held.size(), 1U);
        const auto none_yet = co_await here.forget_silent(std::chrono::hours{24});
        EXPECT_EQ(none_yet, 0U);
        clock.advance(std::chrono::hours{25});
        co_await here.read_own(1, kFirst);
        const auto forgotten = co_await here.forget_silent(std::chrono::hours{24});
        EXPECT_EQ(forgotten, 1U);
        const auto names = co_await consumers_of(client, kRegion);
        EXPECT_EQ(names, (std::vector<std::string>{"here", "holds"}));
        auto entries = entries_of(held);
        co_await holds.finish(std::move(entries));
        const auto then = co_await here.forget_silent(std::chrono::hours{24});
        EXPECT_EQ(then, 1U);
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
