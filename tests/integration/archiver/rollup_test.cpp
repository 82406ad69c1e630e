#include <random>

#include <gtest/gtest.h>

#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using testing::World;

/// Rollups of one length that are not what their parts say; none: ''.
std::string differences(const World& world, const std::string& table, const std::string& parts) {
    return world.sql(
        "SELECT coalesce(r.start_at, p.start_at) FROM quorate." + table + " r FULL JOIN (" + parts +
        ") p USING (endpoint_id, start_at)"
        " WHERE (r.up, r.down, r.excluded, r.cells_expected, r.cells_measured)"
        " IS DISTINCT FROM (p.up, p.down, p.excluded, p.cells_expected, p.cells_measured)"
        " AND NOT EXISTS (SELECT FROM quorate.rollup_stale s WHERE s.endpoint_id = p.endpoint_id"
        " AND s.start_at = p.start_at)");
}

std::string sums_of(const std::string& table, const std::string& unit) {
    return "SELECT endpoint_id, date_trunc('" + unit +
           "', start_at, 'UTC') AS start_at,"
           " sum(up) AS up, sum(down) AS down, sum(excluded) AS excluded,"
           " sum(cells_expected) AS cells_expected, sum(cells_measured) AS cells_measured"
           " FROM quorate." +
           table + " GROUP BY 1, 2";
}

void expect_sums(const World& world) {
    EXPECT_EQ(differences(world,
                          "rollup_hour",
                          "SELECT endpoint_id, date_trunc('hour', minute, 'UTC') AS start_at,"
                          " count(*) FILTER (WHERE uptime_use = 0) AS up,"
                          " count(*) FILTER (WHERE uptime_use = 1) AS down,"
                          " count(*) FILTER (WHERE uptime_use = 2) AS excluded,"
                          " sum(c.expected) AS cells_expected, sum(c.measured) AS cells_measured"
                          " FROM quorate.minute m CROSS JOIN LATERAL (SELECT count(*) FILTER"
                          " (WHERE verdict <> 6) AS expected, count(*) FILTER (WHERE verdict"
                          " BETWEEN 1 AND 5) AS measured FROM quorate.unpack_cells(m.cells)) c"
                          " JOIN quorate.endpoint e ON e.id = m.endpoint_id"
                          " JOIN quorate.rollup_progress p ON p.shard = e.shard"
                          " WHERE minute <= p.until"
                          " GROUP BY 1, 2"),
              "");
    EXPECT_EQ(differences(world, "rollup_day", sums_of("rollup_hour", "day")), "");
    EXPECT_EQ(differences(world, "rollup_month", sums_of("rollup_day", "month")), "");
}

Task<> expect_rolled_up(World& world) {
    co_await world.expect_sql("SELECT bool_and(p.until = w.minute), max(w.minute) >= '" +
                                  to_rfc3339(world.minute(-3).start()) +
                                  "' FROM quorate.shard_watermark w"
                                  " JOIN quorate.rollup_progress p USING (shard)",
                              "t|t");
    co_await world.expect_sql("SELECT count(*) FROM quorate.rollup_stale", "0");
}

TEST(Rollups, HoursDaysAndMonthsAreTheSumsOfTheirMinutes) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    World world;
    std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    constexpr int kMinutes = 70;  // of two hours at least
    const auto first = world.minute(-kMinutes);
    std::vector<EndpointId> endpoints;
    for (const auto* name : {"a", "b", "c"})
        endpoints.push_back(world.endpoint(name, regions, first));
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < kMinutes; ++i)
            for (const auto endpoint : endpoints) {
                std::string symbols;
                for (int region = 0; region < 3; ++region)
                    symbols += "......FFFFu~A"[random() % 13];
                co_await world.record(client, endpoint, first.plus(i, world.window), symbols);
            }
    });
    world.with_archiver(
        [&](RedisClient&, ArchiverApp&) -> Task<> { co_await expect_rolled_up(world); });
    expect_sums(world);
    EXPECT_EQ(world.sql("SELECT count(*) >= 2 FROM quorate.rollup_hour WHERE endpoint_id = 1"),
              "t");

    // The views say what the minutes say, whether these are in rollups already or not.
    const auto truth = world.sql(
        "SELECT e.name, round(avg((uptime_use = 0)::integer) FILTER (WHERE uptime_use <> 2), 6),"
        " count(*) FILTER (WHERE uptime_use = 1) FROM quorate.minute m"
        " JOIN quorate.endpoint e ON e.id = m.endpoint_id GROUP BY 1 ORDER BY 1");
    const std::string shown =
        "SELECT endpoint, round(uptime::numeric, 6), down_minutes FROM dash.uptime_30d ORDER BY 1";
    EXPECT_EQ(world.sql(shown), truth);
    EXPECT_EQ(
        world.sql("SELECT endpoint, round(uptime_30d::numeric, 6) FROM dash.endpoint_status"
                  " ORDER BY 1"),
        world.sql("SELECT endpoint, round(uptime::numeric, 6) FROM dash.uptime_30d ORDER BY 1"));
    EXPECT_EQ(
        world.sql(
            "SELECT endpoint, sum(down_minutes) FROM dash.uptime_daily GROUP BY 1 ORDER BY 1"),
        world.sql("SELECT endpoint, down_minutes FROM dash.uptime_30d ORDER BY 1"));
    EXPECT_EQ(
        world.sql(
            "SELECT endpoint, sum(down_minutes) FROM dash.uptime_monthly GROUP BY 1 ORDER BY 1"),
        world.sql("SELECT endpoint, down_minutes FROM dash.uptime_30d ORDER BY 1"));
    // Cells take 32 ms and more, each region one longer: within 2.5 %.
    EXPECT_EQ(world.sql("SELECT bool_and(p95_ms BETWEEN 32 AND 36) FROM dash.uptime_30d"), "t");
    EXPECT_EQ(
        world.sql(
            "SELECT bool_and(p50_ms BETWEEN 31 AND 36 AND p50_ms <= p95_ms AND p95_ms <= p99_ms)"
            " FROM dash.uptime_daily"),
        "t");
    world.sql(
        "DELETE FROM quorate.rollup_hour; DELETE FROM quorate.rollup_day;"
        " DELETE FROM quorate.rollup_month; DELETE FROM quorate.rollup_progress;"
        " DELETE FROM quorate.rolling");
    EXPECT_EQ(world.sql(shown), truth) << "from minutes alone";
}

TEST(Rollups, AMinuteThatChangesLaterIsCountedAnew) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu")};
    const auto first = world.minute(-30);
    const auto endpoint = world.endpoint("search", regions, first);
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < 25; ++i)
            co_await world.record(
                client, endpoint, first.plus(i, world.window), i == 5 ? ".u" : "..");
    });
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await expect_rolled_up(world);
        const std::string measured = "SELECT sum(cells_measured) FROM quorate.rollup_";
        co_await world.expect_sql(measured + "hour", "49");
        co_await world.record(client, endpoint, first.plus(5, world.window), "u.");
        for (const auto* table : {"hour", "day", "month"})
            co_await world.expect_sql(measured + table, "50");
    });
    expect_sums(world);
}

TEST(Rollups, GoOnWhereTheyWereAndCountNothingTwice) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu")};
    const auto first = world.minute(-30);
    const auto endpoint = world.endpoint("search", regions, first);
    const auto record = [&](int from, int until) {
        world.without_archiver([&](RedisClient& client) -> Task<> {
            for (int i = from; i < until; ++i)
                co_await world.record(client, endpoint, first.plus(i, world.window), "..");
        });
    };
    record(0, 28);
    for (int life = 0; life < 3; ++life)
        world.with_archiver(
            [&](RedisClient&, ArchiverApp&) -> Task<> { co_await expect_rolled_up(world); });
    expect_sums(world);
    EXPECT_EQ(world.sql("SELECT sum(up) >= 27 FROM quorate.rollup_day"), "t");
}

}  // namespace
}  // namespace quorate
