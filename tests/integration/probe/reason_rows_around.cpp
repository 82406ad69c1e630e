// Rows of reasons that are made around the probe: nobody looked, or nobody could.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "core/decision/quarantine.hpp"
#include "core/decision/seal.hpp"
#include "platform/telemetry/readiness.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/resolver.hpp"
#include "region-agent/intake/job_runner.hpp"
#include "tests/integration/probe/reason_bench.hpp"
#include "tests/unit/region-agent/standing_clock.hpp"

namespace quorate {
namespace {

constexpr EndpointId kEndpoint{1};
constexpr RegionId kRegion{2};
const auto kMinute = UtcMinute::from_epoch_ms(1'800'000'000'000);

/// How an agent stands when its job comes.
struct AgentState {
    microseconds clock_offset{0};           ///< off Redis's
    std::chrono::seconds not_after_in{60};  ///< the job's latest start, from now
    bool busy = false;                      ///< its core is all used
};

/// An agent runs a job for the server.
Outcome run_job(const RawServer& server, AgentState state) {
    boost::asio::io_context io{1};
    const SystemClock system;
    agent::RedisClock clock{system};
    clock.set_offset(state.clock_offset);
    Logger log{"agent", LogLevel::error, system};
    TlsContexts contexts;
    Resolver resolver{io.get_executor(), system, {}};
    ProbeEngine engine{clock, contexts, resolver};
    const agent::LagMeter lag{clock};
    agent::StandingClock load_clock;
    CpuTime used;
    agent::LoadWatch load{load_clock, log, 0.6, 1, [&used] { return used; }};
    for (int i = 0; i < 20 && state.busy; ++i) {
        load_clock.passed += agent::LoadWatch::kEvery;
        used.thread += agent::LoadWatch::kEvery;
        load.sample();
    }
    Readiness readiness;
    agent::SelfCheck check{io.get_executor(), clock, resolver, readiness, log, {}};
    agent::JobRunner runner{engine, clock, log, {"agent-1", "", "", true}, {lag, load, check}};
    Job job;
    job.key = {kEndpoint, kRegion, kMinute};
    job.url = server.url();
    job.timeout = std::chrono::seconds{1};
    job.not_after = clock.utc_now() + state.not_after_in;
    std::optional<Cell> cell;
    auto work = [&]() -> Task<> { cell = co_await runner.run(job); };
    boost::asio::co_spawn(io, work(), [](std::exception_ptr thrown) {
        if (thrown) std::rethrow_exception(thrown);
    });
    io.run();
    EXPECT_EQ(server.connections(), 0) << "the server was asked all the same";
    return Outcome::of(*cell);
}

/// What the archiver's seal makes of a region that sent nothing.
Outcome seal_nothing(bool agent_alive) {
    const std::vector<ExpectedRegion> expected{{kRegion, agent_alive}};
    return Outcome::of(seal(kEndpoint, kMinute, expected, {}).at(0));
}

/// A region that alone sees a real server fail, on five endpoints of five hosts.
Outcome quarantine_a_region(ReasonBench& bench) {
    const auto seen = bench.probe_legacy("server/discover", status(500));
    const std::vector<RegionId> regions{kRegion, RegionId{3}, RegionId{4}};
    std::vector<SealedCell> cells(regions.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
        cells[i].region = regions[i];
        cells[i].verdict = i == 0 ? seen.verdict : Verdict::up;
        cells[i].reason = i == 0 ? seen.reason : std::nullopt;
    }
    RegionTallies tallies;
    for (std::uint64_t host = 1; host <= 5; ++host)
        tally(tallies, cells, host);
    std::vector<RegionId> quarantined;
    for (const auto& [region, counts] : tallies)
        if (is_quarantined(counts)) quarantined.push_back(region);
    quarantine(cells, quarantined);
    Outcome outcome;
    outcome.verdict = cells[0].verdict;
    outcome.reason = cells[0].reason;
    return outcome;
}

ReasonRow around_row(Reason reason, std::string how, std::function<Outcome(ReasonBench&)> provoke) {
    return {reason,
            Verdict::unknown,
            std::nullopt,
            Provoker::component,
            std::move(how),
            std::move(provoke)};
}

}  // namespace

std::vector<ReasonRow> around_rows() {
    const auto job = [](AgentState state) {
        return [=](ReasonBench&) {
            McpScript script;
            const RawServer server{std::ref(script)};
            return run_job(server, state);
        };
    };
    using std::chrono::seconds;
    return {
        around_row(Reason::missed_window,
                   "agent: a job past its latest start",
                   job({.not_after_in = seconds{-1}})),
        around_row(Reason::clock_skew,
                   "agent: a clock 11 s off Redis's",
                   job({.clock_offset = seconds{11}})),
        around_row(Reason::not_reported,
                   "archiver: no cell at the seal, an agent lives",
                   [](ReasonBench&) { return seal_nothing(true); }),
        around_row(Reason::agent_dead,
                   "archiver: no cell at the seal, and no agent lives",
                   [](ReasonBench&) { return seal_nothing(false); }),
        around_row(Reason::backpressure, "agent: too busy to measure", job({.busy = true})),
        around_row(Reason::region_fault,
                   "archiver: a region that alone FAILs on five hosts",
                   quarantine_a_region),
    };
}

}  // namespace quorate
