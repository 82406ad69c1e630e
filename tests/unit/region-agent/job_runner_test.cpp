#include "region-agent/intake/job_runner.hpp"

#include <exception>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "platform/tls/tls_contexts.hpp"
#include "probe/resolver.hpp"

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

/// Runs one job with the clock `offset` off Redis's; nothing listens on port 1.
std::optional<Cell> run_job(microseconds offset, std::chrono::seconds not_after_in) {
    asio::io_context io{1};
    const SystemClock system;
    RedisClock clock{system};
    clock.set_offset(offset);
    Logger log{"agent", LogLevel::error, system};
    TlsContexts contexts;
    Resolver resolver{io.get_executor(), {}};
    ProbeEngine engine{clock, contexts, resolver};
    JobRunner runner{engine, clock, log, {"agent-1", "", "", true}};
    auto job = job_at(clock);
    job.not_after = clock.utc_now() + not_after_in;
    std::optional<Cell> cell;
    std::exception_ptr failure;
    auto work = [&]() -> Task<> { cell = co_await runner.run(job, milliseconds{3}); };
    asio::co_spawn(io, work(), [&](std::exception_ptr thrown) { failure = thrown; });
    io.run();
    if (failure) std::rethrow_exception(failure);
    return cell;
}

TEST(JobRunner, ACellCarriesTheJobAndTheAgent) {
    const auto cell = run_job(microseconds{0}, std::chrono::hours{1});
    ASSERT_TRUE(cell);
    EXPECT_EQ(cell->verdict, Verdict::fail);
    EXPECT_EQ(cell->reason, Reason::connection_refused);
    EXPECT_EQ(cell->key, (CellKey{EndpointId{1}, RegionId{2}, UtcMinute::from_epoch_ms(60'000)}));
    EXPECT_EQ(cell->agent, "agent-1");
    EXPECT_EQ(cell->job, "job");
    EXPECT_EQ(cell->trace_id, "trace");
    EXPECT_EQ(cell->slow_over_ms, 700U);
    EXPECT_EQ(cell->agent_lag_us, 3000U);
}

TEST(JobRunner, AJobThatMayNotBeStartedAnyMoreIsAMissedWindow) {
    const auto cell = run_job(microseconds{0}, std::chrono::seconds{-1});
    ASSERT_TRUE(cell);
    EXPECT_EQ(cell->verdict, Verdict::unknown);
    EXPECT_EQ(cell->reason, Reason::missed_window);
    EXPECT_EQ(cell->started, std::nullopt);
    EXPECT_EQ(cell->attempt, 0);
}

TEST(JobRunner, AClockMoreThanTenSecondsOffGivesNoVerdict) {
    for (const auto offset : {std::chrono::seconds{11}, std::chrono::seconds{-11}}) {
        const auto cell = run_job(offset, std::chrono::hours{1});
        ASSERT_TRUE(cell);
        EXPECT_EQ(cell->reason, Reason::clock_skew);
    }
    const auto cell = run_job(std::chrono::seconds{9}, std::chrono::hours{1});
    EXPECT_EQ(cell->reason, Reason::connection_refused);
}

TEST(JobRunner, TheRequestAsksForWhatTheJobSays) {
    const SystemClock clock;
    auto job = job_at(clock);
    job.era = EraMode::legacy;
    job.era_hint = Era::sse;
    job.ip = IpFamily::v4;
    job.expect.tools = {"echo"};
    job.canary = Canary{"echo", "{}", {}, false};
    job.headers = {{"X-Probe", "quorate"}};
    job.health_url = "http://127.0.0.1:1/health";
    const auto request = to_request(job, {"agent-1", "ca.pem", "127.0.1.1", false});
    EXPECT_EQ(request.url, job.url);
    EXPECT_EQ(request.timeout, job.timeout);
    EXPECT_EQ(request.retry_gap, job.retry_gap);
    EXPECT_EQ(request.era, job.era);
    EXPECT_EQ(request.era_hint, job.era_hint);
    EXPECT_EQ(request.ip, job.ip);
    EXPECT_EQ(request.expect, job.expect);
    EXPECT_EQ(request.canary, job.canary);
    EXPECT_EQ(request.headers, job.headers);
    EXPECT_EQ(request.health_url, job.health_url);
    EXPECT_EQ(request.slow_over_ms, job.slow_over_ms);
    EXPECT_EQ(request.ca_file, "ca.pem");
    EXPECT_EQ(request.bind_address, "127.0.1.1");
    EXPECT_FALSE(request.guard.allow_private);
    EXPECT_FALSE(request.guard.allow_loopback_literal);
}

}  // namespace
}  // namespace quorate::agent
