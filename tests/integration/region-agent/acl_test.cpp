// An agent that is its region's ACL user, as `quorate regions add` makes it.
#include "platform/redis/acl.hpp"

#include <algorithm>

#include "platform/redis/job_consumer.hpp"
#include "tests/integration/region-agent/agent_process.hpp"

namespace quorate {
namespace {

using testing::agent_config;
using testing::AgentProcess;
using testing::Bench;
using testing::eventually;
using testing::job_for;
using testing::kRegion;
using testing::kRegionId;
using testing::on_bench;
using testing::RedisServer;
using testing::RunningAgent;

/// What coordinators write into Redis for the agents of a region.
Task<> add_region_user(RedisClient& redis) {
    RedisArgs command{"ACL", "SETUSER", agent_acl_user(kRegion), "on", ">hunter2"};
    const auto rules = agent_acl_rules(kRegion, kRegionId);
    command.insert(command.end(), rules.begin(), rules.end());
    co_await redis.run(std::move(command));
    for (const auto script : agent_scripts()) {
        RedisArgs load{"SCRIPT", "LOAD", std::string{script}};
        co_await redis.run(std::move(load));
    }
}

/// Its jobs are pending at it, and it beats no more.
Task<> leave_dead(Bench& bench, std::string agent, std::vector<Job> jobs) {
    const auto count = jobs.size();
    co_await bench.enqueue(std::move(jobs));
    JobConsumer consumer{bench.redis, bench.redis, kRegion, agent};
    const auto taken = co_await consumer.read(count, milliseconds{1000});
    EXPECT_EQ(taken.size(), count);
}

/// The agent's last heartbeat was a long time ago.
Task<> leave_departed(RedisClient& redis, std::string agent) {
    const auto now = co_await redis_time(redis);
    Heartbeat heartbeat;
    heartbeat.agent = std::move(agent);
    heartbeat.at = now - std::chrono::hours{25};
    co_await write_heartbeat(redis, kRegion, std::move(heartbeat));
}

/// How often Redis has refused a command for want of rights.
Task<int> refusals(RedisClient& redis) {
    return testing::statistic(redis, "errorstats", "errorstat_NOPERM:count=");
}

TEST(AgentAcl, UnderItsRegionsUserItDoesItsOwnJobsAndThoseOfTheDeadAndForgetsTheDeparted) {
    const RedisServer server;
    const TemporaryFolder folder;
    const auto password = folder.path() + "/password";
    std::ofstream{password} << "hunter2";
    auto config = agent_config(server, "a");
    config.redis.user = agent_acl_user(kRegion);
    config.redis.password_file = password;
    on_bench(server, [&](Bench& bench) -> Task<> {
        co_await add_region_user(bench.redis);
        co_await leave_departed(bench.redis, "departed");
        std::vector<Job> of_the_dead{job_for(1, bench.stub.url()), job_for(2, bench.stub.url())};
        co_await leave_dead(bench, "dead", std::move(of_the_dead));
        RunningAgent agent{bench.executor, config};
        std::vector<Job> jobs{job_for(3, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
        const auto cells = co_await bench.cells_of(3);
        EXPECT_EQ(cells.size(), 3U);
        for (const auto& cell : cells)
            EXPECT_EQ(cell.verdict, Verdict::up) << cell.detail;
        const auto forgotten = [&]() -> Task<bool> {
            std::vector<std::string> regions{kRegion};
            const auto fleets = co_await read_heartbeats(bench.redis, std::move(regions));
            co_return fleets.at(0).agents.size() == 1 && fleets.at(0).agents.at(0).agent == "a";
        };
        EXPECT_TRUE(co_await eventually(forgotten));
        co_await agent.stop();
        const auto refused = co_await refusals(bench.redis);
        EXPECT_EQ(refused, 0);
    });
}

TEST(AgentAcl, WhatIsRefusedAgainAndAgainIsSaidOnceAlthoughReadsGoOn) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        RedisArgs forbid{"ACL", "SETUSER", "default", "-hgetall"};
        co_await bench.redis.run(std::move(forbid));
        AgentProcess process{server, "a"};
        for (int times = 2; times <= 6; times += 4) {
            const auto refused = [&]() -> Task<bool> {
                const auto now = co_await refusals(bench.redis);
                co_return now >= times;
            };
            EXPECT_TRUE(co_await eventually(refused));
            std::vector<Job> jobs{job_for(static_cast<std::uint64_t>(times), bench.stub.url())};
            co_await bench.enqueue(std::move(jobs));
            const auto acknowledged = [&] { return bench.queue_is_empty(); };
            EXPECT_TRUE(co_await eventually(acknowledged));
        }
        EXPECT_EQ(process.times("jobs.refused"), 1U);
        EXPECT_EQ(process.end(SIGTERM), 0);
    });
}

}  // namespace
}  // namespace quorate
