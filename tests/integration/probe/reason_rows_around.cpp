// Rows of reasons that are made around the probe: nobody looked, or nobody could.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "core/decision/quarantine.hpp"
#include "core/decision/seal.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/resolver.hpp"
#include "region-agent/intake/job_runner.hpp"
#include "tests/integration/probe/reason_bench.hpp"
#include "tests/integration/probe/reason_claims.hpp"

namespace quorate {
namespace {

constexpr EndpointId kEndpoint{1};
constexpr RegionId kRegion{2};
const auto kMinute = UtcMinute::from_epoch_ms(1'800'000'000'000);

/// An agent runs a job for the server, its clock `offset` off Redis's and the job's latest start
/// that far from now.
Outcome run_job(const RawServer& server, microseconds offset, std::chrono::seconds not_after_in) {
    boost::asio::io_context io{1};
    const SystemClock system;
    agent::RedisClock clock{system};
    clock.set_offset(offset);
    Logger log{"agent", LogLevel::error, system};
    TlsContexts contexts;
    Resolver resolver{io.get_executor(), {}};
    ProbeEngine engine{clock, contexts, resolver};
    agent::JobRunner runner{engine, clock, log, {"agent-1", "", "", true}};
    Job job;
    job.key = {kEndpoint, kRegion, kMinute};
    job.url = server.url();
    job.timeout = std::chrono::seconds{1};
    job.not_after = clock.utc_now() + not_after_in;
    std::optional<Cell> cell;
    auto work = [&]() -> Task<> { cell = co_await runner.run(job, milliseconds{0}); };
    boost::asio::co_spawn(io, work(), [](std::exception_ptr thrown) {
        if (thrown) std::rethrow_exception(thrown);
    });
    io.run();
    auto outcome = Outcome::of(*cell);
    if (server.connections() != 0) outcome.detail = "the server was asked all the same";
    return outcome;
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
    const auto job = [](microseconds offset, std::chrono::seconds not_after_in) {
        return [=](ReasonBench&) {
            McpScript script;
            const RawServer server{std::ref(script)};
            return run_job(server, offset, not_after_in);
        };
    };
    using std::chrono::seconds;
    return {
        around_row(Reason::missed_window,
                   "agent: a job past its latest start",
                   job(microseconds{0}, seconds{-1})),
        around_row(
            Reason::clock_skew, "agent: a clock 11 s off Redis's", job(seconds{11}, seconds{60})),
        around_row(Reason::not_reported,
                   "archiver: no cell at the seal, an agent lives",
                   [](ReasonBench&) { return seal_nothing(true); }),
        around_row(Reason::agent_dead,
                   "archiver: no cell at the seal, and no agent lives",
                   [](ReasonBench&) { return seal_nothing(false); }),
        elsewhere_row(Reason::backpressure, "agent: too busy to measure"),
        elsewhere_row(Reason::auth_token_unavailable, "coordinator: the secret is missing"),
        elsewhere_row(Reason::schema_drift, "a contract that is not the approved one"),
        around_row(Reason::region_fault,
                   "archiver: a region that alone FAILs on five hosts",
                   quarantine_a_region),
    };
}

}  // namespace quorate
