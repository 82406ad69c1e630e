// What the agent does when it can't be believed: UNKNOWN, with the reason, and nothing sent.
#include <algorithm>

#include "region-agent/selfcheck/self_check.hpp"
#include "tests/integration/region-agent/agent_process.hpp"
#include "tests/support/movable_clock/movable_clock.hpp"

namespace quorate {
namespace {

using asio::ip::tcp;
using testing::agent_config;
using testing::AgentProcess;
using testing::Bench;
using testing::eventually;
using testing::get;
using testing::job_for;
using testing::kRegion;
using testing::MovableClock;
using testing::on_bench;
using testing::RedisServer;
using testing::RunningAgent;

/// Two landmarks on loopback; gone, they refuse.
class Landmarks {
public:
    explicit Landmarks(asio::any_io_executor executor) : executor_{std::move(executor)} {
        for (auto& port : ports_)
            port = open_at(0);
    }
    std::vector<std::string> texts() const {
        std::vector<std::string> all;
        for (const auto port : ports_)
            all.push_back("127.0.0.1:" + std::to_string(port));
        return all;
    }
    void vanish() { acceptors_.clear(); }
    void come_back() {
        for (const auto port : ports_)
            open_at(port);
    }

private:
    std::uint16_t open_at(std::uint16_t port) {
        acceptors_.emplace_back(executor_, tcp::endpoint{asio::ip::address_v4::loopback(), port});
        return acceptors_.back().local_endpoint().port();
    }

    asio::any_io_executor executor_;
    std::vector<tcp::acceptor> acceptors_;
    std::array<std::uint16_t, 2> ports_{};
};

Task<> expect_all_done(Bench& bench) {
    const auto acknowledged = [&] { return bench.queue_is_empty(); };
    EXPECT_TRUE(co_await eventually(acknowledged));
}

Task<> run_one(Bench& bench, Job job) {
    std::vector<Job> jobs{std::move(job)};
    co_await bench.enqueue(std::move(jobs));
    co_await expect_all_done(bench);
}

/// What the agent says of itself in its heartbeat comes to be `state`.
Task<bool> state_becomes(Bench& bench, std::string agent, AgentState state) {
    const auto is_so = [&]() -> Task<bool> {
        std::vector<std::string> regions{kRegion};
        const auto fleets = co_await read_heartbeats(bench.redis, std::move(regions));
        const auto found = std::ranges::find(fleets.at(0).agents, agent, &Heartbeat::agent);
        co_return found != fleets.at(0).agents.end() && found->state == state;
    };
    const bool so = co_await eventually(is_so);
    co_return so;
}

/// Waits for the agent's next heartbeat.
Task<bool> beats_again(Bench& bench, std::string agent) {
    std::optional<UtcTime> first;
    const auto again = [&]() -> Task<bool> {
        std::vector<std::string> regions{kRegion};
        const auto fleets = co_await read_heartbeats(bench.redis, std::move(regions));
        const auto found = std::ranges::find(fleets.at(0).agents, agent, &Heartbeat::agent);
        if (found == fleets.at(0).agents.end()) co_return false;
        if (!first) first = found->at;
        co_return found->at != *first;
    };
    const bool heard = co_await eventually(again);
    co_return heard;
}

agent::Config with_landmarks(const RedisServer& server,
                             const std::string& name,
                             const Landmarks& landmarks) {
    auto config = agent_config(server, name);
    config.landmarks = landmarks.texts();
    return config;
}

TEST(AgentHonesty, AFailureWhileTheLandmarksAreGoneTooIsOurs) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Landmarks landmarks{bench.executor};
        RunningAgent agent{bench.executor, with_landmarks(server, "a", landmarks)};
        const std::string nowhere = "http://127.0.0.1:1/mcp";
        co_await run_one(bench, job_for(1, nowhere));
        landmarks.vanish();  // the next regular check is 15 s away
        co_await run_one(bench, job_for(2, nowhere));
        const auto cells = co_await bench.cells_of(2);
        EXPECT_EQ(cells.at(0).verdict, Verdict::fail);
        EXPECT_EQ(cells.at(0).reason, Reason::connection_refused);
        EXPECT_EQ(cells.at(1).verdict, Verdict::unknown);
        EXPECT_EQ(cells.at(1).reason, Reason::agent_unhealthy);
        EXPECT_EQ(cells.at(1).detail,
                  "Failed while the agent is blind: none of 2 landmarks can be reached");
        co_await agent.stop();
    });
}

TEST(AgentHonesty, ABlindAgentProbesNothingSaysSoAndRecoversByItself) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Landmarks landmarks{bench.executor};
        auto config = with_landmarks(server, "a", landmarks);
        config.self_check_every = std::chrono::seconds{1};
        RunningAgent agent{bench.executor, config};
        co_await run_one(bench, job_for(1, bench.stub.url()));
        const auto requests = bench.stub.requests();
        EXPECT_GT(requests, 0U);
        landmarks.vanish();
        EXPECT_TRUE(co_await state_becomes(bench, "a", AgentState::blind));
        const auto unready = co_await get(agent.app.health_port(), "/readyz");
        EXPECT_NE(unready.find("503"), std::string::npos) << unready;
        EXPECT_NE(unready.find(R"({"ready":false,"reasons":["blind"]})"), std::string::npos)
            << unready;
        co_await run_one(bench, job_for(2, bench.stub.url()));
        EXPECT_EQ(bench.stub.requests(), requests);
        landmarks.come_back();
        EXPECT_TRUE(co_await state_becomes(bench, "a", AgentState::working));
        co_await run_one(bench, job_for(3, bench.stub.url()));
        const auto cells = co_await bench.cells_of(3);
        EXPECT_EQ(cells.at(1).reason, Reason::agent_unhealthy);
        EXPECT_EQ(cells.at(1).started, std::nullopt);
        EXPECT_EQ(cells.at(2).verdict, Verdict::up) << cells.at(2).detail;
        co_await agent.stop();
    });
}

TEST(AgentHonesty, ABlindAgentLeavesJobsToOneOfItsRegionThatSees) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        constexpr std::uint64_t kEndpoints = 100;
        Landmarks landmarks{bench.executor};
        auto config = with_landmarks(server, "blind", landmarks);
        config.self_check_every = std::chrono::seconds{1};
        RunningAgent blind{bench.executor, config};
        RunningAgent sees{bench.executor, agent_config(server, "sees")};
        landmarks.vanish();
        EXPECT_TRUE(co_await state_becomes(bench, "blind", AgentState::blind));
        EXPECT_TRUE(co_await state_becomes(bench, "sees", AgentState::working));
        const auto aside = [&]() -> Task<bool> { co_return blind.app.stands_aside(); };
        EXPECT_TRUE(co_await eventually(aside));
        std::vector<Job> jobs;
        for (std::uint64_t endpoint = 1; endpoint <= kEndpoints; ++endpoint)
            jobs.push_back(job_for(endpoint, bench.stub.url(), milliseconds{500 + endpoint}));
        co_await bench.enqueue(std::move(jobs));
        co_await expect_all_done(bench);
        const auto cells = co_await bench.cells_of(kEndpoints);
        const auto unknown = std::ranges::count(cells, Verdict::unknown, &Cell::verdict);
        EXPECT_EQ(unknown, 0) << "of " << cells.size() << ", such as: " << cells.at(0).agent << ": "
                              << cells.at(0).detail;
        co_await blind.stop();
        co_await sees.stop();
    });
}

TEST(AgentHonesty, AnAgentWhoseClockIsOffLeavesJobsToOneOfItsRegionWhoseClockIsRight) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        constexpr std::uint64_t kEndpoints = 100;
        MovableClock clock;
        clock.advance(std::chrono::minutes{1});
        AgentProcess skewed{server, "skewed", {}, clock.variables()};
        RunningAgent right{bench.executor, agent_config(server, "right")};
        EXPECT_TRUE(co_await state_becomes(bench, "skewed", AgentState::skewed));
        EXPECT_TRUE(co_await state_becomes(bench, "right", AgentState::working));
        // By its next beat but one it has seen that the other is fit.
        for (int beats = 0; beats < 2; ++beats)
            EXPECT_TRUE(co_await beats_again(bench, "skewed"));
        std::vector<Job> jobs;
        for (std::uint64_t endpoint = 1; endpoint <= kEndpoints; ++endpoint)
            jobs.push_back(job_for(endpoint, bench.stub.url(), milliseconds{500 + endpoint}));
        co_await bench.enqueue(std::move(jobs));
        co_await expect_all_done(bench);
        const auto cells = co_await bench.cells_of(kEndpoints);
        EXPECT_EQ(cells.size(), kEndpoints);
        for (const auto& cell : cells)
            EXPECT_EQ(cell.verdict, Verdict::up) << cell.agent << ": " << cell.detail;
        co_await right.stop();
    });
}

/// Redis gives it a job over a connection that died meanwhile.
TEST(AgentHonesty, WhatIsPendingAtAnAgentThatStandsAsideIsDoneByAnother) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        std::vector<std::string> cordoned{"a"};
        co_await write_cordoned(bench.redis, quorate::testing::kRegion, std::move(cordoned));
        RunningAgent aside{bench.executor, agent_config(server, "a")};
        EXPECT_TRUE(co_await state_becomes(bench, "a", AgentState::cordoned));
        RunningAgent other{bench.executor, agent_config(server, "b")};
        auto seen = job_for(1, bench.stub.url());
        co_await run_one(bench, std::move(seen));  // there is a consumer group
        auto unseen = job_for(2, bench.stub.url());
        co_await bench.hand_out_unseen("a", std::move(unseen));
        co_await expect_all_done(bench);
        const auto cells = co_await bench.cells_of(2);
        EXPECT_EQ(cells.at(1).agent, "b");
        co_await other.stop();
        co_await aside.stop();
    });
}

TEST(AgentHonesty, ACordonedAgentTakesNothingUntilItIsUncordoned) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        std::vector<std::string> cordoned{"a"};
        co_await write_cordoned(bench.redis, quorate::testing::kRegion, std::move(cordoned));
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        EXPECT_TRUE(co_await state_becomes(bench, "a", AgentState::cordoned));
        std::vector<Job> jobs{job_for(1, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        RunningAgent other{bench.executor, agent_config(server, "b")};
        co_await expect_all_done(bench);
        auto cells = co_await bench.cells_of(1);
        EXPECT_EQ(cells.at(0).agent, "b") << "with no other agent it would have waited";
        co_await other.stop();

        jobs = {job_for(2, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        std::vector<std::string> nobody;
        co_await write_cordoned(bench.redis, quorate::testing::kRegion, std::move(nobody));
        co_await expect_all_done(bench);
        cells = co_await bench.cells_of(2);
        EXPECT_EQ(cells.at(1).agent, "a");
        EXPECT_TRUE(co_await state_becomes(bench, "a", AgentState::working));
        co_await agent.stop();
    });
}

TEST(AgentHonesty, ATenantWhoseServersAllHangDoesNotDelayAnother) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        constexpr std::uint64_t kHanging = 100;
        constexpr std::uint64_t kAll = kHanging + 5;
        testing::McpStub answers{bench.executor};
        TaskGroup serving_it{bench.executor, 1};
        serving_it.spawn("stub", answers.serve());
        auto config = agent_config(server, "a");
        config.concurrency = 20;
        RunningAgent agent{bench.executor, config};
        bench.stub.hang();
        std::vector<Job> jobs;
        for (std::uint64_t endpoint = 1; endpoint <= kAll; ++endpoint) {
            const bool hangs = endpoint <= kHanging;
            auto job = job_for(endpoint, hangs ? bench.stub.url() : answers.url());
            job.tenant = hangs ? "hangs" : "answers";
            job.timeout = std::chrono::seconds{20};  // longer than the test takes
            jobs.push_back(std::move(job));
        }
        co_await bench.enqueue(std::move(jobs));  // behind all that hang
        const auto answered = [&]() -> Task<bool> { co_return answers.attempts() == 5; };
        EXPECT_TRUE(co_await eventually(answered));
        EXPECT_EQ(bench.stub.requests(), 15U) << "three quarters of the concurrency";
        bench.stub.go_on();
        co_await expect_all_done(bench);
        const auto cells = co_await bench.cells_of(kAll);
        EXPECT_EQ(cells.size(), kAll);
        for (std::size_t i = kHanging; i < cells.size(); ++i)
            EXPECT_EQ(cells[i].verdict, Verdict::up) << cells[i].detail;
        co_await agent.stop();
        serving_it.cancel();
        answers.stop();
        co_await serving_it.join();
        co_await answers.join();
    });
}

TEST(AgentHonesty, AJobThatFindsNoRoomUntilItMayNotBeStartedAnyMoreIsBackpressure) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        auto config = agent_config(server, "a");
        config.concurrency = 2;
        config.tenant_share = 1;
        RunningAgent agent{bench.executor, config};
        bench.stub.hang();
        std::vector<Job> jobs;
        for (std::uint64_t endpoint = 1; endpoint <= 4; ++endpoint) {
            jobs.push_back(job_for(endpoint, bench.stub.url()));
            jobs.back().timeout = std::chrono::seconds{20};
            if (endpoint > 2)
                jobs.back().not_after = SystemClock{}.utc_now() + std::chrono::seconds{2};
        }
        co_await bench.enqueue(std::move(jobs));
        std::vector<Cell> cells;
        const auto told = [&]() -> Task<bool> {
            cells = co_await bench.cells_of(4);
            co_return cells.size() == 2;
        };
        EXPECT_TRUE(co_await eventually(told));
        for (const auto& cell : cells) {
            EXPECT_EQ(cell.verdict, Verdict::unknown);
            EXPECT_EQ(cell.reason, Reason::backpressure);
        }
        EXPECT_EQ(bench.stub.requests(), 2U);
        bench.stub.go_on();
        co_await expect_all_done(bench);
        co_await agent.stop();
    });
}

/// Uses the executor's thread up until `enough` says so; lets everything else run in between.
/// Longer at a time than the lag meter's tick, which else may fall in step with it and see little.
Task<bool> burn_until(const std::function<bool()>& enough) {
    const SystemClock clock;
    const auto give_up = clock.steady_now() + std::chrono::seconds{60};
    while (!enough() && clock.steady_now() < give_up) {
        const auto until = clock.steady_now() + milliseconds{50};
        while (clock.steady_now() < until) {
        }
        co_await sleep_for(milliseconds{1});
    }
    co_return enough();
}

TEST(AgentHonesty, ABusyAgentRefusesJobsUntilItsLoadSubsidesAndShowsItsLag) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        auto config = agent_config(server, "a");
        config.load_max = 0.2;
        RunningAgent agent{bench.executor, config};
        co_await run_one(bench, job_for(1, bench.stub.url()));
        const std::function<bool()> overloaded = [&] {
            return agent.app.load().state == AgentState::overloaded;
        };
        EXPECT_TRUE(co_await burn_until(overloaded));
        EXPECT_GT(agent.app.load().lag, milliseconds{5});
        const auto requests = bench.stub.requests();
        co_await run_one(bench, job_for(2, bench.stub.url()));
        EXPECT_EQ(bench.stub.requests(), requests);
        const auto metrics = co_await get(agent.app.health_port(), "/metrics");
        EXPECT_NE(metrics.find("quorate_agent_refused_jobs_total{reason=\"backpressure\"} 1"),
                  std::string::npos);
        const auto works = [&]() -> Task<bool> {
            co_await sleep_for(milliseconds{200});
            co_return agent.app.load().state == AgentState::working;
        };
        EXPECT_TRUE(co_await eventually(works));
        co_await run_one(bench, job_for(3, bench.stub.url()));
        const auto cells = co_await bench.cells_of(3);
        EXPECT_EQ(cells.at(0).verdict, Verdict::up);
        EXPECT_EQ(cells.at(1).verdict, Verdict::unknown);
        EXPECT_EQ(cells.at(1).reason, Reason::backpressure);
        EXPECT_GT(cells.at(1).agent_lag_us, 5000U);
        EXPECT_EQ(cells.at(2).verdict, Verdict::up);
        co_await agent.stop();
    });
}

}  // namespace
}  // namespace quorate
