// Several archivers share the shards: one dies, one is put to sleep, one comes.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include "platform/fleet/fleet.hpp"
#include "platform/postgres/database.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/keys.hpp"
#include "tests/integration/archiver/archiver_process.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using std::chrono::seconds;
using testing::ArchiverProcess;
using testing::eventually;
using testing::World;

const Window kShort = *Window::of(seconds{2});

/// Who holds which shards by leases that have not ended, by name.
Task<std::map<std::string, std::set<ShardId>>> holders(RedisClient& client) {
    const auto now = co_await redis_time(client);
    std::vector<RedisArgs> commands;
    for (const auto shard : World::shards())
        commands.push_back(
            {"HMGET", keys::lease(SharedWork::sealing, shard), "holder", "until_ms"});
    const auto replies = co_await client.run_all(std::move(commands));
    std::map<std::string, std::set<ShardId>> held;
    auto shard = ShardId{0};
    for (const auto& reply : replies) {
        const auto& row = reply.list();
        if (!row.at(0).is_nil() && UtcTime{milliseconds{std::stoll(row.at(1).text())}} > now) {
            const auto& holder = row.at(0).text();
            held[holder.substr(0, holder.find('#'))].insert(shard);
        }
        shard = ShardId{shard.value() + 1};
    }
    co_return held;
}

/// Two archivers, a and c, of which each has some of the shards, and what agents feed them.
struct Two {
    const SystemClock clock;
    World world{kShort};
    std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    UtcMinute first = world.minute(6);
    std::vector<EndpointId> endpoints;
    ArchiverProcess a{world, "a"};
    ArchiverProcess c{world, "c"};
    std::set<ShardId> of_a = share_of("a", {"a", "c"}, World::kShards);

    Two() {
        for (int i = 0; i < 12; ++i)
            endpoints.push_back(world.endpoint("e" + std::to_string(i), regions, first));
        EXPECT_EQ(of_a.size(), 2U) << "choose other names";
    }

    UtcMinute minute(int number) const { return first.plus(number, world.window); }

    /// The cells of a minute, at some time within it. Minutes 2 and 3 fail everywhere.
    Task<> feed(RedisClient& client, int number) {
        const UtcTime begins = minute(number).start();
        co_await sleep_until(clock, begins + milliseconds{300});
        for (const auto endpoint : endpoints)
            co_await world.record(
                client, endpoint, minute(number), number == 2 || number == 3 ? "FFF" : "...");
    }

    Task<> expect_share(RedisClient& client, std::string name, std::set<ShardId> wanted) {
        const auto has = [&]() -> Task<bool> {
            auto held = co_await holders(client);
            co_return held[name] == wanted;
        };
        const bool came = co_await eventually(has);
        EXPECT_TRUE(came) << name;
    }
    Task<> expect_a_asleep() {
        const auto asleep = [this]() -> Task<bool> { co_return a.stopped(); };
        EXPECT_TRUE(co_await eventually(asleep));
    }
    /// What a planned is sealed, by c.
    Task<> expect_c_to_go_on() {
        return world.expect_sql(
            "SELECT min(minute) >= '" + to_rfc3339(minute(2)) + "' FROM quorate.shard_watermark",
            "t");
    }
    Task<> expect_both(RedisClient& client) {
        auto of_c = World::shards();
        for (const auto shard : of_a)
            of_c.erase(shard);
        co_await expect_share(client, "a", of_a);
        co_await expect_share(client, "c", std::move(of_c));
    }

    /// How many minutes are stored of endpoints that fell to a, as a condition of SQL.
    std::string in_shards_of_a() const {
        std::string list;
        for (const auto shard : of_a)
            list += (list.empty() ? "" : ",") + std::to_string(shard.value());
        return " FROM quorate.minute m JOIN quorate.endpoint e ON e.id = m.endpoint_id"
               " WHERE e.shard IN (" +
               list + ")";
    }

    /// Each minute once, with the verdicts that were fed, and one incident of each endpoint.
    Task<> expect_exactly_once(int minutes) {
        const auto within = " WHERE minute >= '" + to_rfc3339(first) + "' AND minute < '" +
                            to_rfc3339(minute(minutes)) + "'";
        const auto fed = endpoints.size() * regions.size();
        co_await world.expect_sql(
            "SELECT verdict, late, count(*) FROM dash.region_minute" + within +
                " GROUP BY 1, 2 ORDER BY 1",
            "FAIL|f|" + std::to_string(2 * fed) + "\nUP|f|" +
                std::to_string((static_cast<std::size_t>(minutes) - 2) * fed));
        EXPECT_EQ(world.sql("SELECT sum(minutes) = (SELECT count(*) FROM quorate.minute)"
                            " FROM quorate.batch"),
                  "t");
        EXPECT_EQ(world.sql("SELECT kind, count(*) FROM quorate.incident_event GROUP BY 1"
                            " ORDER BY 1"),
                  "closed|12\nopened|12");
        EXPECT_EQ(world.sql("SELECT payload->>'kind', count(*) FROM quorate.outbox GROUP BY 1"
                            " ORDER BY 1"),
                  "closed|12\nopened|12");
    }
};

TEST(ArchiverSharing, OneThatIsKilledIsReplacedWithinTenSecondsAndNoMinuteIsLostOrDoubled) {
    Two two;
    two.a.start();
    two.c.start();
    constexpr int kMinutes = 14;
    two.world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await two.expect_both(client);
        for (int i = 0; i < kMinutes; ++i) {
            co_await two.feed(client, i);
            if (i != 4) continue;
            two.a.kill();
            const auto before = two.world.sql("SELECT count(*)" + two.in_shards_of_a());
            const auto killed_at = two.clock.steady_now();
            const auto goes_on = [&]() -> Task<bool> {
                co_return two.world.sql("SELECT count(*) > " + before + two.in_shards_of_a()) ==
                    "t";
            };
            const bool came = co_await eventually(goes_on);
            EXPECT_TRUE(came);
            const std::chrono::duration<double> gap = two.clock.steady_now() - killed_at;
            ::testing::Test::RecordProperty("failover_seconds", std::to_string(gap.count()));
            std::cout << "sealed again after " << gap.count() << " s\n";
            EXPECT_LT(gap, seconds{10});
        }
        co_await two.expect_share(client, "c", World::shards());
        co_await two.expect_exactly_once(kMinutes);
    });
}

TEST(ArchiverSharing, OneThatComesGetsItsShareAndGivesItBackWhenItEnds) {
    Two two;
    two.a.start();
    constexpr int kMinutes = 10;
    two.world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await two.expect_share(client, "a", World::shards());
        for (int i = 0; i < kMinutes; ++i) {
            co_await two.feed(client, i);
            if (i == 3) {
                two.c.start();
                co_await two.expect_both(client);
            }
            if (i == 6) {
                two.c.end();
                const auto held = co_await holders(client);
                EXPECT_FALSE(held.contains("c")) << "an orderly end gives the leases back";
                co_await two.expect_share(client, "a", World::shards());
            }
        }
        co_await two.expect_exactly_once(kMinutes);
    });
}

TEST(ArchiverSharing, OneThatWasPutToSleepWritesNothingWhenItWakesAndTakesPartAgain) {
    Two two;
    two.a.start();
    two.c.start();
    constexpr int kMinutes = 12;
    two.world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await two.expect_both(client);
        for (int i = 0; i < kMinutes; ++i) {
            co_await two.feed(client, i);
            if (i == 3) {
                two.a.pause();
                co_await two.expect_share(client, "c", World::shards());
            }
            if (i == 7) {
                two.a.resume();
                co_await two.expect_both(client);
            }
        }
        co_await two.expect_exactly_once(kMinutes);
    });
}

TEST(ArchiverSharing, OneThatSleepsBetweenPlanAndTransactionIsFencedWhenItWakes) {
    Two two;
    const auto log = std::filesystem::temp_directory_path() / ("qa-" + two.world.name + "-a.log");
    two.a.configure("warn");
    two.a.start_and_stop_at(SealStep::planned, 3, SIGSTOP, log);
    two.c.start();
    constexpr int kMinutes = 12;
    two.world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await two.expect_both(client);
        for (int i = 0; i < kMinutes; ++i) {
            co_await two.feed(client, i);
            if (i != 5) continue;
            co_await two.expect_a_asleep();
            co_await two.expect_share(client, "c", World::shards());
            co_await two.expect_c_to_go_on();  // only then does a wake up, and begins
            two.a.resume();
            co_await two.expect_both(client);
        }
        co_await two.expect_exactly_once(kMinutes);
    });
    std::stringstream said;
    said << std::ifstream{log}.rdbuf();
    std::filesystem::remove(log);
    EXPECT_NE(said.str().find("commit.fenced"), std::string::npos) << said.str();
}

TEST(ArchiverSharing, OneThatSleepsAmidATransactionHoldsNobodyUp) {
    Two two;
    two.a.start_and_stop_at(SealStep::written, 3, SIGSTOP);
    two.c.start();
    constexpr int kMinutes = 12;
    two.world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await two.expect_both(client);
        for (int i = 0; i < kMinutes; ++i) {
            co_await two.feed(client, i);
            if (i != 5) continue;
            co_await two.expect_a_asleep();
            co_await two.expect_c_to_go_on();
            two.a.resume();
            co_await two.expect_both(client);
        }
        co_await two.expect_exactly_once(kMinutes);
    });
}

TEST(ArchiverSharing, AFenceThatStandsHigherRefusesTheCommitAndTheShardsComeBackAboveIt) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(0);
    const auto endpoint = world.endpoint("search", regions, minute);
    world.with_archiver([&](RedisClient& client, ArchiverApp& app) -> Task<> {
        co_await world.expect_sql("SELECT count(*) FROM quorate.shard_fence", "4");
        // As if Redis had lost its memory together with its time, and another had sealed meanwhile.
        world.sql("UPDATE quorate.shard_fence SET epoch = epoch + 1000000");
        world.sql("CREATE TABLE public.standing AS SELECT * FROM quorate.shard_fence");
        co_await world.record(client, endpoint, minute, "..");
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "1");
        co_await world.expect_sql(
            "SELECT count(*) FROM quorate.shard_fence f JOIN public.standing s"
            " ON s.shard = f.shard AND f.epoch > s.epoch",
            "4");
        const auto metrics = co_await World::http_get(app.health_port(), "/metrics");
        EXPECT_NE(metrics.find("quorate_archiver_fenced_commits_total 1\n"), std::string::npos);
    });
}

TEST(ArchiverSharing, WhileAnArchiverOfAVersionWithoutLeasesSealsTheOthersStandBy) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(-1);
    const auto endpoint = world.endpoint("search", regions, minute);
    const auto conninfo = world.config().postgres_conninfo;
    auto older = std::make_unique<pqxx::connection>(conninfo);
    const auto key = static_cast<std::int64_t>(AdvisoryLock::archiver);
    const auto lock = [&] {  // as such an archiver does, at once and then every second
        pqxx::nontransaction work{*older};
        return work.exec_params1("SELECT pg_try_advisory_lock($1)", key)[0].as<bool>();
    };
    EXPECT_TRUE(lock());
    world.with_archiver([&](RedisClient& client, ArchiverApp& app) -> Task<> {
        co_await world.record(client, endpoint, minute, "..");
        const auto stands_by = [&]() -> Task<bool> {
            const auto page = co_await World::http_get(app.health_port(), "/readyz");
            const auto held = co_await holders(client);
            co_return page.ends_with("{\"ready\":false,\"reasons\":[\"standby\"]}") &&
                held.size() == 1;
        };
        EXPECT_TRUE(co_await eventually(stands_by));
        EXPECT_EQ(world.sql("SELECT count(*) FROM quorate.shard_fence"), "0");
        older.reset();
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "1");
        // One that was started since takes its lock where none of ours has it just now.
        older = std::make_unique<pqxx::connection>(conninfo);
        const auto begins = [&]() -> Task<bool> { co_return lock(); };
        EXPECT_TRUE(co_await eventually(begins));
        co_await world.record(client, endpoint, world.minute(0), "..");
        EXPECT_TRUE(co_await eventually(stands_by));
        EXPECT_EQ(world.sql("SELECT count(*) FROM quorate.minute"), "1");
        older.reset();
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "2");
        const auto ready = [&]() -> Task<bool> {
            const auto page = co_await World::http_get(app.health_port(), "/readyz");
            co_return page.ends_with("{\"ready\":true}");
        };
        EXPECT_TRUE(co_await eventually(ready));
    });
}

TEST(ArchiverSharing, BothAreReadyAndSayWhatTheyHold) {
    World world;
    auto config = world.config();
    world.with_archiver([&](RedisClient& client, ArchiverApp& first) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        ArchiverApp second{config, executor};
        TaskGroup group{executor, 1};
        group.spawn("second", second.run());
        const auto both = [&]() -> Task<bool> {
            const auto held = co_await holders(client);
            const auto a = co_await World::http_get(first.health_port(), "/readyz");
            const auto b = co_await World::http_get(second.health_port(), "/readyz");
            const auto metrics = co_await World::http_get(second.health_port(), "/metrics");
            co_return a.ends_with("{\"ready\":true}") && b.ends_with("{\"ready\":true}") &&
                metrics.find("quorate_archiver_archivers_alive 2\n") != std::string::npos;
        };
        EXPECT_TRUE(co_await eventually(both));
        group.cancel();
        co_await group.join();
    });
}

TEST(ArchiverSharing, ARegionIsJudgedByTheShardsOfAllArchivers) {
    Two two;
    for (auto* archiver : {&two.a, &two.c})
        archiver->start();
    two.world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await two.expect_both(client);
        for (int i = 0; i < 2; ++i) {
            const UtcTime begins = two.minute(i).start();
            co_await sleep_until(two.clock, begins);
            // Eight fail, two of each shard: what one archiver has is too little to judge by.
            for (std::size_t each = 0; each < two.endpoints.size(); ++each)
                co_await two.world.record(
                    client, two.endpoints[each], two.minute(i), each < 8 ? "F.." : "...");
        }
        co_await two.world.expect_sql(
            "SELECT verdict, reason, count(*) FROM dash.region_minute WHERE region = 'ap'"
            " AND minute < '" +
                to_rfc3339(two.minute(2)) + "' GROUP BY 1, 2 ORDER BY 1",
            "UNKNOWN|region_fault|16\nUP||8");
        co_await two.world.expect_sql(
            "SELECT DISTINCT probes, lone_fails, quarantined FROM dash.region_health"
            " WHERE region = 'ap' AND minute < '" +
                to_rfc3339(two.minute(2)) + "'",
            "12|8|t");
        co_await two.world.expect_sql(
            "SELECT count(*) FROM dash.notice WHERE kind = 'region_fault'", "1");
        EXPECT_EQ(two.world.sql("SELECT count(*) FROM dash.incident"), "0");
    });
}

}  // namespace
}  // namespace quorate
