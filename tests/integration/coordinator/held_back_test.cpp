// Servers that have more endpoints than they may be asked for, from the catalogue to `quorate
// queues`; and what that shows of a region's agents.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/keys.hpp"
#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/coordinator/processes.hpp"
#include "tests/integration/region-agent/mcp_stub.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Call;
using quorate::testing::Catalogued;
using quorate::testing::ChildProcess;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::eventually;
using quorate::testing::McpStub;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;
using std::chrono::seconds;

constexpr std::size_t kEndpoints = 16;

/// The agent of a region.
struct AgentProcess {
    AgentProcess(const RedisServer& redis, const std::string& region) {
        std::ofstream{folder.path() + "/agent.yaml"}
            << "region: " << region << "\nname: a\nredis: {url: \"" << redis.url()
            << "\"}\nhealth: {port: 0}\nallow_private_addresses: true\nload_max: 1\n"
            << "log: {level: error}\n";
        process = std::make_unique<ChildProcess>(
            std::vector<std::string>{std::string{QUORATE_BINARY_DIR} + "/bin/quorate-agent",
                                     "--config",
                                     folder.path() + "/agent.yaml"});
    }
    TemporaryFolder folder;
    std::unique_ptr<ChildProcess> process;
};

/// What the admin API tells of a region; nothing of it where the call failed.
v1::Region region_of(RunningApp& app, const std::string& name) {
    v1::ListRegionsResponse answer;
    Call call;
    app.admin().ListRegions(&call.context, {}, &answer);
    for (const auto& region : answer.regions())
        if (region.name() == name) return region;
    return {};
}

/// A row of `quorate queues`.
boost::json::object queue_of(const RunningApp& app, const std::string& region) {
    const auto run = run_cli({"queues",
                              "--region",
                              region,
                              "-o",
                              "json",
                              "--server",
                              "127.0.0.1:" + std::to_string(app.admin_port())});
    EXPECT_EQ(run.status, 0) << run.err;
    return run.status == 0 ? boost::json::parse(run.out).as_array().at(0).as_object()
                           : boost::json::object{};
}

/// What came of jobs: cells of one region beside the jobs of the same looks in another, which has
/// no agent.
struct Looks {
    std::size_t made = 0;
    std::size_t held_back = 0;
    std::size_t attempts = 0;
};

Task<Looks> looks_at(RedisClient& redis, const std::vector<Job>& elsewhere, RegionId region) {
    std::vector<CellsQuery> queries;
    for (const auto& job : elsewhere)
        queries.push_back({job.shard, job.key.minute, job.key.endpoint, job.cell_slot, {region}});
    CellBuffer cells{redis};
    const auto found = co_await cells.read_cells(std::move(queries));
    Looks looks;
    for (std::size_t i = 0; i < elsewhere.size(); ++i) {
        if (found[i].cells.empty()) continue;
        const auto& cell = found[i].cells.front();
        const bool held_back = elsewhere[i].held_back == HeldBack::origin;
        const bool said = cell.verdict == Verdict::unknown && cell.reason == Reason::backpressure;
        EXPECT_EQ(said, held_back) << cell.detail;
        EXPECT_TRUE(!held_back || cell.attempt == 0) << cell.detail;
        looks.attempts += cell.attempt;
        ++(held_back ? looks.held_back : looks.made);
    }
    co_return looks;
}

TEST(HeldBack, WhatAnOriginMayNotBeAskedForIsQueuedAsSuchRecordedAsBackpressureAndShown) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    auto config = config_for(lab, server.url());
    // A quarter of what its endpoints ask for, from three regions.
    config.politeness.origin = kEndpoints * 3 / 5.0 / 4;
    quorate::testing::with_client(server, [&](RedisClient& redis) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        McpStub stub{executor};
        TaskGroup group{executor, 1};
        group.spawn("stub", stub.serve());
        RunningApp app{config};
        const AgentProcess agent{server, "us-east"};
        std::string yaml = "endpoints:\n";
        for (std::size_t i = 0; i < kEndpoints; ++i)
            yaml += "  - {name: e" + std::to_string(i) + ", url: '" + stub.url() +
                    "', timeout: 1s, interval: 5s, era: legacy}\n";
        EXPECT_TRUE(comes_to_hold([&] { return !region_of(app, "us-east").name().empty(); }));
        quorate::testing::apply_now(lab, yaml);

        const RegionId here{static_cast<std::uint64_t>(
            std::stoll(lab.sql("SELECT id FROM quorate.region WHERE name = 'us-east'")))};
        Looks looks;
        const auto two_windows = [&]() -> Task<bool> {
            const auto elsewhere = quorate::testing::queued_jobs(server, {"eu-west"});
            looks = co_await looks_at(redis, elsewhere, here);
            co_return looks.made > 0 &&
                looks.made + looks.held_back >= 2 * kEndpoints&& looks.attempts == stub.attempts();
        };
        EXPECT_TRUE(co_await eventually(two_windows, seconds{60}));
        EXPECT_GT(looks.held_back, looks.made);

        const auto told = [&]() -> Task<bool> {
            co_return region_of(app, "us-east").held_back_total() >= looks.held_back;
        };
        EXPECT_TRUE(co_await eventually(told));
        EXPECT_EQ(region_of(app, "us-east").agents_alive(), 1U);
        EXPECT_EQ(region_of(app, "eu-west").held_back_total(), 0U);
        EXPECT_GE(queue_of(app, "us-east").at("held_back_total").to_number<std::size_t>(),
                  looks.held_back);
        group.cancel();
        stub.stop();
        co_await group.join();
        co_await stub.join();
    });
}

Heartbeat heartbeat_of(const std::string& agent, UtcTime at, std::uint64_t count) {
    Heartbeat heartbeat;
    heartbeat.agent = agent;
    heartbeat.version = "1.2.3";
    heartbeat.at = at;
    heartbeat.started_at = at;
    heartbeat.missed_total = count;
    heartbeat.duplicates_total = 10 * count;
    heartbeat.held_back_total = 100 * count;
    heartbeat.spooled = 1000 * count;
    return heartbeat;
}

TEST(Queues, SumWhatAgentsOfARegionCountedTheSilentAndThoseThatAreGoneToo) {
    Catalogued lab;
    RedisServer server;
    RunningApp app{config_for(lab, server.url())};
    ASSERT_TRUE(comes_to_hold([&] { return !region_of(app, "eu-west").name().empty(); }));
    quorate::testing::with_client(server, [](RedisClient& redis) -> Task<> {
        const auto now = co_await redis_time(redis);
        auto a = heartbeat_of("a", now, 1);
        auto b = heartbeat_of("b", now, 2);
        auto silent = heartbeat_of("silent", now - seconds{46}, 4);
        auto foreign = heartbeat_of("a", now, 3);
        co_await write_heartbeat(redis, "eu-west", std::move(a));
        co_await write_heartbeat(redis, "eu-west", std::move(b));
        co_await write_heartbeat(redis, "eu-west", std::move(silent));
        co_await write_heartbeat(redis, "us-east", std::move(foreign));
        for (int life = 0; life < 2; ++life) {
            auto gone = heartbeat_of("gone", now, 8);
            gone.instance = "1";
            co_await write_heartbeat(redis, "eu-west", std::move(gone));
            co_await forget_agent(redis, "eu-west", "gone", "2");  // another one: it stays
            co_await forget_agent(redis, "eu-west", "gone", "1");
            co_await forget_agent(redis, "eu-west", "gone", "1");  // again: nothing is added
        }
        RedisArgs missed{"HSET", keys::missed("eu-west"), "3", "40", "5", "500"};
        co_await redis.run(std::move(missed));
    });
    const auto region = region_of(app, "eu-west");
    EXPECT_EQ(region.agents_alive(), 2U);
    EXPECT_EQ(region.missed_total(), 3U + 4U + 2 * 8U);
    EXPECT_EQ(region.unplanned_total(), 540U) << "what no coordinator planned in time";
    EXPECT_EQ(region.duplicates_total(), 230U);
    EXPECT_EQ(region.held_back_total(), 2300U);
    EXPECT_EQ(region.spooled(), 3000U);
    const auto run =
        run_cli({"queues", "--server", "127.0.0.1:" + std::to_string(app.admin_port())});
    EXPECT_EQ(run.status, 0) << run.err;
    const auto row = run.out.substr(run.out.find("\neu-west") + 1);
    std::istringstream words{row.substr(0, row.find('\n'))};
    const std::vector<std::string> cells{std::istream_iterator<std::string>{words}, {}};
    const std::vector<std::string> sums{"2", "0", "563", "230", "2300", "3000"};
    ASSERT_GE(cells.size(), sums.size()) << run.out;
    EXPECT_EQ(std::vector<std::string>(cells.end() - 6, cells.end()), sums) << run.out;
}

}  // namespace
}  // namespace quorate::coordinator
