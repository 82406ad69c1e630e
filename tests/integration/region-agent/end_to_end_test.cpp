#include <algorithm>
#include <map>

#include "tests/integration/region-agent/agent_test.hpp"

namespace quorate {
namespace {

using testing::agent_config;
using testing::Bench;
using testing::eventually;
using testing::get;
using testing::job_for;
using testing::kRegion;
using testing::on_bench;
using testing::RedisServer;
using testing::RunningAgent;

/// A port of 127.0.0.1 that refuses: it was bound and closed again.
std::string refusing_url(const asio::any_io_executor& executor) {
    asio::ip::tcp::acceptor acceptor{executor, {asio::ip::address_v4::loopback(), 0}};
    return "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/mcp";
}

TEST(Agent, JobsBecomeCellsAndLeaveTheQueue) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        std::vector<Job> jobs{job_for(1, bench.stub.url()),
                              job_for(2, refusing_url(bench.executor)),
                              job_for(3, bench.stub.url())};
        jobs[2].not_after = SystemClock{}.utc_now() - std::chrono::seconds{1};
        co_await bench.enqueue(std::move(jobs));
        const auto all_done = [&]() -> Task<bool> {
            const auto announced = co_await bench.announcements();
            co_return announced == 3;
        };
        EXPECT_TRUE(co_await eventually(all_done));
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
        const auto cells = co_await bench.cells_of(3);
        EXPECT_EQ(cells.size(), 3U);
        EXPECT_EQ(cells.at(0).verdict, Verdict::up) << cells.at(0).detail;
        EXPECT_EQ(cells.at(0).server_name, "stub");
        EXPECT_EQ(cells.at(0).tool_count, 1U);
        EXPECT_EQ(cells.at(0).agent, "a");
        EXPECT_EQ(cells.at(0).attempt, 1);
        EXPECT_EQ(cells.at(1).verdict, Verdict::fail);
        EXPECT_EQ(cells.at(1).reason, Reason::connection_refused);
        EXPECT_TRUE(cells.at(1).retried);
        EXPECT_EQ(cells.at(2).verdict, Verdict::unknown);
        EXPECT_EQ(cells.at(2).reason, Reason::missed_window);
        const auto metrics = co_await get(agent.app.health_port(), "/metrics");
        EXPECT_NE(metrics.find("quorate_agent_recorded_total{outcome=\"fresh\"} 3"),
                  std::string::npos);
        co_await agent.stop();
    });
}

TEST(Agent, AProbeStartsAtItsSlotAndNotBefore) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        auto job = job_for(1, bench.stub.url(), milliseconds{700});
        const auto slot = UtcTime{job.key.minute.start() + job.slot};
        std::vector<Job> jobs{job};
        co_await bench.enqueue(std::move(jobs));
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
        const auto cells = co_await bench.cells_of(1);
        EXPECT_GE(*cells.at(0).started, slot);
        co_await agent.stop();
    });
}

TEST(Agent, WithoutRedisItWaitsSaysSoAndGoesOnWhenItComes) {
    RedisServer server;
    server.stop();
    on_bench(server, [&](Bench& bench) -> Task<> {
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        const auto away = co_await get(agent.app.health_port(), "/readyz");
        EXPECT_NE(away.find("503"), std::string::npos) << away;
        EXPECT_NE(away.find(R"({"ready":false,"reasons":["redis_unreachable"]})"),
                  std::string::npos)
            << away;
        server.start();
        std::vector<Job> jobs{job_for(1, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
        const auto there = co_await get(agent.app.health_port(), "/readyz");
        EXPECT_NE(there.find("200"), std::string::npos) << there;
        co_await agent.stop();
    });
}

TEST(Agent, ItBeatsSoThatTheFleetIsSeen) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        const auto seen = [&]() -> Task<bool> {
            std::vector<std::string> regions{kRegion};
            const auto fleets = co_await read_heartbeats(bench.redis, std::move(regions));
            if (fleets.at(0).agents.empty()) co_return false;
            const auto now = co_await redis_time(bench.redis);
            const auto& heartbeat = fleets.at(0).agents.front();
            EXPECT_EQ(heartbeat.agent, "a");
            EXPECT_EQ(heartbeat.version, "0.1.0-test");
            EXPECT_LT(std::chrono::abs(now - heartbeat.at), std::chrono::seconds{6});
            co_return true;
        };
        EXPECT_TRUE(co_await eventually(seen));
        co_await agent.stop();
    });
}

TEST(Agent, AKillOfRedisInTheMiddleLosesAndDoublesNothing) {
    RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        constexpr std::uint64_t kEndpoints = 300;
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        std::vector<Job> jobs;
        for (std::uint64_t endpoint = 1; endpoint <= kEndpoints; ++endpoint)
            jobs.push_back(job_for(endpoint, bench.stub.url(), milliseconds{2 * endpoint}));
        co_await bench.enqueue(std::move(jobs));
        const auto some_done = [&]() -> Task<bool> {
            const auto announced = co_await bench.announcements();
            co_return announced > 0;
        };
        EXPECT_TRUE(co_await eventually(some_done));
        server.kill();
        const auto attempts = bench.stub.attempts();
        const auto probing_goes_on = [&]() -> Task<bool> {
            co_return bench.stub.attempts() > attempts || attempts == kEndpoints;
        };
        EXPECT_TRUE(co_await eventually(probing_goes_on));
        server.start();
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
        const auto cells = co_await bench.cells_of(kEndpoints);
        EXPECT_EQ(cells.size(), kEndpoints);
        const auto announced = co_await bench.announcements();
        EXPECT_EQ(announced, kEndpoints);
        EXPECT_TRUE(std::ranges::all_of(
            cells, [](const Cell& cell) { return cell.verdict == Verdict::up; }));
        co_await agent.stop();
    });
}

TEST(Agent, SigtermLetsProbesEndAndGivesTheRestBack) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        bench.stub.hang();
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        std::vector<Job> jobs{job_for(1, bench.stub.url()),
                              job_for(2, bench.stub.url()),
                              job_for(3, bench.stub.url(), std::chrono::seconds{100})};
        const auto now = UtcMinute::containing(SystemClock{}.utc_now(), Window::minute());
        jobs[2].key.minute = now.plus(1, Window::minute());
        jobs[2].slot = std::chrono::seconds{59};
        co_await bench.enqueue(std::move(jobs));
        const auto probing = [&]() -> Task<bool> { co_return bench.stub.requests() >= 2; };
        EXPECT_TRUE(co_await eventually(probing));
        agent.begin_stop();
        bench.stub.go_on();
        co_await agent.ended();
        const auto cells = co_await bench.cells_of(2);
        EXPECT_EQ(cells.size(), 2U);
        const auto depth = co_await bench.depth();
        EXPECT_EQ(depth, (QueueDepth{1, 0}));
    });
}

TEST(Agent, SigtermEndsItAlsoWhileRedisIsAway) {
    RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        bench.stub.hang();
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        std::vector<Job> jobs{job_for(1, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        const auto probing = [&]() -> Task<bool> { co_return bench.stub.requests() >= 1; };
        EXPECT_TRUE(co_await eventually(probing));
        server.kill();
        bench.stub.go_on();
        const auto before = SystemClock{}.steady_now();
        co_await agent.stop();
        EXPECT_LT(SystemClock{}.steady_now() - before, std::chrono::seconds{20});
        server.start();
        RunningAgent again{bench.executor, agent_config(server, "a")};
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
        const auto cells = co_await bench.cells_of(1);
        EXPECT_EQ(cells.size(), 1U);
        co_await again.stop();
    });
}

TEST(Agent, OfAFleetEachJobIsProbedOnce) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        constexpr std::uint64_t kEndpoints = 200;
        auto small = agent_config(server, "a");
        small.concurrency = 3;
        RunningAgent a{bench.executor, small};
        RunningAgent b{bench.executor, agent_config(server, "b")};
        std::vector<Job> jobs;
        for (std::uint64_t endpoint = 1; endpoint <= kEndpoints; ++endpoint)
            jobs.push_back(job_for(endpoint, bench.stub.url(), milliseconds{endpoint}));
        co_await bench.enqueue(std::move(jobs));
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
        const auto cells = co_await bench.cells_of(kEndpoints);
        EXPECT_EQ(cells.size(), kEndpoints);
        EXPECT_EQ(bench.stub.attempts(), kEndpoints);
        co_await a.stop();
        co_await b.stop();
    });
}

TEST(Agent, OneJobAtATimeStillGetsThroughTheQueue) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        auto config = agent_config(server, "a");
        config.concurrency = 1;
        RunningAgent agent{bench.executor, config};
        std::vector<Job> jobs;
        for (std::uint64_t endpoint = 1; endpoint <= 20; ++endpoint)
            jobs.push_back(job_for(endpoint, bench.stub.url()));
        co_await bench.enqueue(std::move(jobs));
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
        co_await agent.stop();
    });
}

}  // namespace
}  // namespace quorate
