#include "platform/telemetry/readiness.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/resolver.hpp"
#include "region-agent/intake/job_runner.hpp"
#include "region-agent/intake/shared_holds.hpp"
#include "tests/integration/region-agent/agent_test.hpp"

namespace quorate {
namespace {

using testing::job_for;
using testing::McpStub;

/// A runner of jobs with all that it needs; without Redis.
struct Runner {
    explicit Runner(asio::any_io_executor executor)
        : resolver{executor, system, {}},
          engine{clock, contexts, resolver},
          check{executor, clock, resolver, readiness, log, {}},
          runner{engine, clock, log, {"agent-1", "", "", true}, {lag, busy, check}} {}

    SystemClock system;
    agent::RedisClock clock{system};
    Logger log{"agent", LogLevel::error, system};
    Readiness readiness;
    TlsContexts contexts;
    Resolver resolver;
    ProbeEngine engine;
    agent::LagMeter lag{clock};
    agent::LoadWatch busy{clock, log, 1.0, 1, [] { return CpuTime{}; }};
    agent::SelfCheck check;
    agent::JobRunner runner;
};

void with_stub(const std::function<Task<>(McpStub&, agent::JobRunner&)>& body) {
    testing::run_on_executor([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        McpStub stub{executor};
        Runner runner{executor};
        TaskGroup group{executor, 1};
        group.spawn("stub", stub.serve());
        co_await body(stub, runner.runner);
        group.cancel();
        stub.go_on();
        stub.stop();
        co_await group.join();
        co_await stub.join();
    });
}

TEST(AgentTurns, AServerThatSaysWhenToComeBackIsLeftAloneUntilThen) {
    with_stub([](McpStub& stub, agent::JobRunner& runner) -> Task<> {
        stub.limit_rate(120);
        auto job = job_for(1, stub.url());
        auto cell = co_await runner.run(job);
        EXPECT_EQ(cell->verdict, Verdict::unknown);
        EXPECT_EQ(cell->reason, Reason::rate_limited);
        EXPECT_EQ(cell->http_status, 429);
        EXPECT_EQ(cell->attempt, 1);
        const auto asked = stub.requests();
        cell = co_await runner.run(job);
        EXPECT_EQ(cell->verdict, Verdict::unknown);
        EXPECT_EQ(cell->reason, Reason::rate_limited);
        EXPECT_EQ(cell->attempt, 0);
        EXPECT_LE(cell->retry_after_s.value_or(999), 120U);
        EXPECT_GE(cell->retry_after_s.value_or(0), 60U);
        EXPECT_EQ(cell->key, job.key);
        EXPECT_EQ(stub.requests(), asked);
        // Another endpoint of the same server is another's business.
        stub.limit_rate(0);
        job.key.endpoint = EndpointId{2};
        cell = co_await runner.run(job);
        EXPECT_EQ(cell->verdict, Verdict::up) << cell->detail;
        EXPECT_EQ(runner.probes(), 2U);
    });
}

TEST(AgentTurns, WhatAServerAskedHoldsForTheOtherAgentsOfTheRegionAndOverARestart) {
    const testing::RedisServer server;
    testing::with_client(server, [](RedisClient& redis) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        McpStub stub{executor};
        TaskGroup group{executor, 1};
        group.spawn("stub", stub.serve());
        Runner asked{executor};
        agent::SharedHolds tells{redis, asked.runner, asked.clock, testing::kRegion};
        stub.limit_rate(120);
        auto job = job_for(1, stub.url());
        auto cell = co_await asked.runner.run(job);
        EXPECT_EQ(cell->attempt, 1);
        co_await tells.exchange();
        const auto requests = stub.requests();

        Runner later{executor};
        agent::SharedHolds hears{redis, later.runner, later.clock, testing::kRegion};
        Runner elsewhere{executor};
        agent::SharedHolds foreign{redis, elsewhere.runner, elsewhere.clock, "eu-west"};
        co_await hears.exchange();
        co_await foreign.exchange();
        cell = co_await later.runner.run(job);
        EXPECT_EQ(cell->reason, Reason::rate_limited);
        EXPECT_EQ(cell->attempt, 0);
        EXPECT_GE(cell->retry_after_s.value_or(0), 60U);
        EXPECT_EQ(stub.requests(), requests);
        EXPECT_EQ(later.runner.holds(), 1U);
        EXPECT_EQ(elsewhere.runner.holds(), 0U) << "each region finds out for itself";

        // What its owner changed begins anew.
        stub.limit_rate(0);
        job.url += "?new";
        cell = co_await later.runner.run(job);
        EXPECT_NE(cell->reason.value_or(Reason::slow), Reason::rate_limited) << cell->detail;
        EXPECT_GE(cell->attempt, 1);
        group.cancel();
        stub.go_on();
        stub.stop();
        co_await group.join();
        co_await stub.join();
    });
}

TEST(AgentTurns, WhatIsHeldBackIsNotProbed) {
    with_stub([](McpStub& stub, agent::JobRunner& runner) -> Task<> {
        for (const auto whom : {HeldBack::origin, HeldBack::tenant}) {
            auto job = job_for(1, stub.url());
            job.held_back = whom;
            const auto cell = co_await runner.run(std::move(job));
            EXPECT_EQ(cell->verdict, Verdict::unknown);
            EXPECT_EQ(cell->reason, Reason::backpressure);
            EXPECT_TRUE(cell->detail.starts_with("Held back")) << cell->detail;
            EXPECT_EQ(cell->attempt, 0);
        }
        EXPECT_EQ(stub.requests(), 0U);
    });
}

TEST(AgentTurns, ARateLimitThatDoesNotSayWhenHoldsNothingOff) {
    with_stub([](McpStub& stub, agent::JobRunner& runner) -> Task<> {
        stub.limit_rate(std::nullopt);
        auto job = job_for(1, stub.url());
        auto cell = co_await runner.run(job);
        EXPECT_EQ(cell->reason, Reason::rate_limited);
        stub.limit_rate(0);
        cell = co_await runner.run(job);
        EXPECT_EQ(cell->verdict, Verdict::up) << cell->detail;
    });
}

TEST(AgentTurns, ASecondJobOfAnEndpointWaitsForTheFirst) {
    with_stub([](McpStub& stub, agent::JobRunner& runner) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        stub.hang();
        TaskGroup jobs{executor, 3};
        int ended = 0;
        const auto run = [&](Job job, Reason late) -> Task<> {
            const auto cell = co_await runner.run(std::move(job));
            ++ended;
            EXPECT_EQ(cell->reason.value_or(Reason::slow), late) << cell->detail;
        };
        jobs.spawn("first", run(job_for(1, stub.url()), Reason::slow));
        const auto first_asks = [&]() -> Task<bool> { co_return stub.requests() == 1; };
        EXPECT_TRUE(co_await testing::eventually(first_asks));
        // Its turn comes when it may not be started any more.
        auto late = job_for(1, stub.url());
        late.not_after = SystemClock{}.utc_now();
        jobs.spawn("second", run(late, Reason::missed_window));
        jobs.spawn("third", run(job_for(1, stub.url()), Reason::slow));
        const auto all_wait = [&]() -> Task<bool> { co_return runner.probes() == 1; };
        EXPECT_TRUE(co_await testing::eventually(all_wait));
        EXPECT_EQ(ended, 0);
        stub.go_on();
        co_await jobs.join();
        EXPECT_EQ(ended, 3);
        EXPECT_EQ(runner.probes(), 2U);
        EXPECT_EQ(stub.attempts(), 2U);
    });
}

}  // namespace
}  // namespace quorate
