// What is usual of an endpoint, from the table to the job; and a P3 that comes of it alone.
#include "core/baseline/baseline.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "archiver/store/sql_text.hpp"
#include "tests/integration/coordinator/planning.hpp"
#include "tests/integration/coordinator/processes.hpp"
#include "tests/integration/region-agent/mcp_stub.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::coordinator {
namespace {

using namespace std::chrono_literals;
using quorate::testing::Call;
using quorate::testing::Catalogued;
using quorate::testing::ChildProcess;
using quorate::testing::config_for;
using quorate::testing::eventually;
using quorate::testing::HeldShards;
using quorate::testing::McpStub;
using quorate::testing::Planning;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;

/// The threshold of each region's last job of the endpoint `slow`; 0: none.
std::map<std::string, std::uint32_t> thresholds(const RedisServer& redis) {
    std::map<std::string, std::uint32_t> found;
    for (const auto& job : quorate::testing::queued_jobs(redis, quorate::testing::kRegions))
        if (job.name == "slow") found[job.region] = job.slow_over_ms.value_or(0);
    return found;
}

TEST(BaselineOfJobs, AJobCarriesWhatTheTableSaysAMinuteAfterItChanged) {
    Catalogued lab{5s};
    RedisServer server;
    lab.apply(
        "endpoints:\n"
        "  - {name: slow, url: 'http://h/', timeout: 1s, interval: 5s}\n"
        "  - {name: slo, url: 'http://h/', timeout: 1s, interval: 5s, latency_slo: 300ms}\n");
    const auto region = lab.sql("SELECT id FROM quorate.region WHERE name = 'eu-west'");
    lab.sql("INSERT INTO quorate.baseline SELECT id, " + region +
            ", 100, 200, NULL, NULL, NULL, 60000, 40000 FROM quorate.endpoint");
    quorate::testing::with_client(server, [&](RedisClient& redis) -> Task<> {
        Planning planning{lab, redis, co_await asio::this_coro::executor};
        TaskGroup following{co_await asio::this_coro::executor, 1};
        following.spawn("catalogue", planning.catalogue.follow());
        HeldShards held;
        planning.grant_all(held);
        const auto dispatcher = planning.dispatcher(held);
        const auto plan = [&](microseconds step) -> Task<> {
            co_await planning.advance(step);
            co_await dispatcher->tick();
        };
        for (int i = 0; i < 30; ++i)
            co_await plan(500ms);
        EXPECT_EQ(thresholds(server),
                  (std::map<std::string, std::uint32_t>{
                      {"ap-south", 0}, {"eu-west", 400}, {"us-east", 0}}));
        for (const auto& job : quorate::testing::queued_jobs(server, {"eu-west"})) {
            EXPECT_EQ(job.slow_over_ms, job.name == "slow" ? 400U : 300U) << "the lower counts";
            EXPECT_EQ(job.usual,
                      (UsualTimes{std::nullopt, std::nullopt, std::nullopt, 60'000U, 40'000U}));
        }
        lab.sql(
            "UPDATE quorate.baseline SET p95_ms = 500, changed_at = now();"
            "UPDATE quorate.baseline SET p50_ms = NULL WHERE endpoint_id ="
            " (SELECT id FROM quorate.endpoint WHERE name = 'slo')");
        for (int i = 0; i < 140; ++i)
            co_await plan(500ms);
        EXPECT_EQ(thresholds(server).at("eu-west"), 1000U);
        const auto jobs = quorate::testing::queued_jobs(server, {"eu-west"});
        const auto last = std::ranges::find(jobs.rbegin(), jobs.rend(), "slo", &Job::name);
        EXPECT_NE(last, jobs.rend());
        if (last != jobs.rend()) {
            EXPECT_EQ(last->slow_over_ms, 300U);
            EXPECT_EQ(last->usual, std::nullopt) << "it has none any more";
        }
        following.cancel();
        co_await following.join();
    });
}

/// A daemon with a config file of its own.
struct Daemon {
    Daemon(const std::string& binary, const std::string& config) {
        std::ofstream{folder.path() + "/config.yaml"} << config;
        process = std::make_unique<ChildProcess>(
            std::vector<std::string>{std::string{QUORATE_BINARY_DIR} + "/bin/" + binary,
                                     "--config",
                                     folder.path() + "/config.yaml"});
    }
    TemporaryFolder folder;
    std::unique_ptr<ChildProcess> process;
};

/// Seven days in which the endpoint took 20 ms from the region.
void seed_week(const Catalogued& lab, const std::string& region) {
    CalmDay day;
    for (std::uint32_t hour = 0; hour < 24; ++hour) {
        TimedCell cell;
        cell.region = RegionId{std::stoull(region)};
        cell.total = 20ms;
        cell.initialize = 5ms;
        cell.tools_list = 5ms;
        add(day, hour, cell);
    }
    lab.sql("INSERT INTO quorate.baseline_day SELECT id, d, '" + bytea_text(encode_day(day)) +
            "' FROM quorate.endpoint, generate_series(date_trunc('day', now(), 'UTC')"
            " - interval '7 days', now() - interval '1 day', interval '1 day') d");
}

TEST(BaselineEndToEnd, AServerThatIsSlowerThanUsualIsAP3WithoutAnySloAndThePhaseIsNamed) {
    Catalogued lab{2s};
    RedisServer server;
    quorate::testing::with_client(server, [&](RedisClient&) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        McpStub stub{executor};
        stub.slow(400ms);
        TaskGroup group{executor, 1};
        group.spawn("stub", stub.serve());
        quorate::testing::apply_now(lab,
                                    "endpoints:\n  - {name: slow, url: '" + stub.url() +
                                        "', regions: [us-east], timeout: 1s, era: legacy}\n");
        seed_week(lab, lab.sql("SELECT id FROM quorate.region WHERE name = 'us-east'"));
        const Daemon archiver{"quorate-archiver",
                              "window: 2s\nshards: 64\nhealth: {port: 0}\nlog: {level: error}\n"
                              "redis: {url: \"" +
                                  server.url() + "\"}\npostgres: {conninfo: \"" + lab.conninfo +
                                  "\"}\n"};
        const auto says = [&lab](const std::string& query, const std::string& wanted) {
            return [&lab, query, wanted]() -> Task<bool> { co_return lab.sql(query) == wanted; };
        };
        const auto computed = says("SELECT slow_over_ms FROM dash.baseline", "170");
        EXPECT_TRUE(co_await eventually(computed, 30s)) << lab.sql("TABLE dash.baseline");
        RunningApp app{config_for(lab, server.url())};
        const Daemon agent{"quorate-agent",
                           "region: us-east\nname: a\nredis: {url: \"" + server.url() +
                               "\"}\nhealth: {port: 0}\nallow_private_addresses: true\n"
                               "load_max: 1\nlog: {level: error}\n"};
        const auto opened = says("SELECT severity, reason FROM dash.incident", "P3|slow");
        EXPECT_TRUE(co_await eventually(opened, 60s)) << lab.sql("TABLE dash.incident");
        EXPECT_EQ(lab.sql("SELECT detail FROM dash.incident_event LIMIT 1"),
                  "1 of 1 voting regions slow in 3 of their last 5 votes (1 configured)"
                  "; slow in tools_list from 1 region");
        EXPECT_EQ(lab.sql("SELECT DISTINCT verdict, phase FROM dash.region_minute"
                          " WHERE verdict <> 'UNKNOWN'"),
                  "SLOW|tools_list");
        v1::ExplainRequest request;
        request.set_endpoint("slow");
        v1::ExplainResponse explained;
        Call call;
        app.admin().Explain(&call.context, request, &explained);
        EXPECT_NE(explained.why().find("slow in this minute: us-east in tools_list"),
                  std::string::npos)
            << explained.ShortDebugString();
        group.cancel();
        stub.stop();
        co_await group.join();
        co_await stub.join();
    });
}

}  // namespace
}  // namespace quorate::coordinator
