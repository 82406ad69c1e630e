#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/coordinator/processes.hpp"

namespace quorate::coordinator {
namespace {

namespace fs = std::filesystem;
using quorate::testing::apply_now;
using quorate::testing::Catalogued;
using quorate::testing::ChildProcess;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::ConfigFile;
using quorate::testing::http_get;
using quorate::testing::kCoordinatorBinary;
using quorate::testing::kRegions;
using quorate::testing::ready;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;
using std::chrono::seconds;

TEST(CoordinatorProcess, KilledAgainAndAgainItLeavesNoGapAndDoublesNothing) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    Catalogued lab{seconds{5}};
    RedisServer redis;
    const ConfigFile config{lab, redis.url()};
    const auto first = apply_now(lab, quorate::testing::some_endpoints(40));
    auto process = std::make_unique<ChildProcess>(
        std::vector<std::string>{kCoordinatorBinary, "--config", config.path()});
    const auto reaches = [&](std::size_t jobs) {
        return comes_to_hold(
            [&] { return quorate::testing::queued_jobs(redis, kRegions).size() >= jobs; });
    };
    // Each region has 40 jobs a window; killed at some number of them, mid-window.
    std::size_t jobs = 0;
    for (int kills = 0; kills < 4; ++kills) {
        jobs += 40 + random() % 160;
        ASSERT_TRUE(reaches(jobs));
        EXPECT_EQ(process->end(SIGKILL), -SIGKILL);
        process = std::make_unique<ChildProcess>(
            std::vector<std::string>{kCoordinatorBinary, "--config", config.path()});
    }
    ASSERT_TRUE(reaches(jobs + 240));
    EXPECT_EQ(process->end(SIGTERM), 0);

    quorate::testing::expect_no_gap_and_nothing_twice(redis, lab.deployment.window, 40, first);
}

TEST(CoordinatorProcess, WaitsForRedisAndPostgresAndSaysWhichIsAway) {
    Catalogued lab{seconds{5}};
    RedisServer redis;
    redis.stop();
    quorate::testing::cluster().stop();
    RunningApp app{config_for(lab, redis.url())};
    const auto comes_to_say = [&](const std::string& answer) {
        return comes_to_hold([&] {
            return http_get(app.health_port(), "/readyz").find(answer) != std::string::npos;
        });
    };
    EXPECT_TRUE(
        comes_to_say(R"({"ready":false,"reasons":["postgres_unreachable","redis_unreachable"]})"));
    quorate::testing::cluster().start();
    EXPECT_TRUE(comes_to_say(R"({"ready":false,"reasons":["redis_unreachable"]})"));
    redis.start();
    EXPECT_TRUE(comes_to_say(R"({"ready":true})"));

    redis.stop();
    EXPECT_TRUE(comes_to_say(R"({"ready":false,"reasons":["redis_unreachable"]})"));
    redis.start();
    EXPECT_TRUE(comes_to_say(R"({"ready":true})"));
    quorate::testing::cluster().stop();
    EXPECT_TRUE(comes_to_say(R"({"ready":false,"reasons":["postgres_unreachable"]})"));
    quorate::testing::cluster().start();
    EXPECT_TRUE(comes_to_say(R"({"ready":true})"));
    EXPECT_TRUE(comes_to_hold([&] {
        const auto metrics = http_get(app.health_port(), "/metrics");
        return metrics.find("quorate_coordinator_shards_held 64") != std::string::npos;
    })) << "leases that Redis lost are taken anew in the next round, ready or not";
}

/// All that is in a file.
std::string text_of(const fs::path& file) {
    std::ifstream stream{file};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

TEST(CoordinatorProcess, APortInUseIsOneLineOnStderrThatNamesIt) {
    Catalogued lab{seconds{5}};
    RedisServer redis;
    asio::io_context io{1};
    const asio::ip::tcp::acceptor holder{io, {asio::ip::address_v4::loopback(), 0}};
    const auto port = std::to_string(holder.local_endpoint().port());
    const ConfigFile config{lab, redis.url()};
    for (const std::string daemon_port : {"health", "grpc"}) {
        std::string text = text_of(config.path());
        const auto key = text.find(daemon_port + ": {port: 0}");
        ASSERT_NE(key, text.npos);
        text.replace(key + daemon_port.size() + 9, 1, port);
        text.replace(text.find("level: error"), 12, "level: info");
        std::ofstream{config.folder / "taken.yaml"} << text;
        const auto log = config.folder / "stderr";
        ChildProcess process{{kCoordinatorBinary, "--config", config.folder / "taken.yaml"}, log};
        EXPECT_EQ(process.wait(), 1);
        const auto said = text_of(log);
        EXPECT_NE(said.find("quorate-coordinator: port " + port + " is in use"), said.npos) << said;
        EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
    }
}

TEST(CoordinatorProcess, AnEndpointThatIsPausedStandsInTheLogWithItsTenant) {
    Catalogued lab;
    RedisServer redis;
    const auto port = quorate::testing::free_port();
    const ConfigFile config{lab, redis.url(), port};
    auto text = text_of(config.path());
    text.replace(text.find("level: error"), 12, "level: info");
    std::ofstream{config.path()} << text;
    apply_now(lab, "endpoints:\n  - {name: a, url: 'http://h/a'}\n");
    const auto log = config.folder / "stderr";
    const ChildProcess process{{kCoordinatorBinary, "--config", config.path()}, log};
    EXPECT_TRUE(comes_to_hold([&] {
        return run_cli({"pause", "a", "--server", "127.0.0.1:" + std::to_string(port)}).status == 0;
    }));
    EXPECT_TRUE(comes_to_hold(
        [&] { return text_of(log).find("\"endpoint.paused\"") != std::string::npos; }));
    EXPECT_NE(text_of(log).find("\"endpoint\":\"default/a\""), std::string::npos) << text_of(log);
}

TEST(CoordinatorProcess, CheckConfigNamesEveryWrongKey) {
    const auto folder =
        fs::temp_directory_path() / ("coordinator-config-" + std::to_string(getpid()));
    fs::create_directories(folder);
    std::ofstream{folder / "c.yaml"} << "window: 7s\nregions: [us-east, us-east]\n"
                                        "redis: {url: \"http://x\"}\ngrpc: {address: 0.0.0.0}\n"
                                        "health: {address: nonsense}\n";
    try {
        load_config(config_schema(), folder / "c.yaml");
        FAIL() << "not refused";
    } catch (const InvalidConfig& error) {
        EXPECT_EQ(error.errors().size(), 6U) << error.what();
    }
    ChildProcess process{{kCoordinatorBinary, "--check-config", "--config", folder / "c.yaml"},
                         folder / "stderr"};
    EXPECT_EQ(process.wait(), 1);
    const auto said = text_of(folder / "stderr");
    for (const std::string line :
         {"c.yaml:1: window: must be 2s",
          "c.yaml:2: regions: names the region us-east twice",
          "c.yaml:3: redis.url: ",
          "c.yaml:4: grpc.address: ",
          "c.yaml:5: health.address: must be an IP address, is \"nonsense\"",
          "postgres.conninfo: "})
        EXPECT_NE(said.find(line), said.npos) << line << " is not in:\n" << said;
    fs::remove_all(folder);
}

}  // namespace
}  // namespace quorate::coordinator
