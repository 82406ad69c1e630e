#include "region-agent/intake/job_runner.hpp"

#include <exception>
#include <memory>
#include <sstream>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include "platform/telemetry/readiness.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/resolver.hpp"
#include "tests/unit/region-agent/standing_clock.hpp"

namespace quorate::agent {
namespace {

Job job_at(const Clock& clock) {
    Job job;
    job.id = "job";
    job.trace_id = "trace";
    job.key = {EndpointId{1}, RegionId{2}, UtcMinute::from_epoch_ms(60'000)};
    job.url = "http://127.0.0.1:1/mcp";
    job.timeout = milliseconds{500};
    job.retry_gap = milliseconds{1};
    job.slow_over_ms = 700;
    job.not_after = clock.utc_now() + std::chrono::hours{1};
    return job;
}

/// A runner with all that it needs; nothing listens on port 1 of its jobs.
struct Bench {
    Bench() { clock.set_offset(microseconds{0}); }

    std::optional<Cell> run(JobRunner& on, Job job) {
        std::optional<Cell> cell;
        std::exception_ptr failure;
        bool ended = false;
        auto work = [&]() -> Task<> { cell = co_await on.run(job); };
        asio::co_spawn(io, work(), [&](std::exception_ptr thrown) {
            failure = thrown;
            ended = true;
        });
        while (!ended)
            io.run_one();
        if (failure) std::rethrow_exception(failure);
        return cell;
    }
    std::optional<Cell> run(Job job) { return run(runner, std::move(job)); }
    std::optional<Cell> run() { return run(job_at(clock)); }

    asio::io_context io{1};
    SystemClock system;
    RedisClock clock{system};
    Logger log{"agent", LogLevel::error, system};
    Readiness readiness;
    TlsContexts contexts;
    Resolver resolver{io.get_executor(), system, {}};
    ProbeEngine engine{clock, contexts, resolver};
    LagMeter lag{clock};
    CpuTime cpu;
    StandingClock load_clock;
    LoadWatch busy{load_clock, log, 0.6, 1, [this] { return cpu; }};
    SelfCheckOptions check_options;
    SelfCheck check{io.get_executor(), clock, resolver, readiness, log, check_options};
    JobRunner runner{engine, clock, log, {"agent-1", "", "", true}, {lag, busy, check}};
};

TEST(JobRunner, ACellCarriesTheJobAndTheAgent) {
    Bench bench;
    const auto cell = bench.run();
    ASSERT_TRUE(cell);
    EXPECT_EQ(cell->verdict, Verdict::fail);
    EXPECT_EQ(cell->reason, Reason::connection_refused);
    EXPECT_EQ(cell->key, (CellKey{EndpointId{1}, RegionId{2}, UtcMinute::from_epoch_ms(60'000)}));
    EXPECT_EQ(cell->agent, "agent-1");
    EXPECT_EQ(cell->job, "job");
    EXPECT_EQ(cell->trace_id, "trace");
    EXPECT_EQ(cell->slow_over_ms, 700U);
    EXPECT_EQ(cell->agent_lag_us, 0U);
}

TEST(JobRunner, ACellSaysHowFarTheAgentRanBehindDuringItsProbe) {
    Bench bench;
    const auto now = bench.clock.steady_now();
    bench.lag.note(now - milliseconds{1}, milliseconds{90});         // before it
    bench.lag.note(now + std::chrono::seconds{5}, milliseconds{3});  // a tick of the time it takes
    const auto cell = bench.run();
    EXPECT_EQ(cell->agent_lag_us, 3000U);
    const auto late = bench.runner.refused(job_at(bench.clock), {Reason::missed_window, ""});
    EXPECT_EQ(late.agent_lag_us, 90'000U) << "one that is not probed tells of the last seconds";
}

TEST(JobRunner, AJobThatMayNotBeStartedAnyMoreIsAMissedWindow) {
    Bench bench;
    auto job = job_at(bench.clock);
    job.not_after = bench.clock.utc_now() - std::chrono::seconds{1};
    const auto cell = bench.run(job);
    ASSERT_TRUE(cell);
    EXPECT_EQ(cell->verdict, Verdict::unknown);
    EXPECT_EQ(cell->reason, Reason::missed_window);
    EXPECT_EQ(cell->started, std::nullopt);
    EXPECT_EQ(cell->attempt, 0);
}

TEST(JobRunner, AClockMoreThanTenSecondsOffGivesNoVerdict) {
    for (const auto offset : {std::chrono::seconds{11}, std::chrono::seconds{-11}}) {
        Bench bench;
        bench.clock.set_offset(offset);
        const auto cell = bench.run();
        ASSERT_TRUE(cell);
        EXPECT_EQ(cell->reason, Reason::clock_skew);
    }
    Bench bench;
    bench.clock.set_offset(std::chrono::seconds{9});
    const auto cell = bench.run();
    EXPECT_EQ(cell->reason, Reason::connection_refused);
}

/// Time that can't be told: a fault of ours in the middle of a probe.
class BrokenClock final : public Clock {
public:
    UtcTime utc_now() const override { throw std::runtime_error{"no time"}; }
    SteadyTime steady_now() const override { throw std::runtime_error{"no time"}; }
};

TEST(JobRunner, AFaultOfOursCostsOneCellAndItsLineSaysWhoseProbeItWas) {
    Bench bench;
    const BrokenClock broken;
    ProbeEngine engine{broken, bench.contexts, bench.resolver};
    std::ostringstream lines;
    Logger log{"agent",
               LogLevel::info,
               bench.system,
               std::make_shared<spdlog::sinks::ostream_sink_mt>(lines)};
    JobRunner runner{
        engine, bench.clock, log, {"agent-1", "", "", true}, {bench.lag, bench.busy, bench.check}};
    auto job = job_at(bench.clock);
    job.tenant = "acme";
    job.name = "search";
    job.region = "us-east";
    const auto cell = bench.run(runner, job);
    ASSERT_TRUE(cell);
    EXPECT_EQ(cell->verdict, Verdict::unknown);
    EXPECT_EQ(cell->reason, Reason::agent_unhealthy);
    const auto line = boost::json::parse(lines.str());
    EXPECT_EQ(line.at("level"), "error");
    EXPECT_EQ(line.at("event"), "probe.broke");
    EXPECT_EQ(line.at("endpoint"), "acme/search");
    EXPECT_EQ(line.at("endpoint_id"), 1);
    EXPECT_EQ(line.at("region"), "us-east");
    EXPECT_EQ(line.at("minute"), "1970-01-01T00:01:00Z");
    EXPECT_EQ(line.at("job"), "job");
    EXPECT_EQ(line.at("trace_id"), "trace");
    EXPECT_EQ(line.at("detail"), "no time");
}

TEST(JobRunner, ABusyAgentRefusesAndSendsNothing) {
    Bench bench;
    bench.busy.sample();
    bench.cpu.thread += std::chrono::hours{1};
    bench.load_clock.passed += std::chrono::hours{1};
    bench.busy.sample();
    const auto cell = bench.run();
    ASSERT_TRUE(cell);
    EXPECT_EQ(cell->verdict, Verdict::unknown);
    EXPECT_EQ(cell->reason, Reason::backpressure);
    EXPECT_EQ(cell->started, std::nullopt);
    EXPECT_EQ(bench.runner.probes(), 0U);
}

TEST(JobRunner, TheRequestAsksForWhatTheJobSays) {
    const StandingClock clock;
    auto job = job_at(clock);
    job.era = EraMode::legacy;
    job.era_hint = Era::sse;
    job.detect_era = true;
    job.ip = IpFamily::v4;
    job.expect.tools = {"echo"};
    job.canary = Canary{"echo", "{}", {}, false};
    job.headers = {{"X-Probe", "quorate"}};
    job.health_url = "http://127.0.0.1:1/health";
    const auto request = to_request(job, {"agent-1", "ca.pem", "127.0.1.1", false}, clock);
    EXPECT_EQ(request.url, job.url);
    EXPECT_EQ(request.timeout, job.timeout);
    EXPECT_EQ(request.retry_gap, job.retry_gap);
    EXPECT_EQ(request.era, job.era);
    EXPECT_EQ(request.era_hint, job.era_hint);
    EXPECT_TRUE(request.detect_era);
    EXPECT_EQ(request.ip, job.ip);
    EXPECT_EQ(request.expect, job.expect);
    EXPECT_EQ(request.canary, job.canary);
    EXPECT_EQ(request.headers, job.headers);
    EXPECT_EQ(request.health_url, job.health_url);
    EXPECT_EQ(request.slow_over_ms, job.slow_over_ms);
    EXPECT_EQ(request.report_by,
              clock.steady_now() + std::chrono::hours{1} + 2 * job.timeout + job.retry_gap);
    EXPECT_EQ(request.ca_file, "ca.pem");
    EXPECT_EQ(request.bind_address, "127.0.1.1");
    EXPECT_FALSE(request.guard.allow_private);
    EXPECT_FALSE(request.guard.allow_loopback_literal);
}

}  // namespace
}  // namespace quorate::agent
