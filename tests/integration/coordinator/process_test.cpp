#include <filesystem>
#include <fstream>
#include <random>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "tests/integration/coordinator/child_process.hpp"
#include "tests/integration/coordinator/queued_jobs.hpp"
#include "tests/integration/coordinator/running_app.hpp"

namespace quorate::coordinator {
namespace {

namespace fs = std::filesystem;
using quorate::testing::Catalogued;
using quorate::testing::ChildProcess;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;
using std::chrono::seconds;

const std::vector<std::string> kRegions{"ap-south", "eu-west", "us-east"};
const std::string kBinary = std::string{QUORATE_BINARY_DIR} + "/bin/quorate-coordinator";

/// The answer to one GET, status line and all.
std::string http_get(std::uint16_t port, const std::string& path) {
    asio::io_context io{1};
    asio::ip::tcp::socket socket{io};
    socket.connect({asio::ip::address_v4::loopback(), port});
    asio::write(socket, asio::buffer("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"));
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    return answer;
}

bool ready(std::uint16_t port) {
    return http_get(port, "/readyz").find(" 200 ") != std::string::npos;
}

/// A config file in a folder that goes with the object.
struct ConfigFile {
    ConfigFile(const Catalogued& lab, const std::string& redis_url, std::uint16_t grpc_port = 0) {
        folder =
            fs::temp_directory_path() / ("coordinator-test-" + std::to_string(getpid()) + "-" +
                                         std::to_string(reinterpret_cast<std::uintptr_t>(this)));
        fs::create_directories(folder);
        std::ofstream{path()} << "window: " << lab.deployment.window.length() / seconds{1} << "s\n"
                              << "regions: [us-east, eu-west, ap-south]\n"
                              << "postgres: {conninfo: \"" << lab.conninfo << "\"}\n"
                              << "redis: {url: \"" << redis_url << "\"}\n"
                              << "grpc: {port: " << grpc_port << "}\n"
                              << "health: {port: 0}\nlog: {level: error}\n";
    }
    ~ConfigFile() { fs::remove_all(folder); }
    std::string path() const { return folder / "coordinator.yaml"; }
    fs::path folder;
};

/// Applies endpoints now, by the system's clock.
UtcMinute apply_now(Catalogued& lab, const std::string& yaml) {
    SystemClock clock;
    ApplyOrder order;
    order.files = {{"e.yaml", yaml}};
    order.principal = "test";
    const auto outcome =
        quorate::testing::run_task(apply(*lab.database, clock, lab.deployment, std::move(order)));
    return *outcome.in_force_from;
}

TEST(CoordinatorProcess, KilledAgainAndAgainItLeavesNoGapAndDoublesNothing) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    Catalogued lab{seconds{5}};
    RedisServer redis;
    const ConfigFile config{lab, redis.url()};
    std::string yaml = "endpoints:\n";
    for (int i = 0; i < 40; ++i)
        yaml += "  - {name: e" + std::to_string(i) + ", url: 'http://h/', timeout: 1s}\n";
    const auto first = apply_now(lab, yaml);
    const auto window = lab.deployment.window;
    auto process = std::make_unique<ChildProcess>(
        std::vector<std::string>{kBinary, "--config", config.path()});
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
            std::vector<std::string>{kBinary, "--config", config.path()});
    }
    ASSERT_TRUE(reaches(jobs + 240));
    EXPECT_EQ(process->end(SIGTERM), 0);

    const auto counts =
        quorate::testing::count_by_cell(quorate::testing::queued_jobs(redis, kRegions));
    std::map<std::pair<EndpointId, RegionId>, std::set<UtcMinute>> minutes;
    for (const auto& [key, count] : counts) {
        EXPECT_EQ(count, 1) << key.minute.epoch_ms() << " " << key.endpoint.value();
        minutes[{key.endpoint, key.region}].insert(key.minute);
    }
    EXPECT_EQ(minutes.size(), 120U);
    for (const auto& [cell, seen] : minutes) {
        EXPECT_EQ(*seen.begin(), first);
        const auto last = *seen.rbegin();
        EXPECT_EQ(static_cast<std::int64_t>(seen.size()),
                  last.index(window) - first.index(window) + 1);
    }
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
    const auto metrics = http_get(app.health_port(), "/metrics");
    EXPECT_NE(metrics.find("quorate_coordinator_leading 1"), std::string::npos);
}

TEST(CoordinatorProcess, OneOfTwoPlansAndTheOtherTakesOver) {
    Catalogued lab{seconds{5}};
    RedisServer redis;
    RunningApp first{config_for(lab, redis.url())};
    ASSERT_TRUE(comes_to_hold([&] { return ready(first.health_port()); }));
    RunningApp second{config_for(lab, redis.url())};
    ASSERT_TRUE(comes_to_hold([&] {
        return http_get(second.health_port(), "/readyz").find(R"("reasons":["standby"])") !=
               std::string::npos;
    }));
    first.stop();
    EXPECT_TRUE(comes_to_hold([&] { return ready(second.health_port()); }));
}

TEST(CoordinatorProcess, CheckConfigNamesEveryWrongKey) {
    const auto folder =
        fs::temp_directory_path() / ("coordinator-config-" + std::to_string(getpid()));
    fs::create_directories(folder);
    std::ofstream{folder / "c.yaml"} << "window: 7s\nregions: [us-east, us-east]\n"
                                        "redis: {url: \"http://x\"}\ngrpc: {address: 0.0.0.0}\n";
    try {
        load_config(config_schema(), folder / "c.yaml");
        FAIL() << "not refused";
    } catch (const InvalidConfig& error) {
        EXPECT_EQ(error.errors().size(), 5U) << error.what();
    }
    ChildProcess process{{kBinary, "--check-config", "--config", folder / "c.yaml"}};
    EXPECT_EQ(process.wait(), 1);
    fs::remove_all(folder);
}

}  // namespace
}  // namespace quorate::coordinator
