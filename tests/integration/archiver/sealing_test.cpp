#include <gtest/gtest.h>

#include "platform/wire/cell_codec.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using testing::World;

TEST(Sealing, ACompleteMinuteIsSealedAtOnceAndTheViewsShowIt) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    const auto minute = world.minute(0);
    const auto endpoint = world.endpoint("search", regions, minute);
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.record(client, endpoint, minute, ".~A");
        co_await world.expect_sql(
            "SELECT tenant, endpoint, decision, scope IS NULL, rule_row, cells_up, cells_slow, "
            "cells_auth, cells_fail, cells_unknown, coverage, p50_ms, max_ms FROM dash.minute",
            "acme|search|OK|t|8|1|1|1|0|0|1|33.5|34.5");
    });
    EXPECT_EQ(world.sql("SELECT region, verdict, reason, phase, total_ms, connect_ms, tls_ms, "
                        "initialize_ms, tools_list_ms, http_status, retried, late, agent_lag_ms "
                        "FROM dash.region_minute ORDER BY region"),
              "ap|UP|||32.5|1.5||20|10|200|f|f|4\n"
              "eu|SLOW|slow||33.5|1.5||20|10|200|f|f|4\n"
              "us|AUTH|auth_required||34.5|1.5||20|10|401|f|f|4");
    EXPECT_EQ(world.sql("SELECT state, scope, flapping, coverage, p95_ms_24h, uptime_30d, "
                        "last_minute = since FROM dash.endpoint_status"),
              "OK||f|1|34.4|1|t");
    EXPECT_EQ(world.sql("SELECT era FROM quorate.endpoint_state"), "2");
    EXPECT_EQ(world.sql("SELECT minutes, count(*) FROM quorate.batch GROUP BY 1"), "1|1");
}

TEST(Sealing, TheWorkedExampleOfTheRuleGivesItsDecisionsIncidentAndDownTime) {
    World world;
    std::vector<RegionId> regions;
    for (const auto* name : {"a", "b", "c", "d", "e"})
        regions.push_back(world.region(name));
    // Sealed within 10 windows after the watermarks, so that all of it is notified.
    const auto first = world.minute(-10);
    const auto endpoint = world.endpoint("search", regions, first);
    const std::vector<std::string> cells{"F....",
                                         "F....",
                                         "FF...",
                                         "FF...",
                                         "FFFFF",
                                         "....F",
                                         "....F",
                                         "....F",
                                         ".....",
                                         ".....",
                                         "....."};
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (std::size_t i = 0; i < cells.size(); ++i)
            co_await world.record(
                client, endpoint, first.plus(static_cast<std::int64_t>(i), world.window), cells[i]);
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT string_agg(decision || coalesce(':' || scope, ''), ' ' ORDER BY minute) "
            "FROM (SELECT * FROM dash.minute ORDER BY minute LIMIT 11) m",
            "OK P2 P2 P1:partial P1:global P1:widespread P2 P2 P2 OK OK");
        co_await world.expect_sql("SELECT count(*) FROM dash.incident WHERE closed_at IS NOT NULL",
                                  "1");
    });
    EXPECT_EQ(world.sql("SELECT tenant, endpoint, severity, worst_severity, reason, regions, flaps,"
                        " round(mttr_seconds), mttd_seconds > 0, "
                        "extract(epoch FROM recovered_at - started_at) = mttr_seconds "
                        "FROM dash.incident"),
              // From A's probe of minute 1 (after 100 ms) to E's of minute 9 (after 500 ms).
              "acme|search|P2|P1|connection_refused|{a,b,c,d,e}|0|480|t|t");
    EXPECT_EQ(world.sql("SELECT kind, e.from_severity, e.to_severity, e.rule_row, scope "
                        "FROM quorate.incident_event e ORDER BY id"),
              "opened||2|5|0\nescalated|2|1|4|3\nscope_changed|1|1|3|1\nscope_changed|1|1|4|2\n"
              "deescalated|1|2|5|0\nclosed|2||8|0");
    EXPECT_EQ(world.sql("SELECT inputs->>'rule_row', inputs->'failing', inputs->'cells'->'b'->>"
                        "'verdict' FROM quorate.incident_event WHERE kind = 'escalated'"),
              "4|[\"a\", \"b\"]|FAIL");
    EXPECT_EQ(world.sql("SELECT string_agg(uptime_use::text, '' ORDER BY minute) FROM (SELECT * "
                        "FROM quorate.minute ORDER BY minute LIMIT 11) m"),
              "00111000000")
        << "minutes 3 to 5 are down";
    EXPECT_EQ(world.sql("SELECT count(*), count(DISTINCT key) FROM quorate.outbox"), "6|6");
    EXPECT_EQ(world.sql("SELECT details->'1'->>'detail', details->'1'->>'os_error' "
                        "FROM quorate.minute ORDER BY minute LIMIT 1"),
              "connection refused|111");
}

TEST(Sealing, AtTheWatermarkWhatIsMissingIsUnknownWithItsCause) {
    World world;
    const std::vector<RegionId> regions{
        world.region("alive"), world.region("dead"), world.region("fine")};
    const auto minute = world.minute(-3);
    const auto endpoint = world.endpoint("search", regions, minute);
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await world.heartbeat(client, "alive");
        co_await world.record(client, endpoint, minute, "uu.");
    });
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        const auto first = "WHERE minute = '" + to_rfc3339(minute) + "'";
        co_await world.expect_sql(
            "SELECT region, verdict, reason FROM dash.region_minute " + first + " ORDER BY region",
            "alive|UNKNOWN|not_reported\ndead|UNKNOWN|agent_dead\nfine|UP|");
        co_await world.expect_sql(
            "SELECT decision, cells_unknown, round(coverage::numeric, 2) "
            "FROM dash.minute " +
                first,
            "LOW_VISIBILITY|2|0.33");
        co_await world.expect_sql("SELECT uptime_use FROM quorate.minute " + first, "2");
        co_await world.expect_sql("SELECT decision FROM dash.minute WHERE minute = '" +
                                      to_rfc3339(world.minute(-2)) + "'",
                                  "BLIND");

        // The missing cell comes after all: history is corrected, the decision stays.
        const auto answers = co_await world.record(client, endpoint, minute, ".uF");
        EXPECT_EQ(answers, (std::vector{Recorded::late, Recorded::late}));
        co_await world.expect_sql(
            "SELECT region, verdict, late, agent_lag_ms FROM dash.region_minute " + first +
                " ORDER BY region",
            "alive|UP|t|4\ndead|UNKNOWN|f|\nfine|UP|f|4");
        co_await world.expect_sql(
            "SELECT decision, round(coverage::numeric, 2) FROM dash.minute " + first,
            "LOW_VISIBILITY|0.67");
        co_await world.expect_sql("SELECT count(*) FROM dash.incident", "0");
    });
    EXPECT_EQ(
        world.sql("SELECT details->'1'->>'agent' FROM quorate.minute ORDER BY minute LIMIT 1"),
        "agent-1");
}

TEST(Sealing, DecisionsCaughtUpLongAfterTheirMinuteDoNotNotify) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(-40);
    const auto endpoint = world.endpoint("search", regions, first);
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await world.record(client, endpoint, first, "FFF");
        for (int i = 1; i < 5; ++i)
            co_await world.record(client, endpoint, first.plus(i, world.window), "...");
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT count(*) >= 38 FROM dash.minute", "t");
        co_await world.expect_sql("SELECT worst_severity, closed_at IS NOT NULL FROM dash.incident",
                                  "P1|t");
    });
    EXPECT_EQ(world.sql("SELECT count(*) FROM quorate.outbox WHERE payload ? 'incident_id'"), "0");
}

TEST(Sealing, DeletingAnEndpointClosesItsIncidentAndPausingStopsItsMinutes) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(-6);
    const auto gone = world.endpoint("gone", regions, first);
    const auto paused = world.endpoint("paused", regions, first);
    world.remove(gone, first.plus(2, world.window));
    world.pause(paused, first.plus(2, world.window));
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < 2; ++i) {
            co_await world.record(client, gone, first.plus(i, world.window), "FFF");
            co_await world.record(client, paused, first.plus(i, world.window), "FFF");
        }
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT endpoint, closed_at IS NOT NULL, recovered_at IS NULL FROM dash.incident "
            "ORDER BY endpoint",
            "gone|t|t\npaused|f|t");
        co_await world.expect_sql("SELECT min(minute) >= '" + to_rfc3339(world.minute(-3)) +
                                      "' FROM quorate.shard_watermark",
                                  "t");
    });
    EXPECT_EQ(world.sql("SELECT endpoint, count(*) FROM dash.minute GROUP BY 1 ORDER BY 1"),
              "gone|2\npaused|2");
    EXPECT_EQ(world.sql("SELECT marks FROM quorate.incident WHERE endpoint = 'gone'"),
              "{endpoint_deleted}");
    EXPECT_EQ(world.sql("SELECT endpoint, state FROM dash.endpoint_status"), "paused|PAUSED");
}

TEST(Sealing, AnIncidentThatComesBackSoonIsReopened) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(-9);
    const auto endpoint = world.endpoint("search", regions, first);
    world.remove(endpoint, first.plus(6, world.window));
    world.sql("UPDATE quorate.endpoint SET deleted_at = NULL");
    world.without_archiver([&](RedisClient& client) -> Task<> {
        const std::vector<std::string> cells{"FFF", "...", "...", "...", "...", "FFF"};
        for (std::size_t i = 0; i < cells.size(); ++i)
            co_await world.record(
                client, endpoint, first.plus(static_cast<std::int64_t>(i), world.window), cells[i]);
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "6");
    });
    EXPECT_EQ(world.sql("SELECT severity, flaps, closed_at IS NULL, recovered_at IS NULL, "
                        "mttr_seconds, reason FROM dash.incident"),
              // From a's FAIL (after 100 ms) to c's first healthy probe (after 300 ms).
              "P1|1|t|t|60.2|connection_refused");
    EXPECT_EQ(world.sql("SELECT kind FROM quorate.incident_event ORDER BY id"),
              "opened\nclosed\nreopened");
    EXPECT_EQ(world.sql("SELECT opening, recovered_at IS NULL FROM quorate.incident_opening "
                        "ORDER BY opening"),
              "1|f\n2|t");
}

TEST(Sealing, AReopenedIncidentNamesWhatFailsNow) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(-12);
    const auto endpoint = world.endpoint("search", regions, first);
    world.remove(endpoint, first.plus(10, world.window));
    world.sql("UPDATE quorate.endpoint SET deleted_at = NULL");
    world.without_archiver([&](RedisClient& client) -> Task<> {
        const std::vector<std::string> cells{
            "~~~", "~~~", "~~~", "...", "...", "...", "...", "...", "...", "FFF"};
        for (std::size_t i = 0; i < cells.size(); ++i)
            co_await world.record(
                client, endpoint, first.plus(static_cast<std::int64_t>(i), world.window), cells[i]);
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "10");
    });
    EXPECT_EQ(world.sql("SELECT kind FROM quorate.incident_event ORDER BY id"),
              "opened\nclosed\nreopened");
    EXPECT_EQ(world.sql("SELECT severity, reason FROM dash.incident"), "P1|connection_refused");
}

TEST(Sealing, ARecoveryNoLaterThanItsOpeningCountsAsZeroSeconds) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b"), world.region("c")};
    const auto first = world.minute(-6);
    const auto endpoint = world.endpoint("search", regions, first);
    world.remove(endpoint, first.plus(4, world.window));
    world.sql("UPDATE quorate.endpoint SET deleted_at = NULL");
    world.without_archiver([&](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        std::vector<CellToRecord> cells;
        for (int i = 0; i < 4; ++i)
            for (const auto region : regions) {
                const auto symbol = i == 0 ? 'F' : '.';
                auto made = world.cell(endpoint, region, first.plus(i, world.window), symbol);
                if (i == 0) *made.started += std::chrono::hours{1};  // by a clock that stood ahead
                cells.push_back(world.to_record(made));
            }
        co_await buffer.record(std::move(cells));
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "4");
    });
    EXPECT_EQ(world.sql("SELECT recovered_at = started_at, mttr_seconds FROM dash.incident"),
              "t|0");
}

TEST(Sealing, AnIncidentThatGrowsIntoAP1OfTheOnlyRegionIsMarkedAndTheViewShowsIt) {
    World world;
    const std::vector<RegionId> regions{world.region("a")};
    const auto first = world.minute(-8);
    const auto endpoint = world.endpoint("search", regions, first);
    world.without_archiver([&](RedisClient& client) -> Task<> {
        int minute = 0;
        for (const std::string cell : {"~", "~", "~", "F", "F", "F"})
            co_await world.record(client, endpoint, first.plus(minute++, world.window), cell);
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT string_agg(to_severity, ' ' ORDER BY minute) FROM dash.incident_event",
            "P3 P1");
        co_await world.expect_sql("SELECT severity, marks FROM dash.incident",
                                  "P1|{single_witness}");
    });
}

TEST(Sealing, SlowInAllRegionsIsAGlobalP3) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto first = world.minute(-2);
    const auto endpoint = world.endpoint("search", regions, first);
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < 3; ++i)
            co_await world.record(client, endpoint, first.plus(i, world.window), "~~");
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT state, scope, coverage, since = '" +
                                      to_rfc3339(first.plus(2, world.window)) +
                                      "' FROM dash.endpoint_status",
                                  "P3|global|1|t");
    });
    EXPECT_EQ(world.sql("SELECT severity, scope, reason, regions FROM dash.incident"),
              "P3|global|slow|{a,b}");
}

TEST(Sealing, MoreEndpointsThanOneTransactionTakesAreSealedAtOneWatermark) {
    World world;
    for (const auto* name : {"a", "b", "c", "d", "e"})
        world.region(name);
    const auto minute = world.minute(-3);
    world.sql(
        "INSERT INTO quorate.endpoint (tenant, name, shard, cell_slot) "
        "SELECT 'acme', 'e' || n, n % 4, n / 4 FROM generate_series(1, 5000) n");
    world.sql("INSERT INTO quorate.endpoint_version SELECT id, 1, 1, '" + to_rfc3339(minute) +
              "', '" + to_rfc3339(world.minute(-2)) +
              "', 'https://e.example/mcp', '{1,2,3,4,5}', 60000, false, '{}' "
              "FROM quorate.endpoint");
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "5000");
        co_await world.expect_sql("SELECT count(*) FROM quorate.shard_watermark WHERE minute >= '" +
                                      to_rfc3339(minute) + "'",
                                  "4");
    });
    EXPECT_EQ(world.sql("SELECT minutes FROM quorate.batch ORDER BY id"), "2000\n2000\n1000");
    EXPECT_EQ(world.sql("SELECT count(*) FROM dash.region_minute WHERE reason = 'agent_dead'"),
              "25000");
}

TEST(Sealing, PlainCellsWithoutDetailsAreSealedAndAreNoGaps) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto minute = world.minute(0);
    const auto endpoint = world.endpoint("search", regions, minute);
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.record(client, endpoint, minute, ",,");
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "1");
    });
    EXPECT_EQ(world.sql("SELECT region, verdict, total_ms, http_status FROM dash.region_minute "
                        "ORDER BY region"),
              "a|UP|32.5|200\nb|UP|33.5|200");
    EXPECT_EQ(world.sql("SELECT details IS NULL FROM quorate.minute"), "t");
    EXPECT_EQ(world.sql("SELECT era FROM quorate.endpoint_state"), "2");
}

TEST(Sealing, TheSlotOfADeletedEndpointTellsOfAnotherFromThenOn) {
    World world;
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto first = world.minute(-2);
    const auto second = first.plus(1, world.window);
    const auto gone = world.endpoint("gone", regions, first);
    const auto next = world.endpoint("next", regions, second);
    world.remove(gone, second);
    world.sql("UPDATE quorate.endpoint SET shard = " + std::to_string(world.shard(gone).value()) +
              ", cell_slot = " + std::to_string(World::slot(gone)));
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await world.record(client, gone, first, "FF");
        auto cell_a = world.to_record(world.cell(next, regions[0], second, '.'));
        auto cell_b = world.to_record(world.cell(next, regions[1], second, '.'));
        std::vector<CellToRecord> cells{std::move(cell_a), std::move(cell_b)};
        for (auto& cell : cells) {
            cell.shard = world.shard(gone);
            cell.slot = World::slot(gone);
        }
        CellBuffer buffer{client};
        co_await buffer.record(std::move(cells));
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT string_agg(endpoint || cells_up || cells_fail, ',' ORDER BY endpoint) "
            "FROM dash.minute WHERE minute <= '" +
                to_rfc3339(second) + "'",
            "gone02,next20");
    });
}

TEST(Sealing, ALaterAnnouncedMinuteWaitsForTheEarlierOne) {
    World world{*Window::of(std::chrono::seconds{5})};  // both begin before patience ends
    const std::vector<RegionId> regions{world.region("a"), world.region("b")};
    const auto earlier = world.minute(1);
    const auto endpoint = world.endpoint("search", regions, earlier);
    const auto later = earlier.plus(1, world.window);
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.record(client, endpoint, later, "..");
        CellBuffer buffer{client};
        const std::vector<ShardId> shards{world.shard(endpoint)};
        const auto taken = [&]() -> Task<bool> {
            const auto left = co_await buffer.read_done(shards, regions, 10);
            co_return left.empty();
        };
        EXPECT_TRUE(co_await testing::eventually(taken)) << "held in memory";
        EXPECT_EQ(world.sql("SELECT count(*) FROM quorate.minute"), "0");
        co_await world.record(client, endpoint, earlier, "..");
        co_await world.expect_sql("SELECT count(*) FROM quorate.minute", "2");
    });
    EXPECT_EQ(world.sql("SELECT state, last_minute = '" + to_rfc3339(later) +
                        "' FROM dash.endpoint_status"),
              "OK|t");
}

}  // namespace
}  // namespace quorate
