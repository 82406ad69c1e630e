// An archiver is killed between any two steps of a seal; Redis loses cells; Postgres is away for an
// hour.
#include <array>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "platform/redis/keys.hpp"
#include "tests/integration/archiver/archiver_process.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using std::chrono::seconds;
using testing::ArchiverProcess;
using testing::cluster;
using testing::eventually;
using testing::World;

struct Crash {
    SealStep step;
    int count;
};
/// A start tells Redis once how far it is, before it seals anything.
constexpr std::array kCrashes{Crash{SealStep::planned, 1},
                              Crash{SealStep::written, 1},
                              Crash{SealStep::committed, 1},
                              Crash{SealStep::planned, 2},
                              Crash{SealStep::written, 2},
                              Crash{SealStep::committed, 2},
                              Crash{SealStep::redis_told, 2},
                              Crash{SealStep::redis_cleared, 2}};

TEST(ArchiverSteps, KilledBetweenAnyTwoOfThemEachMinuteIsStoredOnceAndToldOnce) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(-9);  // so that even the last life seals it in time to notify
    std::vector<EndpointId> endpoints;
    for (int i = 0; i < 6; ++i)
        endpoints.push_back(world.endpoint("e" + std::to_string(i), regions, first));
    ArchiverProcess archiver{world};
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (std::size_t i = 0; i < kCrashes.size(); ++i) {
            const auto minute = first.plus(static_cast<std::int64_t>(i), world.window);
            for (const auto endpoint : endpoints)
                co_await world.record(client, endpoint, minute, i < 2 ? "FFF" : "...");
            archiver.start_and_stop_at(kCrashes[i].step, kCrashes[i].count, SIGKILL);
            const auto dead = [&]() -> Task<bool> { co_return archiver.stopped(); };
            const bool died = co_await eventually(dead);
            EXPECT_TRUE(died) << "life " << i << " did not come so far";
            if (!died) co_return;
            EXPECT_EQ(archiver.wait(), -SIGKILL);
        }
        archiver.start();
        co_await world.expect_sql("SELECT count(*) FROM dash.minute WHERE minute < '" +
                                      to_rfc3339(first.plus(kCrashes.size(), world.window)) + "'",
                                  std::to_string(endpoints.size() * kCrashes.size()));
        for (std::size_t i = 0; i < kCrashes.size(); ++i)
            for (const auto shard : World::shards())
                for (const auto region : regions) {
                    const auto minute = first.plus(static_cast<std::int64_t>(i), world.window);
                    const auto gone = [&]() -> Task<bool> {
                        RedisArgs command{"EXISTS",
                                          keys::cells(shard, region, minute, 0),
                                          keys::presence(shard, region, minute),
                                          keys::details(shard, region, minute)};
                        const auto reply = co_await client.run(std::move(command));
                        co_return reply.integer() == 0;
                    };
                    const bool cleared = co_await eventually(gone);
                    EXPECT_TRUE(cleared) << "Redis keeps minute " << i;
                }
    });
    archiver.kill();
    EXPECT_EQ(world.sql("SELECT verdict, late, count(*) FROM dash.region_minute WHERE minute < '" +
                        to_rfc3339(first.plus(kCrashes.size(), world.window)) +
                        "' GROUP BY 1, 2 ORDER BY 1"),
              "FAIL|f|36\nUP|f|108");
    EXPECT_EQ(
        world.sql("SELECT sum(minutes) = (SELECT count(*) FROM quorate.minute) FROM quorate.batch"),
        "t");
    EXPECT_EQ(world.sql("SELECT kind, count(*) FROM quorate.incident_event GROUP BY 1 ORDER BY 1"),
              "closed|6\nopened|6");
    EXPECT_EQ(
        world.sql("SELECT payload->>'kind', count(*) FROM quorate.outbox GROUP BY 1 ORDER BY 1"),
        "closed|6\nopened|6");
    EXPECT_EQ(world.sql("SELECT count(*) FROM dash.region_health WHERE agents_alive IS NULL"), "0");
}

TEST(ArchiverSteps, WhatRedisLosesIsUnknownAndNeverAFailureAndNothingStops) {
    World world{*Window::of(seconds{2})};
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(2);
    std::vector<EndpointId> endpoints;
    for (int i = 0; i < 4; ++i)
        endpoints.push_back(world.endpoint("e" + std::to_string(i), regions, first));
    const auto minute = [&](int number) { return first.plus(number, world.window); };
    const SystemClock clock;
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        // Two regions of three have failed, so the minutes are open until their watermark.
        for (int i = 0; i < 4; ++i) {
            const UtcTime begins = minute(i).start();
            co_await sleep_until(clock, begins);
            for (const auto* region : {"a", "b", "c"})
                co_await world.heartbeat(client, region);
            for (const auto endpoint : endpoints)
                co_await world.record(client, endpoint, minute(i), i < 3 ? "FFu" : "...");
            if (i == 0) {  // evicted: the cells of one region, and which cells of the other are in
                for (const auto shard : World::shards()) {
                    RedisArgs evict{"UNLINK",
                                    keys::cells(shard, regions[0], minute(0), 0),
                                    keys::presence(shard, regions[1], minute(0)),
                                    keys::cells(shard, regions[1], minute(0), 0)};
                    co_await client.run(std::move(evict));
                }
            } else if (i < 3) {  // everything, leases included
                RedisArgs flush{"FLUSHALL"};
                co_await client.run(std::move(flush));
                for (const auto* region : {"a", "b", "c"})
                    co_await world.heartbeat(client, region);
            }
        }
        const auto within =
            " FROM dash.region_minute WHERE minute < '" + to_rfc3339(minute(4)) + "'";
        co_await world.expect_sql(
            "SELECT verdict, reason, count(*)" + within + " GROUP BY 1, 2 ORDER BY 1",
            "UNKNOWN|not_reported|36\nUP||12");
        EXPECT_EQ(world.sql("SELECT count(*) FROM dash.incident"), "0");
    });
}

TEST(ArchiverSteps, AfterAnHourWithoutPostgresItCatchesUpInOrderAndTellsOnlyWhatHasChangedSince) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    constexpr int kMinutes = 70;
    const auto first = world.minute(-kMinutes);
    const auto well = world.endpoint("well", regions, first);
    const auto down = world.endpoint("down", regions, first);          // since half an hour ago
    const auto was_down = world.endpoint("was-down", regions, first);  // for some minutes
    ArchiverProcess archiver{world};
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < kMinutes; ++i) {
            const auto minute = first.plus(i, world.window);
            co_await world.record(client, well, minute, "...");
            co_await world.record(client, down, minute, i < 40 ? "..." : "FFF");
            co_await world.record(client, was_down, minute, i < 20 || i > 25 ? "..." : "FFF");
        }
        cluster().stop();
        archiver.start();
        const auto takes_part = [&]() -> Task<bool> {
            RedisArgs count{"EXISTS", keys::heartbeats(SharedWork::sealing)};
            const auto reply = co_await client.run(std::move(count));
            co_return reply.integer() == 1;
        };
        EXPECT_FALSE(co_await takes_part()) << "an archiver that never saw Postgres holds nothing";
        cluster().start();
        const SystemClock clock;
        const auto began = clock.steady_now();
        co_await world.expect_sql("SELECT count(*) FROM dash.minute WHERE minute < '" +
                                      to_rfc3339(first.plus(kMinutes, world.window)) + "'",
                                  std::to_string(3 * kMinutes));
        const std::chrono::duration<double> took = clock.steady_now() - began;
        std::cout << kMinutes << " minutes caught up with in " << took.count() << " s\n";
    });
    archiver.kill();
    EXPECT_EQ(world.sql("SELECT count(*) FROM (SELECT batch_id < lag(batch_id) OVER (PARTITION BY"
                        " endpoint_id ORDER BY minute) AS back FROM quorate.minute) m WHERE back"),
              "0");
    EXPECT_EQ(world.sql("SELECT endpoint, worst_severity, closed_at IS NULL FROM dash.incident"
                        " ORDER BY 1"),
              "down|P1|t\nwas-down|P1|f");
    EXPECT_EQ(world.sql("SELECT payload->>'endpoint', payload->>'kind', payload->>'to_severity'"
                        " FROM quorate.outbox"),
              "down|opened|P1");
}

}  // namespace
}  // namespace quorate
