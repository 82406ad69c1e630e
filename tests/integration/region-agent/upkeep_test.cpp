#include "tests/integration/region-agent/agent_test.hpp"
#include "tests/support/movable_clock/movable_clock.hpp"

namespace quorate {
namespace {

using testing::agent_config;
using testing::Bench;
using testing::consumers_of;
using testing::eventually;
using testing::job_for;
using testing::kRegion;
using testing::MovableClock;
using testing::on_bench;
using testing::RedisServer;
using testing::RunningAgent;

Task<std::vector<std::string>> fleet_of(Bench& bench) {
    std::vector<std::string> regions{kRegion};
    const auto fleets = co_await read_heartbeats(bench.redis, std::move(regions));
    std::vector<std::string> names;
    for (const auto& heartbeat : fleets.at(0).agents)
        names.push_back(heartbeat.agent);
    co_return names;
}

Task<> write_heartbeat_of(Bench& bench, std::string agent, milliseconds age) {
    const auto now = co_await redis_time(bench.redis);
    Heartbeat heartbeat;
    heartbeat.agent = std::move(agent);
    heartbeat.at = now - age;
    co_await write_heartbeat(bench.redis, kRegion, std::move(heartbeat));
}

TEST(AgentUpkeep, AJobHandedToAConnectionThatDiedIsFoundByTheLivingAgent) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        std::vector<Job> jobs{job_for(1, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));  // it runs, and looked for its own
        auto unseen = job_for(2, bench.stub.url());
        co_await bench.hand_out_unseen("a", std::move(unseen));
        EXPECT_TRUE(co_await eventually(acknowledged));
        const auto cells = co_await bench.cells_of(2);
        EXPECT_EQ(cells.size(), 2U);
        EXPECT_EQ(bench.stub.attempts(), 2U);
        co_await agent.stop();
    });
}

TEST(AgentUpkeep, AgentsSilentForADayAreForgotten) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        co_await write_heartbeat_of(bench, "gone", std::chrono::hours{25});
        co_await write_heartbeat_of(bench, "silent", std::chrono::hours{23});
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        std::vector<std::string> names;
        const auto forgotten = [&]() -> Task<bool> {
            names = co_await fleet_of(bench);
            co_return std::ranges::count(names, "gone") == 0;
        };
        EXPECT_TRUE(co_await eventually(forgotten));
        EXPECT_EQ(names, (std::vector<std::string>{"a", "silent"}));
        co_await agent.stop();
    });
}

/// Such as those of every rollout where names are not kept.
TEST(AgentUpkeep, OfAgentsThatAreGoneNoConsumerStays) {
    MovableClock clock;
    RedisServer server;
    server.stop();
    server.set_environment(clock.variables());
    server.start();
    on_bench(server, [&](Bench& bench) -> Task<> {
        RunningAgent gone{bench.executor, agent_config(server, "gone")};
        std::vector<Job> jobs{job_for(1, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
        co_await gone.stop();
        const auto before = co_await consumers_of(bench.redis, kRegion);
        EXPECT_EQ(before, std::vector<std::string>{"gone"});
        clock.advance(std::chrono::hours{25});
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        const auto forgotten = [&]() -> Task<bool> {
            const auto names = co_await consumers_of(bench.redis, kRegion);
            co_return names == std::vector<std::string>{"a"};
        };
        EXPECT_TRUE(co_await eventually(forgotten));
        co_await agent.stop();
    });
}

TEST(AgentUpkeep, AnAgentThatStopsIsGoneFromTheFleetAtOnce) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        const auto seen = [&]() -> Task<bool> {
            const auto names = co_await fleet_of(bench);
            co_return names == std::vector<std::string>{"a"};
        };
        EXPECT_TRUE(co_await eventually(seen));
        co_await agent.stop();
        const auto names = co_await fleet_of(bench);
        EXPECT_TRUE(names.empty());
    });
}

}  // namespace
}  // namespace quorate
