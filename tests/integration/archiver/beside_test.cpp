// What follows from sealed minutes beside decisions, and what is known before the seal.
#include <gtest/gtest.h>

#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using testing::World;

TEST(Beside, AP1OpensAsSoonAsTwoRegionsMakeItCertainAndGetsItsScopeAtTheSeal) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    const auto before = world.minute(-1);
    const auto minute = world.minute(0);
    const auto endpoint = world.endpoint("search", regions, before);
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.record(client, endpoint, before, "FF.");
        co_await world.expect_sql("SELECT count(*) FROM dash.minute", "1");
        co_await world.record(client, endpoint, minute, "Fuu");
        co_await world.record(client, endpoint, minute, "uFu");
        co_await world.expect_sql(
            "SELECT severity, scope IS NULL, reason, regions, mttd_seconds > 0 FROM dash.incident",
            "P1|t|connection_refused|{ap,eu}|t");
        EXPECT_EQ(world.sql("SELECT count(*) FROM dash.minute"), "1") << "nothing is sealed";
        EXPECT_EQ(world.sql("SELECT state FROM dash.endpoint_status"), "P1");
        EXPECT_EQ(world.sql("SELECT payload->>'kind', payload->>'to_severity' FROM quorate.outbox"),
                  "opened|P1");
        EXPECT_EQ(world.sql("SELECT inputs->>'early' FROM quorate.incident_event"), "true");
        co_await world.record(client, endpoint, minute, "uu.");
        co_await world.expect_sql("SELECT severity, scope FROM dash.incident", "P1|widespread");
    });
    EXPECT_EQ(world.sql("SELECT kind, rule_row FROM quorate.incident_event ORDER BY id"),
              "opened|4\nscope_changed|4");
    EXPECT_EQ(world.sql("SELECT decision, scope FROM dash.minute ORDER BY minute"),
              "OK|\nP1|widespread");
}

TEST(Beside, AP1ThatOpenedEarlyGetsItsStartAtTheSealByAllRegions) {
    World world;
    std::vector<RegionId> regions;
    for (const auto* name : {"ap", "eu", "us", "sa", "af"})
        regions.push_back(world.region(name));
    const auto before = world.minute(-1);
    const auto minute = world.minute(0);
    const auto endpoint = world.endpoint("search", regions, before);
    const auto since = [&before](int ms) {
        return "SELECT i.started_at - '" + to_rfc3339(before) + "' = interval '" +
               std::to_string(ms) +
               " ms', o.started_at = i.started_at FROM quorate.incident i"
               " JOIN quorate.incident_opening o ON o.incident_id = i.id";
    };
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.record(client, endpoint, before, "FFF..");
        co_await world.expect_sql("SELECT count(*) FROM dash.minute", "1");
        // The one that failed first comes last.
        co_await world.record(client, endpoint, minute, "uFFuu");
        co_await world.expect_sql(since(200), "t|t");
        co_await world.record(client, endpoint, minute, "Fuu..");
        co_await world.expect_sql("SELECT scope FROM dash.incident", "widespread");
    });
    EXPECT_EQ(world.sql(since(100)), "t|t");
}

TEST(Beside, ARegionThatAloneFailsManyEndpointsIsNotBelieved) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    const auto first = world.minute(-4);
    std::vector<EndpointId> endpoints;
    for (int i = 0; i < 6; ++i)
        endpoints.push_back(world.endpoint("e" + std::to_string(i), regions, first));
    const auto record = [&](RedisClient& client, int minute, const std::string& symbols) -> Task<> {
        for (const auto endpoint : endpoints)
            co_await world.record(client, endpoint, first.plus(minute, world.window), symbols);
    };
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await record(client, 0, "F..");
        co_await record(client, 1, "F..");
        co_await record(client, 2, "...");
        co_await record(client, 3, "...");
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT verdict, reason, count(*) FROM dash.region_minute WHERE region = 'ap'"
            " AND minute < '" +
                to_rfc3339(first.plus(4, world.window)) + "' GROUP BY 1, 2 ORDER BY 1",
            "UNKNOWN|region_fault|12\nUP||12");
        // It opens with the first of these minutes and closes with the second one without.
        co_await world.expect_sql(
            "SELECT kind, region, endpoint IS NULL, closed_at IS NULL,"
            " detail LIKE '6 of 6 endpoints fail%acme/e0, acme/e1%'"
            " FROM dash.notice WHERE kind = 'region_fault'",
            "region_fault|ap|t|f|t");
    });
    EXPECT_EQ(world.sql("SELECT count(*) FROM dash.incident"), "0") << "no P2 for each of them";
    EXPECT_EQ(world.sql("SELECT region, probes, fail_ratio, quarantined, agents_alive"
                        " FROM dash.region_health ORDER BY minute, region LIMIT 3"),
              "ap|6|1|t|0\neu|6|0|f|0\nus|6|0|f|0");
}

TEST(Beside, P1sThatOpenTogetherAtOneHostAreOneCluster) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    const auto first = world.minute(-3);
    const auto one = world.endpoint("one", regions, first);
    const auto two = world.endpoint("two", regions, first);
    const auto other = world.endpoint("other", regions, first);
    world.sql(
        "UPDATE quorate.endpoint_version SET url = 'https://Shared.example:8443/' || endpoint_id"
        " WHERE endpoint_id IN (1, 2)");
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (const auto endpoint : {one, two, other})
            co_await world.record(client, endpoint, first, "FFF");
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT count(*) FROM dash.incident WHERE severity = 'P1'", "3");
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {  // a new life refreshes at once
        co_await world.expect_sql(
            "SELECT kind, key, incidents, endpoints FROM dash.suppression_cluster"
            " WHERE kind = 'host'",
            "host|shared.example|{1,2}|{acme/one,acme/two}");
    });
}

TEST(Beside, NoticesOpenAndCloseBesideTheDecisions) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    const auto first = world.minute(-2);
    const auto endpoint = world.endpoint("search", regions, first);
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await world.record(client, endpoint, first, "AA.");
        co_await world.record(client, endpoint, first.plus(1, world.window), "AA.");
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT tenant, endpoint, kind, closed_at IS NULL, region IS NULL, detail FROM "
            "dash.notice",
            "acme|search|auth|t|t|auth_required (ap, eu)");
        EXPECT_EQ(world.sql("SELECT payload->>'notice', payload->>'kind' FROM quorate.outbox"),
                  "auth|opened");
    });
    world.without_archiver([&](RedisClient& client) -> Task<> {
        co_await world.record(client, endpoint, first.plus(2, world.window), "...");
    });
    // Another archiver goes on with what the first one knew.
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT closed_at > opened_at FROM dash.notice", "t");
    });
    EXPECT_EQ(world.sql("SELECT DISTINCT state FROM dash.endpoint_status"), "OK");
}

TEST(Beside, ToolListsAreKeptByRegionWithTheirFirstAndLastMinute) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu")};
    const auto first = world.minute(-4);
    const auto endpoint = world.endpoint("search", regions, first);
    world.without_archiver([&](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        const std::vector<std::pair<char, char>> lists{
            {'a', '1'}, {'a', '1'}, {'a', '2'}, {'b', '3'}};
        for (std::size_t i = 0; i < lists.size(); ++i) {
            const auto minute = first.plus(static_cast<std::int64_t>(i), world.window);
            std::vector<CellToRecord> cells;
            for (const auto region : regions) {
                auto cell = world.cell(endpoint, region, minute, '.');
                cell.tool_count = 3;
                cell.semantic_hash = std::string(64, region == regions[0] ? lists[i].first : 'a');
                cell.full_hash = std::string(64, region == regions[0] ? lists[i].second : '1');
                cells.push_back(world.to_record(cell));
            }
            co_await buffer.record(std::move(cells));
        }
    });
    world.with_archiver([&](RedisClient&, ArchiverApp&) -> Task<> {
        co_await world.expect_sql(
            "SELECT region, left(semantic_hash, 1), left(full_hash, 1), tool_count, change_kind,"
            " extract(epoch FROM last_seen - first_seen)::integer FROM dash.manifest ORDER BY "
            "region, "
            "first_seen",
            "ap|a|1|3||60\nap|a|2|3|text|0\nap|b|3|3|contract|0\neu|a|1|3||180");
    });
}

}  // namespace
}  // namespace quorate
