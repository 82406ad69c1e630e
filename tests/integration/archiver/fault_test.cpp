// Crashes and absences, each ending by seeing recovery.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include <unistd.h>

#include "platform/redis/keys.hpp"
#include "tests/integration/archiver/archiver_process.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using testing::ArchiverProcess;
using testing::cluster;
using testing::eventually;
using testing::World;

/// Keys of Redis as they were, to be put back: what a crash before Redis forgets leaves behind.
class Snapshot {
public:
    Task<> take(RedisClient& client, std::vector<std::string> keys) {
        for (const auto& key : keys) {
            RedisArgs command{"DUMP", key};
            const auto reply = co_await client.run(std::move(command));
            values_.emplace_back(key, reply.text());
        }
    }
    Task<> put_back(RedisClient& client) const {
        for (const auto& [key, value] : values_) {
            RedisArgs command{"RESTORE", key, "0", value, "REPLACE"};
            co_await client.run(std::move(command));
        }
    }

private:
    std::vector<std::pair<std::string, std::string>> values_;
};

Task<bool> is_absent(RedisClient& client, std::string key) {
    RedisArgs command{"EXISTS", std::move(key)};
    const auto reply = co_await client.run(std::move(command));
    co_return reply.integer() == 0;
}

/// All keys that the minute's cells of these regions may have; slots are below 300.
std::vector<std::string> keys_of(ShardId shard,
                                 UtcMinute minute,
                                 const std::vector<RegionId>& regions) {
    std::vector<std::string> all;
    for (const auto region : regions) {
        all.push_back(keys::cells(shard, region, minute, 0));
        all.push_back(keys::presence(shard, region, minute));
        all.push_back(keys::details(shard, region, minute));
    }
    return all;
}

TEST(ArchiverCrash, BetweenCommitAndForgettingAnAnnouncedMinuteIsStoredOnce) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(0);
    const auto endpoint = world.endpoint("search", regions, minute);
    const auto shard = world.shard(endpoint);
    Snapshot before;
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await world.record(client, endpoint, minute, "..");
        auto keys = keys_of(shard, minute, regions);
        keys.push_back(keys::done(shard, regions[1]));  // whose cell was the last
        co_await before.take(client, std::move(keys));
    });
    for (int round = 0; round < 3; ++round)
        world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
            co_await before.put_back(client);
            const auto drained = [&] { return is_absent(client, keys::done(shard, regions[1])); };
            EXPECT_TRUE(co_await eventually(drained));
            co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "1");
        });
    EXPECT_EQ(world.sql("SELECT sum(minutes) FROM quorate.batch"), "1");
}

TEST(ArchiverCrash, BetweenCommitAndMovingRedisWatermarkAMinuteIsStoredOnce) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(-4);
    const auto endpoint = world.endpoint("search", regions, minute);
    world.remove(endpoint, minute.plus(1, world.window));
    const auto shard = world.shard(endpoint);
    Snapshot before;
    const auto until_sealed = [&](RedisClient& client) -> Task<> {
        const auto sealed = [&]() -> Task<bool> {
            const bool absent = co_await is_absent(client, keys::sealed(shard));
            const bool open =
                absent ? true : !co_await is_absent(client, keys::done(shard, regions[0]));
            co_return !absent && !open;
        };
        EXPECT_TRUE(co_await eventually(sealed));
    };
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await world.record(
            client, endpoint, minute, "F");  // incomplete: waits for the watermark
        auto keys = keys_of(shard, minute, {regions[0]});
        co_await before.take(client, std::move(keys));
    });
    for (int round = 0; round < 2; ++round)
        world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
            co_await before.put_back(client);
            RedisArgs forget{"DEL", keys::sealed(shard)};
            co_await client.run(std::move(forget));
            co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "1");
            if (round == 0) co_await until_sealed(client);
        });
    // At its next start it tells Redis again how far it is, so that late cells are seen as such.
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await until_sealed(client);
        const auto answers = co_await world.record(client, endpoint, minute, ".");
        EXPECT_EQ(answers, std::vector{Recorded::late});
        co_await world.expect_sql("SELECT sum(minutes) FROM quorate.batch", "1");
    });
}

TEST(ArchiverCrash, CellsThatCameBetweenTheSealAndTheCrashAreStoredAsLate) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto minute = world.minute(-5);
    const auto next = minute.plus(1, world.window);
    const auto endpoint = world.endpoint("search", regions, minute);
    world.remove(endpoint, minute.plus(2, world.window));
    const auto shard = world.shard(endpoint);
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        const auto sealed = [&]() -> Task<bool> {
            CellBuffer buffer{client};
            std::vector<ShardId> shards{shard};
            const auto until = co_await buffer.read_sealed(std::move(shards));
            co_return until.at(0) && *until.at(0) >= next;
        };
        EXPECT_TRUE(co_await eventually(sealed));
    });
    // As if it had been killed after these commits, before it told Redis; agents go on meanwhile.
    world.sql("UPDATE quorate.shard_watermark SET minute = '" + to_rfc3339(next) + "'");
    world.without_archiver([&](RedisClient& client) -> Task<> {
        RedisArgs back{
            "SET", keys::sealed(shard), std::to_string(minute.plus(-1, world.window).epoch_ms())};
        co_await client.run(std::move(back));
        const std::vector fresh{Recorded::fresh, Recorded::fresh};
        EXPECT_EQ(co_await world.record(client, endpoint, minute, ".uF"), fresh);
        EXPECT_EQ(co_await world.record(client, endpoint, next, "u.~"), fresh);
    });
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT string_agg(verdict || CASE WHEN late THEN ' late' ELSE '' END, ',' "
            "ORDER BY minute, region) FROM dash.region_minute",
            "UP late,UNKNOWN,FAIL late,UNKNOWN,UP late,SLOW late");
        for (const auto each : {minute, next}) {
            for (const auto& key : keys_of(shard, each, regions)) {
                const auto forgotten = [&] { return is_absent(client, key); };
                EXPECT_TRUE(co_await eventually(forgotten)) << key;
            }
        }
        const auto answers = co_await world.record(client, endpoint, next, "Fuu");
        EXPECT_EQ(answers, std::vector{Recorded::late});
    });
}

TEST(ArchiverCrash, CellsThatComeDuringTheCommitOfTheWatermarkAreStoredAsLate) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(-4);
    const auto endpoint = world.endpoint("search", regions, minute);
    world.remove(endpoint, minute.plus(1, world.window));
    pqxx::connection connection{world.config().postgres_conninfo};
    pqxx::work other{connection};
    other.exec("LOCK TABLE quorate.minute IN SHARE MODE");
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND "
            "relation = 'quorate.minute'::regclass",
            "t");
        const auto answers = co_await world.record(client, endpoint, minute, "F.");
        EXPECT_EQ(answers, (std::vector{Recorded::fresh, Recorded::fresh}));
        other.abort();
        co_await world.expect_sql(
            "SELECT region, verdict, late FROM dash.region_minute ORDER BY region",
            "a|FAIL|t\nb|UP|t");
    });
}

TEST(ArchiverCrash, KilledAgainAndAgainEachMinuteIsStoredExactlyOnce) {
    World world{*Window::of(std::chrono::seconds{2})};
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(1);  // each is recorded before its watermark
    const int minutes = 40;
    std::vector<EndpointId> endpoints;
    for (int i = 0; i < 20; ++i)
        endpoints.push_back(world.endpoint("e" + std::to_string(i), regions, first));
    const auto seed = std::random_device{}();
    std::cout << "seed " << seed << '\n';
    std::mt19937 random{seed};
    ArchiverProcess archiver{world};
    archiver.start();
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < minutes; ++i) {
            const auto minute = first.plus(i, world.window);
            // Two minutes of outage, then health: one incident of each endpoint.
            for (const auto endpoint : endpoints)
                co_await world.record(client, endpoint, minute, i == 5 || i == 6 ? "FFF" : "...");
            const bool is_last = i % 8 == 7;
            const milliseconds pause{random() % (is_last ? 1500 : 60)};
            co_await sleep_for(pause);
            if (!is_last) continue;
            archiver.kill();
            archiver.start();
            // Once the lease of the killed one is over it goes on with what that one left.
            const auto fed = endpoints.size() * static_cast<std::size_t>(i + 1);
            co_await world.expect_sql(
                "SELECT count(*) >= " + std::to_string(fed) + " FROM quorate.minute", "t");
        }
        const auto wanted = std::to_string(endpoints.size() * static_cast<std::size_t>(minutes));
        const auto last = to_rfc3339(first.plus(minutes, world.window));
        co_await world.expect_sql(
            "SELECT count(*) FROM quorate.minute WHERE minute < '" + last + "'", wanted);
    });
    archiver.kill();
    // Every cell came in time, so each stands there with its verdict, and none was made up.
    const auto fed = endpoints.size() * regions.size();
    const auto within = " FROM dash.region_minute WHERE minute >= '" + to_rfc3339(first) +
                        "' AND minute < '" + to_rfc3339(first.plus(minutes, world.window)) + "'";
    EXPECT_EQ(world.sql("SELECT verdict, late, count(*)" + within + " GROUP BY 1, 2 ORDER BY 1"),
              "FAIL|f|" + std::to_string(2 * fed) + "\nUP|f|" +
                  std::to_string((static_cast<std::size_t>(minutes) - 2) * fed));
    EXPECT_EQ(
        world.sql("SELECT count(DISTINCT minute), min(minute) = '" +
                  to_rfc3339(first.plus(5, world.window)) + "'" + within + " AND verdict = 'FAIL'"),
        "2|t");
    EXPECT_EQ(world.sql("SELECT sum(minutes) = (SELECT count(*) FROM quorate.minute) "
                        "FROM quorate.batch"),
              "t");
    EXPECT_EQ(world.sql("SELECT count(*), count(DISTINCT endpoint) FROM dash.incident"), "20|20");
    EXPECT_EQ(world.sql("SELECT kind, count(*) FROM quorate.incident_event GROUP BY 1 ORDER BY 1"),
              "closed|20\nopened|20");
    EXPECT_EQ(
        world.sql(
            "SELECT count(*) FROM dash.endpoint_status s WHERE s.last_minute IS DISTINCT FROM "
            "(SELECT max(m.minute) FROM dash.minute m WHERE m.endpoint = s.endpoint)"),
        "0");
}

TEST(ArchiverReload, SighupTakesTheLogLevelAndKeepsItOverABadFile) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(0);
    const auto endpoint = world.endpoint("search", regions, minute);
    const auto file = std::filesystem::temp_directory_path() /
                      ("qa-" + world.name + "-" + std::to_string(::getpid()) + ".log");
    ArchiverProcess archiver{world};
    archiver.configure("info");
    archiver.start(file);
    world.without_archiver([&](RedisClient& client) -> Task<> {
        std::string lines;
        const auto logs = [&](std::string event) -> Task<> {
            const auto found = [&]() -> Task<bool> {
                std::ifstream stream{file};
                lines.assign(std::istreambuf_iterator<char>{stream}, {});
                co_return lines.find(event) != std::string::npos;
            };
            EXPECT_TRUE(co_await eventually(found)) << event << " is not in:\n" << lines;
        };
        co_await logs("archiver.started");
        archiver.configure("debug");
        archiver.hang_up();
        co_await logs("config.reloaded");
        archiver.configure("loud");
        archiver.hang_up();
        co_await logs("config.refused");
        co_await world.record(client, endpoint, minute, "..");
        co_await logs("batch.committed");  // of level debug
    });
    archiver.kill();
    std::filesystem::remove(file);
}

TEST(ArchiverFault, WaitsWhilePostgresIsAwayAndGoesOn) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(0);
    const auto endpoint = world.endpoint("search", regions, minute);
    const auto other = world.endpoint("other", regions, minute);
    world.with_archiver([&](RedisClient& client, ArchiverApp& app) -> Task<> {
        const auto readiness = [&](std::string wanted) -> Task<> {
            std::string is;
            const auto holds = [&]() -> Task<bool> {
                is = co_await World::http_get(app.health_port(), "/readyz");
                co_return is == wanted;
            };
            co_await eventually(holds);
            EXPECT_EQ(is, wanted);
        };
        co_await world.record(client, endpoint, minute, "..");
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "1");
        co_await readiness("HTTP/1.1 200 OK\n{\"ready\":true}");
        cluster().kill();
        co_await world.record(client, other, minute, "..");
        co_await readiness(
            "HTTP/1.1 503 Service Unavailable\n"
            "{\"ready\":false,\"reasons\":[\"postgres_unreachable\"]}");
        cluster().start();
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "2");
        co_await readiness("HTTP/1.1 200 OK\n{\"ready\":true}");
    });
}

TEST(ArchiverFault, StartsWithoutPostgresAndRedisAndGoesOnWhenTheyCome) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(0);
    const auto endpoint = world.endpoint("search", regions, minute);
    world.redis.stop();
    cluster().stop();
    world.with_archiver([&](RedisClient& client, ArchiverApp& app) -> Task<> {
        const auto page = co_await World::http_get(app.health_port(), "/readyz");
        EXPECT_EQ(page.substr(page.find('{')),
                  "{\"ready\":false,\"reasons\":"
                  "[\"postgres_unreachable\",\"redis_unreachable\"]}");
        world.redis.start();
        cluster().start();
        const auto up = [&]() -> Task<bool> { co_return client.reachable(); };
        EXPECT_TRUE(co_await eventually(up));
        co_await world.record(client, endpoint, minute, "..");
        co_await world.expect_sql("SELECT decision FROM dash.minute", "OK");
    });
}

TEST(ArchiverFault, WaitsForADatabaseThatIsNotMigratedAndGoesOnWhenItIs) {
    World world;
    auto config = world.config();
    const auto fresh = world.name + "_fresh";
    config.postgres_conninfo = cluster().create_database(fresh);
    world.without_archiver([&](RedisClient&) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        ArchiverApp app{config, executor};
        TaskGroup group{executor, 1};
        group.spawn("archiver", app.run());
        std::string page;
        const auto says = [&](std::string wanted) -> Task<bool> {
            const auto holds = [&]() -> Task<bool> {
                page = co_await World::http_get(app.health_port(), "/readyz");
                co_return page.ends_with(wanted);
            };
            co_return co_await eventually(holds);
        };
        const bool waits = co_await says("{\"ready\":false,\"reasons\":[\"schema_mismatch\"]}");
        EXPECT_TRUE(waits) << page;
        migrate_database(config);
        const bool goes_on = co_await says("{\"ready\":true}");
        EXPECT_TRUE(goes_on) << page;
        group.cancel();
        co_await group.join();
    });
}

TEST(ArchiverFault, GoesOnAfterRedisWasAway) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(0);
    const auto endpoint = world.endpoint("search", regions, minute);
    const auto other = world.endpoint("other", regions, minute);
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.record(client, endpoint, minute, "..");
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "1");
        world.redis.stop();
        world.redis.start();
        const auto recorded = [&]() -> Task<bool> {
            try {
                co_await world.record(client, other, minute, "..");
                co_return true;
            } catch (const RedisUnavailable&) {
                co_return false;
            }
        };
        EXPECT_TRUE(co_await eventually(recorded));
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "2");
    });
}

TEST(ArchiverFault, TellsRedisThatLostItsMemoryHowFarItIs) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto endpoint = world.endpoint("search", regions, world.minute(-4));
    const auto shard = world.shard(endpoint);
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        const auto told = [&]() -> Task<bool> {
            try {
                const bool absent = co_await is_absent(client, keys::sealed(shard));
                co_return !absent;
            } catch (const RedisUnavailable&) {
                co_return false;
            }
        };
        EXPECT_TRUE(co_await eventually(told));
        // So short an absence that no command has to fail; the next seal is up to a minute away.
        RedisArgs lose{"FLUSHALL"};
        co_await client.run(std::move(lose));
        world.redis.stop();
        world.redis.start();
        EXPECT_TRUE(co_await eventually(told));
    });
}

TEST(ArchiverStart, APortInUseIsOneLineOnStderrThatNamesIt) {
    World world;
    asio::io_context io{1};
    const asio::ip::tcp::acceptor holder{io, {asio::ip::address_v4::loopback(), 0}};
    const auto port = holder.local_endpoint().port();
    const auto file = std::filesystem::temp_directory_path() /
                      ("qa-" + world.name + "-" + std::to_string(::getpid()) + ".port");
    ArchiverProcess archiver{world};
    archiver.configure("info", port);
    archiver.start(file);
    EXPECT_EQ(archiver.wait(), 1);
    std::ifstream stream{file};
    const std::string said{std::istreambuf_iterator<char>{stream}, {}};
    const auto number = std::to_string(port);
    EXPECT_EQ(said,
              "quorate-archiver: port " + number +
                  " is in use (health server, 127.0.0.1:" + number + ")\n");
    std::filesystem::remove(file);
}

TEST(ArchiverStart, RefusesADatabaseOfAnotherWindowWithOneLine) {
    World world;
    world.sql("INSERT INTO quorate.deployment (window_ms, shards) VALUES (5000, 64)");
    try {
        world.without_archiver([&](RedisClient&) -> Task<> {
            const auto executor = co_await asio::this_coro::executor;
            ArchiverApp app{world.config(), executor};
            co_await app.run();
        });
        FAIL() << "not refused";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(),
                     "window is 1m in the config, but this database was set up with 5s, which is "
                     "fixed");
    }
}

}  // namespace
}  // namespace quorate
