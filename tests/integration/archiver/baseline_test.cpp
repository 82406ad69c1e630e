// What is usual of an endpoint: from sealed minutes by the day, and from days to the baseline.
#include "core/baseline/baseline.hpp"

#include <sstream>

#include <gtest/gtest.h>

#include "archiver/rollup/baseline_store.hpp"
#include "archiver/store/sql_text.hpp"
#include "platform/postgres/database.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using namespace std::chrono_literals;
using testing::World;

/// A day in all hours of which the region took so long.
CalmDay day_of_cells(RegionId region, milliseconds total) {
    CalmDay day;
    for (std::uint32_t hour = 0; hour < 24; ++hour) {
        TimedCell cell;
        cell.region = region;
        cell.total = total;
        cell.tools_list = total - 5ms;
        add(day, hour, cell);
    }
    return day;
}

/// A day of which one hour has passed.
CalmDay short_day(RegionId region) {
    CalmDay day;
    TimedCell cell;
    cell.region = region;
    cell.total = 100ms;
    add(day, 0, cell);
    return day;
}

void seed_day(const World& world, EndpointId endpoint, int days_ago, const CalmDay& day) {
    world.sql("INSERT INTO quorate.baseline_day VALUES (" + std::to_string(endpoint.value()) +
              ", date_trunc('day', now(), 'UTC') - interval '" + std::to_string(days_ago) +
              " days', '" + bytea_text(encode_day(day)) +
              "') ON CONFLICT (endpoint_id, start_at)"
              " DO UPDATE SET regions = excluded.regions");
}

CalmDay stored_day(const World& world, EndpointId endpoint) {
    CalmDay all;
    std::istringstream rows{
        world.sql("SELECT regions FROM quorate.baseline_day WHERE endpoint_id = " +
                  std::to_string(endpoint.value()))};
    for (std::string row; std::getline(rows, row);)
        merge(all, decode_day(bytes_of_bytea(row)));
    return all;
}

TEST(Baselines, OnlyMinutesDecidedOkOutsideOfIncidentsCountAndEachOnce) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    constexpr int kMinutes = 12;
    const auto first = world.minute(-kMinutes - 2);
    const auto endpoint = world.endpoint("search", regions, first);
    // An outage in the middle: its incident is closed by clean minutes, which are none of the calm.
    // A look that stood before a wall of 401 is no usual one.
    const std::vector<std::string> minutes{
        "...", "~..", "FFF", "FFF", "F..", "...", "...", "...", "u..", ".u.", "A..", "..."};
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < kMinutes; ++i)
            co_await world.record(client, endpoint, first.plus(i, world.window), minutes[i]);
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT bool_and(p.until = w.minute) AND max(w.minute) >= '" +
                to_rfc3339(world.minute(-3).start()) +
                "' FROM quorate.shard_watermark w JOIN quorate.rollup_progress p USING (shard)",
            "t");
    });
    const auto day = stored_day(world, endpoint);
    for (const auto region : regions) {
        const auto healthy = world.sql(
            "SELECT count(*) FROM quorate.minute m CROSS JOIN LATERAL quorate.unpack_cells(m.cells)"
            " c WHERE m.decision = 0 AND c.verdict BETWEEN 1 AND 3 AND c.region_id = " +
            std::to_string(region.value()) +
            " AND NOT EXISTS (SELECT FROM quorate.incident i WHERE i.endpoint_id = m.endpoint_id"
            " AND m.minute >= i.started_at AND m.minute < i.closed_at)");
        EXPECT_EQ(std::to_string(day.at(region).times.total.count()), healthy);
    }
    EXPECT_EQ(world.sql("SELECT count(*) FILTER (WHERE decision <> 0) >= 3,"
                        " count(*) FILTER (WHERE decision = 0) >= 6,"
                        " count(*) FILTER (WHERE decision = 0 AND EXISTS (SELECT FROM"
                        "  quorate.incident i WHERE minute >= i.started_at"
                        "  AND minute < i.closed_at)) > 0 FROM quorate.minute"),
              "t|t|t")
        << "there is something to leave out, and something to count";
}

/// A database in which baselines are computed at once.
struct Bench {
    Bench()
        : database{{.conninfo = world.config().postgres_conninfo,
                    .application_name = "test",
                    .connections = 1}} {
        regions = {world.region("ap"), world.region("eu")};
        endpoint = world.endpoint("search", regions, world.minute(0));
    }
    std::optional<EndpointId> compute(EndpointId after = EndpointId{0}, std::size_t most = 100) {
        return database.transact_blocking([&](auto& work) {
            return compute_baselines(
                work, world.shard(endpoint), after, SystemClock{}.utc_now(), most);
        });
    }
    std::string shown() const {
        return world.sql(
            "SELECT region, p50_ms, p95_ms, slow_over_ms, tools_list_ms IS NOT NULL,"
            " tls_ms IS NOT NULL FROM dash.baseline ORDER BY region");
    }

    World world;
    Database database;
    std::vector<RegionId> regions;
    EndpointId endpoint;
};

TEST(Baselines, TheLastSevenDaysAndTodayCount) {
    Bench bench;
    seed_day(bench.world, bench.endpoint, 8, day_of_cells(bench.regions[0], 900ms));
    bench.compute();
    EXPECT_EQ(bench.shown(), "") << "what is older is no history";
    for (int days_ago = 1; days_ago <= 7; ++days_ago)
        seed_day(bench.world, bench.endpoint, days_ago, day_of_cells(bench.regions[0], 100ms));
    bench.compute();
    // The middle of the bucket that 100 ms lie in.
    EXPECT_EQ(bench.shown(), "ap|100|100|250|t|f");
    seed_day(bench.world, bench.endpoint, 0, short_day(bench.regions[1]));
    bench.compute();
    EXPECT_EQ(bench.shown(), "ap|100|100|250|t|f") << "eu has not seen it for a day yet";
    EXPECT_EQ(bench.world.sql("SELECT count(*) FROM quorate.baseline"), "2");
}

TEST(Baselines, ARowIsWrittenWhenItSaysSomethingElseAndEmptiedWhenTheHistoryIsGone) {
    Bench bench;
    seed_day(bench.world, bench.endpoint, 1, day_of_cells(bench.regions[0], 100ms));
    bench.compute();
    const std::string changed = "SELECT changed_at FROM quorate.baseline ORDER BY 1";
    const auto first = bench.world.sql(changed);
    bench.compute();
    EXPECT_EQ(bench.world.sql(changed), first);
    seed_day(bench.world, bench.endpoint, 2, day_of_cells(bench.regions[0], 100ms));
    bench.compute();
    EXPECT_EQ(bench.world.sql(changed), first) << "more of the same";
    seed_day(bench.world, bench.endpoint, 3, day_of_cells(bench.regions[0], 800ms));
    bench.compute();
    EXPECT_NE(bench.world.sql(changed), first);
    bench.world.sql("DELETE FROM quorate.baseline_day");
    bench.compute();
    EXPECT_EQ(bench.shown(), "");
    EXPECT_EQ(bench.world.sql("SELECT count(*), bool_and(p50_ms IS NULL AND tools_list_us IS NULL)"
                              " FROM quorate.baseline"),
              "1|t")
        << "coordinators are told that it is gone";
}

TEST(Baselines, EndpointsOfAShardAreTakenInTurnAndOthersNotAtAll) {
    Bench bench;
    auto& world = bench.world;
    std::vector<EndpointId> more;
    for (const auto* name : {"b", "c", "d", "e", "f", "g", "h"})
        more.push_back(world.endpoint(name, bench.regions, world.minute(0)));
    for (const auto endpoint : more)
        seed_day(world, endpoint, 1, day_of_cells(bench.regions[0], 100ms));
    EndpointId last{0};
    int rounds = 0;
    for (std::optional<EndpointId> next = last; next; next = bench.compute(last, 1), ++rounds)
        last = *next;
    EXPECT_EQ(rounds, 3) << "two of the shard, and that there are no more";
    EXPECT_EQ(world.sql("SELECT DISTINCT endpoint_id % 4 FROM quorate.baseline"),
              std::to_string(world.shard(bench.endpoint).value()));
}

}  // namespace
}  // namespace quorate
