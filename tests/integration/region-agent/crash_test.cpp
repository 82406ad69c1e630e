#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/region-agent/agent_test.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate {
namespace {

using testing::agent_config;
using testing::Bench;
using testing::eventually;
using testing::job_for;
using testing::kRegion;
using testing::on_bench;
using testing::RedisServer;
using testing::RunningAgent;

/// The agent as its own process, so that kill -9 can be what it is.
class AgentProcess {
public:
    /// @param more lines of its config
    AgentProcess(const RedisServer& server, const std::string& name, const std::string& more = {}) {
        config_ = "region: " + kRegion + "\nname: " + name + "\nredis: {url: \"" + server.url() +
                  "\"}\nhealth: {port: 0}\nallow_private_addresses: true\n" + more;
        const auto file = folder_ / "agent.yaml";
        std::ofstream{file} << config_;
        const std::string log = folder_ / "log";
        const std::string binary = QUORATE_BINARY_DIR "/bin/quorate-agent";
        const std::string config = file;
        process_ = ::fork();
        if (process_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::freopen(log.c_str(), "w", stderr) == nullptr) ::_exit(126);
            ::dup2(STDERR_FILENO, STDOUT_FILENO);
            ::execl(binary.c_str(), binary.c_str(), "--config", config.c_str(), nullptr);
            ::_exit(127);
        }
    }
    ~AgentProcess() {
        if (process_ != 0) end(SIGKILL);
    }
    AgentProcess(const AgentProcess&) = delete;
    AgentProcess& operator=(const AgentProcess&) = delete;

    /// @return the status of waitpid.
    int end(int signal) {
        ::kill(process_, signal);
        int status = 0;
        ::waitpid(process_, &status, 0);
        process_ = 0;
        return status;
    }

    void begin_end() const { ::kill(process_, SIGTERM); }
    /// The status of waitpid, once it has ended; the test's executor goes on meanwhile.
    Task<std::optional<int>> ended() {
        int status = 0;
        const auto has_ended = [&]() -> Task<bool> {
            co_return ::waitpid(process_, &status, WNOHANG) == process_;
        };
        const bool so = co_await eventually(has_ended);
        if (!so) co_return std::nullopt;
        process_ = 0;
        co_return status;
    }

    /// Adds `more` to its config file and sends SIGHUP.
    void reload_with(const std::string& more) {
        std::ofstream{folder_ / "agent.yaml"} << config_ << more;
        ::kill(process_, SIGHUP);
    }

    /// Waits until its log has `event`.
    Task<bool> says(std::string event) {
        const auto said = [&]() -> Task<bool> {
            std::ifstream file{folder_ / "log"};
            const std::string log{std::istreambuf_iterator<char>{file}, {}};
            co_return log.find(event) != std::string::npos;
        };
        const bool found = co_await eventually(said);
        co_return found;
    }

private:
    const TemporaryFolder temporary_;
    const std::filesystem::path folder_{temporary_.path()};
    std::string config_;
    pid_t process_ = 0;
};

constexpr std::uint64_t kEndpoints = 5;

/// Five jobs are being probed and don't end.
Task<> begin_five(Bench& bench) {
    bench.stub.hang();
    std::vector<Job> jobs;
    for (std::uint64_t endpoint = 1; endpoint <= kEndpoints; ++endpoint)
        jobs.push_back(job_for(endpoint, bench.stub.url()));
    co_await bench.enqueue(std::move(jobs));
    const auto probing = [&]() -> Task<bool> { co_return bench.stub.requests() >= kEndpoints; };
    EXPECT_TRUE(co_await eventually(probing));
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

/// The last heartbeats of the region's agents.
Task<std::vector<Heartbeat>> fleet_of(Bench& bench) {
    std::vector<std::string> regions{kRegion};
    auto fleets = co_await read_heartbeats(bench.redis, std::move(regions));
    co_return std::move(fleets.at(0));
}

/// A job that is not due while the test lasts.
Job far_job(std::uint64_t endpoint, const std::string& url) {
    auto job = job_for(endpoint, url, std::chrono::seconds{100});
    const auto now = UtcMinute::containing(SystemClock{}.utc_now(), Window::minute());
    job.key.minute = now.plus(1, Window::minute());
    job.slot = std::chrono::seconds{59};
    return job;
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

TEST(AgentHeartbeat, SaysVersionLoadLagClockOffsetAndWhatItDoes) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess process{server, "a"};
        co_await begin_three(bench);
        std::vector<Heartbeat> fleet;
        const auto told = [&]() -> Task<bool> {
            fleet = co_await fleet_of(bench);
            co_return fleet.size() == 1 && fleet[0].probes_total == 2;
        };
        EXPECT_TRUE(co_await eventually(told));
        EXPECT_EQ(fleet.at(0).version, QUORATE_VERSION);
        EXPECT_EQ(fleet.at(0).in_flight, 2U);
        EXPECT_EQ(fleet.at(0).state, AgentState::working);
        EXPECT_GE(fleet.at(0).lag, milliseconds{0});
        EXPECT_GE(fleet.at(0).load, 0);
        EXPECT_LE(fleet.at(0).load, 1);
        EXPECT_LT(std::chrono::abs(fleet.at(0).clock_offset), std::chrono::seconds{2});
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
