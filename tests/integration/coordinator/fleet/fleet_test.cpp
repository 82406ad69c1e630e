#include "platform/redis/fleet.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "platform/redis/acl.hpp"
#include "platform/redis/script.hpp"
#include "tests/integration/coordinator/processes.hpp"
#include "tests/integration/redis/sentinel.hpp"
#include "tests/support/movable_clock/movable_clock.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::apply_now;
using quorate::testing::Catalogued;
using quorate::testing::ChildProcess;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::ConfigFile;
using quorate::testing::expect_no_gap_and_nothing_twice;
using quorate::testing::http_get;
using quorate::testing::kCoordinatorBinary;
using quorate::testing::kRegions;
using quorate::testing::MovableClock;
using quorate::testing::ready;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;
using quorate::testing::some_endpoints;
using std::chrono::seconds;

constexpr int kEndpoints = 100;

using Holders = std::map<std::string, std::size_t>;

/// How many leases each coordinator, by name, holds that have not ended.
Holders holders(const RedisServer& redis) {
    Holders count;
    quorate::testing::with_client(redis, [&](RedisClient& client) -> Task<> {
        const auto now = co_await redis_time(client);
        std::vector<RedisArgs> commands;
        for (std::uint64_t shard = 0; shard < 64; ++shard)
            commands.push_back(
                {"HMGET", keys::lease(SharedWork::planning, ShardId{shard}), "holder", "until_ms"});
        const auto replies = co_await client.run_all(std::move(commands));
        for (const auto& reply : replies) {
            const auto& row = reply.list();
            if (row.at(0).is_nil()) continue;
            const UtcTime until{milliseconds{std::stoll(row.at(1).text())}};
            const auto& holder = row.at(0).text();
            if (until > now) ++count[holder.substr(0, holder.find('#'))];
        }
    });
    return count;
}

/// How far the shard that is furthest behind in any region is planned, against Redis's clock.
std::optional<microseconds> planned_ahead(const RedisServer& redis) {
    std::optional<microseconds> least;
    quorate::testing::with_client(redis, [&](RedisClient& client) -> Task<> {
        const auto now = co_await redis_time(client);
        auto regions = kRegions;
        const auto queues = co_await read_queues(client, std::move(regions));
        for (const auto& queue : queues)
            if (const auto until = queue.planned_until)
                least = std::min(least.value_or(*until - now), *until - now);
    });
    return least;
}

bool all_planned(const RedisServer& redis) {
    const auto ahead = planned_ahead(redis);
    return ahead && *ahead > microseconds{0};
}

/// Whether agents of the region can log in there and run their scripts.
bool may_be_used(const RedisServer& redis, const std::string& region) {
    bool there = false;
    quorate::testing::with_client(redis, [&](RedisClient& client) -> Task<> {
        RedisArgs user{"ACL", "GETUSER", agent_acl_user(region)};
        RedisArgs scripts{"SCRIPT", "EXISTS"};
        for (const auto script : agent_scripts())
            scripts.push_back(RedisScript{script}.sha1());
        const auto of_user = co_await client.run(std::move(user));
        const auto of_scripts = co_await client.run(std::move(scripts));
        there = !of_user.is_nil() && std::ranges::all_of(of_scripts.list(), [](const auto& known) {
            return known.integer() == 1;
        });
    });
    return there;
}

/// A coordinator as a process of its own.
struct Coordinator {
    Coordinator(const Catalogued& lab, const RedisServer& redis, const std::string& name)
        : config{lab, redis.url(), 0, name},
          process{{kCoordinatorBinary, "--config", config.path()}} {}
    ConfigFile config;
    ChildProcess process;
};

std::string metrics_of(RunningApp& app) {
    return http_get(app.health_port(), "/metrics");
}

bool shares(const RedisServer& redis, std::size_t coordinators) {
    const auto held = holders(redis);
    std::size_t sum = 0;
    for (const auto& [name, count] : held)
        sum += count;
    return sum == 64 && held.size() == coordinators;
}

TEST(Fleet, OneThatJoinsGetsItsShareAndOneThatIsKilledLosesItWithoutAGap) {
    Catalogued lab{seconds{5}};
    RedisServer redis;
    Coordinator a{lab, redis, "a"};
    ASSERT_TRUE(comes_to_hold([&] { return shares(redis, 1) && all_planned(redis); }));
    const auto first = apply_now(lab, some_endpoints(kEndpoints));
    ASSERT_TRUE(comes_to_hold(
        [&] { return SystemClock{}.utc_now() > first.start() + lab.deployment.window.length(); }));
    Coordinator b{lab, redis, "b"};
    ASSERT_TRUE(comes_to_hold([&] { return shares(redis, 2) && all_planned(redis); }));
    EXPECT_GT(holders(redis)["b"], 10U);

    SystemClock clock;
    const auto killed_at = clock.steady_now();
    EXPECT_EQ(a.process.end(SIGKILL), -SIGKILL);
    ASSERT_TRUE(comes_to_hold([&] { return holders(redis)["b"] == 64 && all_planned(redis); }));
    EXPECT_LT(clock.steady_now() - killed_at, seconds{10});
    const auto until = clock.utc_now() + lab.deployment.window.length();
    ASSERT_TRUE(comes_to_hold([&] { return clock.utc_now() > until && all_planned(redis); }));
    EXPECT_EQ(b.process.end(SIGTERM), 0);
    EXPECT_TRUE(holders(redis).empty()) << "an orderly end gives the leases back";
    expect_no_gap_and_nothing_twice(redis, lab.deployment.window, kEndpoints, first);
}

TEST(Fleet, OneThatWasPausedWritesNothingWhenItWakesAndRecovers) {
    Catalogued lab{seconds{5}};
    RedisServer redis;
    Coordinator a{lab, redis, "a"};
    Coordinator b{lab, redis, "b"};
    ASSERT_TRUE(comes_to_hold([&] { return shares(redis, 2) && all_planned(redis); }));
    const auto first = apply_now(lab, some_endpoints(kEndpoints));
    SystemClock clock;
    for (int i = 0; i < 2; ++i) {
        a.process.send(SIGSTOP);
        EXPECT_TRUE(comes_to_hold([&] { return holders(redis)["b"] == 64 && all_planned(redis); }));
        const auto until = clock.utc_now() + lab.deployment.window.length();
        EXPECT_TRUE(comes_to_hold([&] { return clock.utc_now() > until; }));
        a.process.send(SIGCONT);
        EXPECT_TRUE(comes_to_hold([&] { return shares(redis, 2) && all_planned(redis); }));
    }
    EXPECT_EQ(a.process.end(SIGTERM), 0);
    EXPECT_EQ(b.process.end(SIGTERM), 0);
    expect_no_gap_and_nothing_twice(redis, lab.deployment.window, kEndpoints, first);
}

TEST(Fleet, RedisKilledAndStartedAgainLosesAndDoublesNothing) {
    Catalogued lab{seconds{5}};
    RedisServer redis;
    RunningApp a{config_for(lab, redis.url())};
    RunningApp b{config_for(lab, redis.url())};
    ASSERT_TRUE(comes_to_hold([&] { return shares(redis, 2) && all_planned(redis); }));
    const auto first = apply_now(lab, some_endpoints(kEndpoints));
    SystemClock clock;
    const auto until = first.start() + 2 * lab.deployment.window.length();
    ASSERT_TRUE(comes_to_hold([&] { return clock.utc_now() > until; }));
    redis.kill();
    redis.start();
    ASSERT_TRUE(comes_to_hold([&] { return shares(redis, 2) && all_planned(redis); }));
    a.stop();
    b.stop();
    expect_no_gap_and_nothing_twice(redis, lab.deployment.window, kEndpoints, first);
}

TEST(Fleet, RedisFlushedIsPlannedAgainAtOnceAndNothingTwice) {
    Catalogued lab{seconds{5}};
    RedisServer redis;
    RunningApp a{config_for(lab, redis.url())};
    RunningApp b{config_for(lab, redis.url())};
    ASSERT_TRUE(comes_to_hold([&] { return shares(redis, 2) && all_planned(redis); }));
    apply_now(lab, some_endpoints(kEndpoints));
    const auto all = kEndpoints * kRegions.size();
    ASSERT_TRUE(comes_to_hold(
        [&] { return quorate::testing::queued_jobs(redis, kRegions).size() > 2 * all; }));
    quorate::testing::with_client(redis, [](RedisClient& client) -> Task<> {
        RedisArgs flush{"FLUSHALL"};
        co_await client.run(std::move(flush));
    });
    SystemClock clock;
    // The lease is taken again within a second or two, and what is past by then is not made up for.
    ASSERT_TRUE(comes_to_hold([&] { return shares(redis, 2) && all_planned(redis); }));
    const auto whole = UtcMinute::containing(clock.utc_now(), lab.deployment.window)
                           .plus(1, lab.deployment.window);
    const auto until = whole.start() + 2 * lab.deployment.window.length();
    ASSERT_TRUE(comes_to_hold([&] { return clock.utc_now() > until && all_planned(redis); }));
    a.stop();
    b.stop();
    expect_no_gap_and_nothing_twice(redis, lab.deployment.window, kEndpoints, whole);
}

TEST(Fleet, TwoAreReadyShareTheWorkAndTellOperators) {
    Catalogued lab{seconds{5}};
    RedisServer redis;
    auto config = config_for(lab, redis.url());
    config.name = "one";
    auto first = std::make_unique<RunningApp>(config);
    config.name = "two";
    RunningApp second{config};
    ASSERT_TRUE(comes_to_hold([&] { return shares(redis, 2); }));
    EXPECT_TRUE(
        comes_to_hold([&] { return ready(first->health_port()) && ready(second.health_port()); }));
    EXPECT_TRUE(comes_to_hold([&] {
        quorate::testing::Call call;
        v1::ListRegionsResponse answer;
        const auto status = second.admin().ListRegions(&call.context, {}, &answer);
        if (!status.ok() || answer.coordinators_size() != 2) return false;
        const auto& one = answer.coordinators(0);
        const auto& two = answer.coordinators(1);
        return one.name() == "one" && two.name() == "two" && one.alive() && two.alive() &&
               one.shards_held() > 0 && one.shards_held() + two.shards_held() == 64 &&
               one.catalogue_current() && one.version() == "1.2.3";
    }));
    first->stop();
    EXPECT_TRUE(comes_to_hold([&] {
        return metrics_of(second).find("quorate_coordinator_shards_held 64") != std::string::npos;
    }));
    EXPECT_NE(metrics_of(second).find("quorate_coordinator_coordinators_alive 1"),
              std::string::npos);
}

/// Redis hands users and scripts of agents to no replica.
TEST(Fleet, AfterAFailoverJobsGoOnAndAgentsMayDoThem) {
    Catalogued lab{seconds{5}};
    lab.sql(
        "INSERT INTO quorate.agent_user (region_id, password_sha256) SELECT id, repeat('a', 64)"
        " FROM quorate.region WHERE name = 'us-east'");
    quorate::testing::WithSentinel redis;
    auto config = config_for(lab, redis.master.url());
    config.redis = redis.settings();
    RunningApp app{config};
    const auto first = apply_now(lab, some_endpoints(20));
    EXPECT_TRUE(comes_to_hold([&] { return all_planned(redis.master); }));
    SystemClock clock;
    EXPECT_TRUE(comes_to_hold([&] { return clock.utc_now() > first.start() + seconds{2}; }));
    redis.master.kill();
    const auto killed_at = clock.utc_now();
    const auto last =
        UtcMinute::containing(killed_at, lab.deployment.window).plus(3, lab.deployment.window);
    EXPECT_TRUE(comes_to_hold([&] { return all_planned(redis.replica); }));
    EXPECT_TRUE(comes_to_hold([&] { return may_be_used(redis.replica, "us-east"); }));
    EXPECT_TRUE(comes_to_hold([&] { return clock.utc_now() > last.start() + seconds{5}; }));
    app.stop();
    std::map<UtcMinute, std::size_t> jobs;
    for (const auto& [key, count] :
         quorate::testing::count_by_cell(quorate::testing::queued_jobs(redis.replica, kRegions))) {
        EXPECT_EQ(count, 1) << key.minute.epoch_ms() << " " << key.endpoint.value();
        ++jobs[key.minute];
    }
    // What the master took in its last moment may not have reached the replica.
    const auto after =
        UtcMinute::containing(killed_at, lab.deployment.window).plus(1, lab.deployment.window);
    for (auto minute = after; minute <= last; minute = minute.plus(1, lab.deployment.window))
        EXPECT_EQ(jobs[minute], 20 * kRegions.size()) << minute.epoch_ms();
}

/// Agents start jobs by Redis's clock, so they must be enqueued by it.
TEST(Fleet, OneWhoseOwnClockIsOffPlansByTheClockOfRedis) {
    for (const auto ahead : {seconds{180}, seconds{-50}}) {
        Catalogued lab{seconds{5}};
        const RedisServer redis;
        const ConfigFile config{lab, redis.url()};
        const auto first = apply_now(lab, some_endpoints(20));
        MovableClock clock;
        clock.advance(ahead);
        ChildProcess process{
            {kCoordinatorBinary, "--config", config.path()}, {}, clock.variables()};
        const auto jobs = 2 * 20 * kRegions.size();
        EXPECT_TRUE(comes_to_hold(
            [&] { return quorate::testing::queued_jobs(redis, kRegions).size() >= jobs; }));
        EXPECT_EQ(process.end(SIGTERM), 0);
        expect_no_gap_and_nothing_twice(redis, lab.deployment.window, 20, first);
        const auto last = SystemClock{}.utc_now() + Dispatcher::kAhead;
        for (const auto& job : quorate::testing::queued_jobs(redis, kRegions))
            EXPECT_LE(job.key.minute.start() + job.slot, last) << ahead.count() << " s ahead";
    }
}

TEST(Fleet, TheNameOfALivingOneIsRefusedToAnother) {
    Catalogued lab{seconds{5}};
    RedisServer redis;
    auto config = config_for(lab, redis.url());
    config.name = "twin";
    auto first = std::make_unique<RunningApp>(config);
    ASSERT_TRUE(comes_to_hold([&] { return shares(redis, 1); }));
    RunningApp second{config};
    EXPECT_TRUE(comes_to_hold([&] {
        return http_get(second.health_port(), "/readyz").find(R"(["name_in_use"])") !=
               std::string::npos;
    }));
    quorate::testing::Call call;
    v1::ApplyRequest request;
    v1::ApplyResponse answer;
    EXPECT_EQ(second.admin().Apply(&call.context, request, &answer).error_code(),
              grpc::StatusCode::UNAVAILABLE);
    first->stop();
    EXPECT_TRUE(comes_to_hold([&] { return ready(second.health_port()); }));
    EXPECT_TRUE(comes_to_hold([&] {
        return metrics_of(second).find("quorate_coordinator_shards_held 64") != std::string::npos;
    }));
}

TEST(Fleet, OneThatAloneIsCutOffFromPostgresHandsOverAndWithoutPostgresForAllPlanningGoesOn) {
    Catalogued lab{seconds{5}};
    RedisServer redis;
    lab.sql("CREATE ROLE cut_off SUPERUSER LOGIN");
    auto config = config_for(lab, redis.url());
    config.name = "whole";
    RunningApp whole{config};
    config.name = "cut-off";
    config.postgres_conninfo = quorate::testing::cluster().conninfo(lab.name, "cut_off");
    RunningApp cut_off{config};
    ASSERT_TRUE(comes_to_hold([&] { return shares(redis, 2) && all_planned(redis); }));
    const auto first = apply_now(lab, some_endpoints(kEndpoints));
    SystemClock clock;
    ASSERT_TRUE(comes_to_hold([&] { return clock.utc_now() > first.start(); }));

    lab.sql("ALTER ROLE cut_off NOLOGIN");
    lab.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cut_off'");
    EXPECT_TRUE(comes_to_hold([&] { return holders(redis)["whole"] == 64 && all_planned(redis); }));

    quorate::testing::cluster().stop();
    // Longer than a change takes to be in force: what was known is no more what holds, had anyone
    // been able to change it.
    const auto until = clock.utc_now() + 3 * kChangeLead;
    EXPECT_TRUE(comes_to_hold(
        [&] { return clock.utc_now() > until && shares(redis, 2) && all_planned(redis); }));
    quorate::testing::cluster().start();
    EXPECT_TRUE(comes_to_hold([&] { return holders(redis)["whole"] == 64 && all_planned(redis); }));
    lab.sql("ALTER ROLE cut_off LOGIN");
    EXPECT_TRUE(comes_to_hold([&] { return shares(redis, 2) && all_planned(redis); }));
    whole.stop();
    cut_off.stop();
    expect_no_gap_and_nothing_twice(redis, lab.deployment.window, kEndpoints, first);
}

}  // namespace
}  // namespace quorate::coordinator
