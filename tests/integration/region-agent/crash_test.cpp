#include <filesystem>

#include "tests/integration/region-agent/agent_process.hpp"
#include "tests/support/movable_clock/movable_clock.hpp"

namespace quorate {
namespace {

using testing::agent_config;
using testing::AgentProcess;
using testing::Bench;
using testing::eventually;
using testing::job_for;
using testing::kRegion;
using testing::MovableClock;
using testing::on_bench;
using testing::RedisServer;
using testing::RunningAgent;

constexpr std::uint64_t kEndpoints = 5;

/// Five jobs are being probed and don't end.
Task<> begin_five(Bench& bench, std::chrono::seconds timeout = std::chrono::seconds{5}) {
    bench.stub.hang();
    std::vector<Job> jobs;
    for (std::uint64_t endpoint = 1; endpoint <= kEndpoints; ++endpoint) {
        jobs.push_back(job_for(endpoint, bench.stub.url()));
        jobs.back().timeout = timeout;
    }
    co_await bench.enqueue(std::move(jobs));
    const auto probing = [&]() -> Task<bool> { co_return bench.stub.requests() >= kEndpoints; };
    EXPECT_TRUE(co_await eventually(probing));
}

/// The last heartbeats of the region's agents.
Task<std::vector<Heartbeat>> fleet_of(Bench& bench) {
    std::vector<std::string> regions{kRegion};
    auto fleets = co_await read_heartbeats(bench.redis, std::move(regions));
    co_return std::move(fleets.at(0).agents);
}

/// When the agent beat last, by Redis's clock; nothing: it never did, or Redis is away.
Task<std::optional<UtcTime>> last_beat(Bench& bench, std::string agent) {
    try {
        const auto fleet = co_await fleet_of(bench);
        for (const auto& heartbeat : fleet)
            if (heartbeat.agent == agent) co_return heartbeat.at;
    } catch (const RedisUnavailable&) {
    }
    co_return std::nullopt;
}

/// Waits until the agent has beaten `times` more.
Task<bool> beats(Bench& bench, std::string agent, int times) {
    auto last = co_await last_beat(bench, agent);
    const auto again = [&]() -> Task<bool> {
        const auto now = co_await last_beat(bench, agent);
        if (now && now != last) --times;
        if (now) last = now;
        co_return times <= 0;
    };
    const bool heard = co_await eventually(again);
    co_return heard;
}

/// Five jobs are being probed by an agent process that is then killed.
Task<> kill_in_the_middle(Bench& bench, AgentProcess& process) {
    co_await begin_five(bench);
    process.end(SIGKILL);
    bench.stub.go_on();
    const auto depth = co_await bench.depth();
    EXPECT_EQ(depth, (QueueDepth{kEndpoints, kEndpoints}));
}

Task<> expect_all_once(Bench& bench, std::string agent) {
    const auto acknowledged = [&] { return bench.queue_is_empty(); };
    EXPECT_TRUE(co_await eventually(acknowledged));
    const auto cells = co_await bench.cells_of(kEndpoints);
    EXPECT_EQ(cells.size(), kEndpoints);
    for (const auto& cell : cells) {
        EXPECT_EQ(cell.agent, agent);
        EXPECT_EQ(cell.verdict, Verdict::up) << cell.detail;
    }
    const auto announced = co_await bench.announcements();
    EXPECT_EQ(announced, kEndpoints);
}

TEST(AgentCrash, TheJobsOfAKilledAgentAreTakenOverByAnother) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess process{server, "killed"};
        co_await kill_in_the_middle(bench, process);
        RunningAgent other{bench.executor, agent_config(server, "other")};
        co_await expect_all_once(bench, "other");
        co_await other.stop();
    });
}

TEST(AgentCrash, AKilledAgentThatComesBackDoesItsOwnJobs) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess process{server, "same"};
        co_await kill_in_the_middle(bench, process);
        RunningAgent again{bench.executor, agent_config(server, "same")};
        co_await expect_all_once(bench, "same");
        co_await again.stop();
    });
}

/// One agent finds Redis again when another, whose heartbeat stands still since Redis went, has
/// not.
TEST(AgentCrash, WhoFindsRedisAgainLaterIsNotTakenForDead) {
    RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess late{server, "late"};
        co_await begin_five(bench, std::chrono::seconds{20});
        AgentProcess early{server, "early"};
        EXPECT_TRUE(co_await beats(bench, "early", 1));
        server.stop();
        const auto away_until = SystemClock{}.steady_now() + std::chrono::seconds{3};
        const auto long_away = [&]() -> Task<bool> {
            co_return SystemClock{}.steady_now() >= away_until;
        };
        EXPECT_TRUE(co_await eventually(long_away));
        late.send(SIGSTOP);
        server.start();
        EXPECT_TRUE(co_await beats(bench, "early", 2));  // it looks around twice between two
        late.send(SIGCONT);
        EXPECT_TRUE(co_await beats(bench, "late", 1));
        EXPECT_TRUE(co_await beats(bench, "early", 4));
        bench.stub.go_on();
        co_await expect_all_once(bench, "late");
        EXPECT_EQ(bench.stub.attempts(), kEndpoints);
        EXPECT_EQ(early.times("jobs.claimed"), 0U);
    });
}

/// Probes that end while Redis is away, in an agent that is then killed: their cells are on disk.
TEST(AgentCrash, CellsThatCouldNotReachRedisSurviveKillNine) {
    RedisServer server;
    const TemporaryFolder spool;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess process{server, "same", "spool: {directory: \"" + spool.path() + "\"}\n"};
        co_await begin_five(bench);
        server.stop();
        bench.stub.go_on();
        const auto spooled = [&]() -> Task<bool> {
            std::size_t records = 0;
            for (const auto& file : std::filesystem::directory_iterator{spool.path()})
                if (file.path().extension() == ".spool")
                    records += agent::SpoolSegment::open(file.path()).records();
            co_return records == kEndpoints;
        };
        EXPECT_TRUE(co_await eventually(spooled));
        process.end(SIGKILL);
        const auto requests = bench.stub.requests();
        server.start();
        auto config = agent_config(server, "same");
        config.spool_directory = spool.path();
        RunningAgent again{bench.executor, config};
        co_await expect_all_once(bench, "same");
        EXPECT_EQ(bench.stub.requests(), requests) << "nothing was probed a second time";
        co_await again.stop();
    });
}

TEST(AgentCrash, SigtermEndsTheProcessWithStatusZero) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess process{server, "a"};
        std::vector<Job> jobs{job_for(1, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
        const int status = process.end(SIGTERM);
        EXPECT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), 0);
    });
}

/// A job that is not due while the test lasts.
Job far_job(std::uint64_t endpoint, const std::string& url) {
    auto job = job_for(endpoint, url, std::chrono::seconds{100});
    const auto now = UtcMinute::containing(SystemClock{}.utc_now(), Window::minute());
    job.key.minute = now.plus(1, Window::minute());
    job.slot = std::chrono::seconds{59};
    return job;
}

/// One whose config was copied: it has no jobs, and none of the other's.
TEST(AgentNames, TheNameOfALivingOneIsRefusedToAnotherAndIsItsOwnOnceThatIsGone) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess first{server, "same"};
        co_await begin_five(bench, std::chrono::seconds{20});
        AgentProcess second{server, "same"};
        EXPECT_TRUE(co_await second.says("name_in_use"));
        AgentProcess third{server, "same"};
        EXPECT_TRUE(co_await third.says("agent.started"));
        EXPECT_EQ(third.end(SIGTERM), 0);
        const auto depth = co_await bench.depth();
        EXPECT_EQ(depth, (QueueDepth{kEndpoints, kEndpoints})) << "nothing was given back";
        EXPECT_TRUE(co_await beats(bench, "same", 1)) << "its heartbeat was left alone";
        bench.stub.go_on();
        co_await expect_all_once(bench, "same");
        EXPECT_EQ(bench.stub.attempts(), kEndpoints) << "each was probed by one of them";

        EXPECT_EQ(first.end(SIGTERM), 0);
        EXPECT_TRUE(co_await second.says("readiness.regained"));
        std::vector<Job> jobs{job_for(kEndpoints + 1, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        const auto acknowledged = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(acknowledged));
    });
}

/// Two jobs are probed and don't end, a third waits for its slot.
Task<> begin_three(Bench& bench) {
    bench.stub.hang();
    std::vector<Job> jobs{
        job_for(1, bench.stub.url()), job_for(2, bench.stub.url()), far_job(3, bench.stub.url())};
    for (auto& job : jobs)
        job.timeout = std::chrono::seconds{20};
    co_await bench.enqueue(std::move(jobs));
    const auto probing = [&]() -> Task<bool> {
        const auto depth = co_await bench.depth();
        co_return bench.stub.requests() >= 2 && depth.pending == 3;
    };
    EXPECT_TRUE(co_await eventually(probing));
}

TEST(AgentDrain, SigtermFinishesWhatRunsGivesBackTheRestAndTakesItsLeave) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess process{server, "a"};
        co_await begin_three(bench);
        process.begin_end();
        EXPECT_TRUE(co_await process.says("agent.draining"));
        bench.stub.go_on();
        const auto status = co_await process.ended();
        EXPECT_EQ(status, 0);
        const auto cells = co_await bench.cells_of(2);
        EXPECT_EQ(cells.size(), 2U);
        for (const auto& cell : cells)
            EXPECT_EQ(cell.verdict, Verdict::up) << cell.detail;
        const auto depth = co_await bench.depth();
        EXPECT_EQ(depth, (QueueDepth{1, 0}));
        const auto fleet = co_await fleet_of(bench);
        EXPECT_TRUE(fleet.empty());
    });
}

TEST(AgentDrain, ServersThatHangHoldItUpForLessThanTwentySecondsAndTheirJobsGoBackToo) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess process{server, "a"};
        co_await begin_three(bench);
        process.begin_end();
        const auto status = co_await process.ended();  // waits 20 s at most
        EXPECT_EQ(status, 0);
        const auto cells = co_await bench.cells_of(2);
        EXPECT_TRUE(cells.empty());
        const auto depth = co_await bench.depth();
        EXPECT_EQ(depth, (QueueDepth{3, 0}));
    });
}

/// Stops it until its last heartbeat is more than two seconds old: the next was due after one.
Task<> hold_up(Bench& bench, AgentProcess& process) {
    process.send(SIGSTOP);
    const auto silent = [&]() -> Task<bool> {
        const auto fleet = co_await fleet_of(bench);
        const auto now = co_await redis_time(bench.redis);
        co_return fleet.size() == 1 && now - fleet[0].at > std::chrono::seconds{2};
    };
    EXPECT_TRUE(co_await eventually(silent));
    process.send(SIGCONT);
}

TEST(AgentHeartbeat, SaysHowFarItsClockIsFromThatOfRedis) {
    MovableClock clock;
    clock.advance(std::chrono::seconds{3});
    RedisServer server;
    server.stop();
    server.set_environment(clock.variables());
    server.start();
    on_bench(server, [&](Bench& bench) -> Task<> {
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        std::vector<Heartbeat> fleet;
        const auto told = [&]() -> Task<bool> {
            fleet = co_await fleet_of(bench);
            co_return fleet.size() == 1;
        };
        EXPECT_TRUE(co_await eventually(told));
        EXPECT_NEAR(static_cast<double>(fleet.at(0).clock_offset.count()), 3000, 500);
        co_await agent.stop();
    });
}

TEST(AgentHeartbeat, SaysVersionLoadLagClockOffsetAndWhatItDoes) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess process{server, "a"};
        co_await begin_three(bench);
        std::vector<Heartbeat> fleet;
        const auto told = [&]() -> Task<bool> {
            fleet = co_await fleet_of(bench);
            co_return fleet.size() == 1 && fleet[0].probes_total == 2 && fleet[0].load > 0;
        };
        EXPECT_TRUE(co_await eventually(told));
        EXPECT_EQ(fleet.at(0).version, QUORATE_VERSION);
        EXPECT_EQ(fleet.at(0).in_flight, 2U);
        EXPECT_EQ(fleet.at(0).state, AgentState::working);
        EXPECT_LE(fleet.at(0).load, 1);
        EXPECT_LT(std::chrono::abs(fleet.at(0).clock_offset), std::chrono::seconds{2});
        co_await hold_up(bench, process);
        const auto late = [&]() -> Task<bool> {
            fleet = co_await fleet_of(bench);
            co_return fleet.size() == 1 && fleet[0].lag >= milliseconds{500};
        };
        EXPECT_TRUE(co_await eventually(late)) << "it was held up for longer";
        process.begin_end();
        const auto draining = [&]() -> Task<bool> {
            fleet = co_await fleet_of(bench);
            co_return fleet.size() == 1 && fleet[0].state == AgentState::draining;
        };
        EXPECT_TRUE(co_await eventually(draining));
        bench.stub.go_on();
        const auto status = co_await process.ended();
        EXPECT_EQ(status, 0);
    });
}

TEST(AgentReload, SighupTakesTheLevelOfTheLogAndABadFileKeepsTheOldConfig) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess process{server, "a"};
        EXPECT_TRUE(co_await process.says("agent.started"));
        process.reload_with("log: {level: nonsense}\n");
        EXPECT_TRUE(co_await process.says("config.refused"));
        process.reload_with("log: {level: debug}\n");
        EXPECT_TRUE(co_await process.says("config.reloaded"));
        std::vector<Job> jobs{job_for(1, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        EXPECT_TRUE(co_await process.says("probe.finished"));  // a line of level debug
        EXPECT_EQ(process.end(SIGTERM), 0);
    });
}

}  // namespace
}  // namespace quorate
