// What must not grow with the fleet, or with its past.
#include <gtest/gtest.h>

#include "archiver/store/state_store.hpp"
#include "tests/integration/archiver/archive.hpp"

namespace quorate {
namespace {

using testing::Archive;
using testing::World;

/// Rows that a text read of a table, by looking through all of it or by an index; partitions
/// included.
struct Read {
    std::int64_t by_scan = 0;
    std::int64_t in_all = 0;
};
Read rows_read(Archive& archive, const std::string& text, const std::string& table) {
    return archive.database.transact_blocking([&](pqxx::work& work) {
        work.exec(text);
        const auto row = work.exec1(
            "SELECT sum(seq_tup_read), sum(seq_tup_read + coalesce(idx_tup_fetch, 0))"
            " FROM pg_stat_xact_user_tables WHERE schemaname = 'quorate' AND relname LIKE '" +
            table + "'");
        return Read{row[0].as<std::int64_t>(), row[1].as<std::int64_t>()};
    });
}

TEST(Size, WhoIsNotBelievedIsFoundByEndpointAndNotAmongAllMinutes) {
    Archive archive;
    const auto minute = archive.hour(1);
    for (int i = 0; i < 20; ++i) {
        const auto of = archive.endpoint("e" + std::to_string(i));
        auto fault = archive.world.cell(of, archive.regions[0], minute, 'F');
        fault.verdict = Verdict::unknown;
        fault.reason = i < 12 ? Reason::region_fault : Reason::not_reported;
        std::string cells;
        append_packed(packed_cell(fault, false), cells);
        archive.insert(of, minute, "1, 0, 0, 8, 1, 0, '" + bytea_text(cells) + "', NULL");
    }
    archive.flush();
    // Many beside it in its partition, on whatever day of the month this is.
    archive.world.sql(
        "INSERT INTO quorate.minute SELECT t, 1, e.id, 0, 0, 8, 1, 0, '', NULL FROM"
        " quorate.endpoint e, generate_series('" +
        timestamp_text(minute) + "'::timestamptz + interval '1 second', '" +
        timestamp_text(minute) +
        "'::timestamptz + interval '25 minutes', interval '1 second') t;"
        " ANALYZE");
    const auto sentence =
        "SELECT quorate.disbelieved('" + timestamp_text(minute) + "', 1::smallint)";
    const auto read = rows_read(archive, sentence, "minute_2%");
    EXPECT_EQ(read.by_scan, 0);
    EXPECT_LE(read.in_all, 20);
    const auto names = archive.world.sql(sentence);
    EXPECT_EQ(names.substr(0, 18), "acme/e0, acme/e1, ") << names;
    EXPECT_NE(names.find("acme/e7 and 2 more"), std::string::npos) << names;
}

TEST(Size, P1sOfTheLastDaysAreFoundAmongYearsOfEvents) {
    Archive archive;
    archive.endpoint("a");
    archive.world.sql(
        "INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity,"
        " worst_severity, scope, started_at, detected_at, closed_at, regions) SELECT 1, n, 'acme',"
        " 'a', 1, 1, 1, t, t, t, '{}' FROM generate_series(1, 20000) n CROSS JOIN LATERAL"
        " (SELECT now() - n * interval '1 hour' AS t) x;"
        "INSERT INTO quorate.incident_event (incident_id, at, minute, kind, to_severity, scope,"
        " rule_row, detail, inputs) SELECT id, started_at, started_at, 'opened', 1, 1, 4, '', '{}'"
        " FROM quorate.incident; ANALYZE");
    const auto read = rows_read(
        archive, "REFRESH MATERIALIZED VIEW quorate.suppression_cluster", "incident_event");
    EXPECT_EQ(read.by_scan, 0);
    EXPECT_LE(read.in_all, 30 * 24 + 1);
}

/// A state of the endpoint, as of that minute.
void store_state(Archive& archive, EndpointId of, UtcMinute minute) {
    EndpointProgress progress;
    progress.rule.last_minute = minute;
    progress.shard = archive.world.shard(of);
    const ProgressMap nothing;
    const Catalogue catalogue;
    SealPlan plan{nothing, catalogue, SystemClock{}.utc_now()};
    plan.changed.emplace(of, progress);
    archive.database.transact_blocking(
        [&](pqxx::work& work) { store_states(work, plan, StateJournal{}.entries(plan)); });
}

ProgressMap load(Archive& archive) {
    return archive.database.transact_blocking([](pqxx::work& work) {
        work.exec("SET LOCAL ROLE quorate_archiver");
        return load_states(work, World::shards()).progress;
    });
}

TEST(Size, AStartAfterALongTimeFindsLastMinutesWithoutUnpackingAny) {
    Archive archive;
    const auto hot = archive.endpoint("hot");
    const auto packed = archive.endpoint("packed");
    const auto both = archive.endpoint("both");
    const auto at = [&](int ago, int minute) {
        return archive.hour(ago).plus(minute, Window::minute());
    };
    archive.insert_plain(packed, at(70, 0), 60);
    archive.insert_plain(both, at(71, 0), 60);
    archive.insert_plain(both, at(70, 0), 60);
    EXPECT_EQ(archive.compact_all(), 180U);
    // An hour before the last one is unpacked again.
    archive.world.sql("SELECT quorate.unpack_blocks(" + std::to_string(both.value()) + ", '" +
                      timestamp_text(at(71, 0)) + "', '" + timestamp_text(at(71, 0)) + "')");
    archive.insert_plain(hot, at(10, 0), 60);
    for (const auto of : {hot, packed, both})
        store_state(archive, of, at(of == hot ? 10 : 71, 5));
    auto loaded = load(archive);
    EXPECT_EQ(loaded.at(hot).rule.last_minute, at(10, 59));
    EXPECT_EQ(loaded.at(packed).rule.last_minute, at(70, 59));
    EXPECT_EQ(loaded.at(both).rule.last_minute, at(70, 59));

    archive.world.sql(
        "CREATE OR REPLACE FUNCTION quorate.last_minute(wanted"
        " integer) RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'asked for"
        " %', wanted; END $$");
    loaded = load(archive);
    EXPECT_EQ(loaded.at(hot).rule.last_minute, at(10, 59));
    EXPECT_EQ(loaded.at(packed).rule.last_minute, at(70, 59));
}

TEST(Size, WhatIsDeletedAndAllSealedIsNotReadAgain) {
    Archive archive;
    const auto minute = archive.hour(1);
    std::vector<EndpointId> ids;
    for (const auto* name : {"alive", "deleted", "going"}) {
        ids.push_back(archive.endpoint(name));
        archive.insert_plain(ids.back(), minute, 1);
        store_state(archive, ids.back(), minute);
    }
    archive.world.remove(ids[1], minute.plus(1, Window::minute()));
    archive.world.remove(ids[2], archive.world.minute(3));
    const auto loaded = load(archive);
    EXPECT_TRUE(loaded.contains(ids[0]));
    EXPECT_FALSE(loaded.contains(ids[1]));
    EXPECT_TRUE(loaded.contains(ids[2])) << "minutes of it are not sealed yet";
}

TEST(Size, TheLogOfStatesHasAGaugeAndTheCloseOfADeletedEndpointInputs) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    const auto first = world.minute(-4);
    const auto endpoint = world.endpoint("search", regions, first);
    world.remove(endpoint, first.plus(2, world.window));
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (int i = 0; i < 2; ++i)
            co_await world.record(client, endpoint, first.plus(i, world.window), "FFF");
    });
    world.with_archiver([&](RedisClient&, ArchiverApp& app) -> Task<> {
        co_await world.expect_sql("SELECT count(*) FROM dash.incident WHERE closed_at IS NOT NULL",
                                  "1");
        const auto metrics = co_await World::http_get(app.health_port(), "/metrics");
        EXPECT_EQ(metrics.find("quorate_archiver_logged_states 0\n"), std::string::npos);
        EXPECT_NE(metrics.find("quorate_archiver_logged_states "), std::string::npos) << metrics;
    });
    EXPECT_EQ(world.sql("SELECT inputs FROM quorate.incident_event WHERE kind = 'closed'"),
              R"({"rule_version": 1})");
    EXPECT_EQ(world.sql("SELECT inputs->'quarantined' FROM quorate.incident_event"
                        " WHERE kind = 'opened'"),
              "[]");
}

TEST(Size, ASentenceThatCannotBeMadeHoldsUpNoSealing) {
    World world;
    const std::vector<RegionId> regions{world.region("ap"), world.region("eu"), world.region("us")};
    const auto first = world.minute(-4);
    for (int i = 0; i < 6; ++i)
        world.endpoint("e" + std::to_string(i), regions, first);
    world.sql(
        "CREATE OR REPLACE FUNCTION quorate.disbelieved(of timestamptz, region smallint) RETURNS"
        " text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'too many'; END $$");
    world.without_archiver([&](RedisClient& client) -> Task<> {
        for (std::uint64_t id = 1; id <= 6; ++id)
            co_await world.record(client, EndpointId{id}, first, "F..");
    });
    world.with_archiver([&](RedisClient& client, ArchiverApp&) -> Task<> {
        co_await world.expect_sql("SELECT min(minute) >= '" + to_rfc3339(world.minute(-2)) +
                                      "' FROM quorate.shard_watermark",
                                  "t");
        co_await world.record(client, EndpointId{1}, world.minute(0), "...");
        co_await world.expect_sql(
            "SELECT count(*) FROM dash.minute WHERE minute = '" + to_rfc3339(world.minute(0)) + "'",
            "1");
    });
    EXPECT_EQ(world.sql("SELECT count(*) FROM dash.notice WHERE kind = 'region_fault'"), "0");
}

}  // namespace
}  // namespace quorate
