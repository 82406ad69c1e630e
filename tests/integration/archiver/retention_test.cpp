#include <gtest/gtest.h>

#include "archiver/retention/retention_store.hpp"
#include "platform/postgres/database.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using std::chrono::hours;
using testing::World;

/// A database whose minutes are written straight into it: one each hour over `days` days, of
/// endpoints of three tenants, one of each tier, and all of it rolled up.
struct History {
    explicit History(int days)
        : database{{.conninfo = world.config().postgres_conninfo,
                    .application_name = "test",
                    .connections = 1}} {
        const std::vector<RegionId> regions{world.region("ap"), world.region("eu")};
        for (const auto* name : {"a", "b", "c"})
            world.endpoint(name, regions, world.minute(0));
        world.sql(
            "INSERT INTO quorate.tenant VALUES ('gratis', 'free'), ('big', 'enterprise')"
            " ON CONFLICT DO NOTHING;"
            "UPDATE quorate.endpoint SET tenant = 'gratis' WHERE name = 'b';"
            "UPDATE quorate.endpoint SET tenant = 'big' WHERE name = 'c';"
            "INSERT INTO quorate.shard_watermark SELECT s, now() - interval '" +
            std::to_string(days) +
            " days' FROM generate_series(0, 3) s;"
            "SELECT quorate.make_minute_partitions();"
            "INSERT INTO quorate.minute SELECT t, 1, e.id, 0, 0, 8, 1, 0,"
            " decode(repeat('01', 28), 'hex'), NULL FROM quorate.endpoint e,"
            " generate_series(date_trunc('hour', now()) - interval '" +
            std::to_string(days) +
            " days', now() - interval '2 hours', interval '1 hour') t;"
            "INSERT INTO quorate.rollup_day SELECT endpoint_id, date_trunc('day', minute, 'UTC'),"
            " count(*), 0, 0, count(*), 0, NULL, NULL, NULL, '\\x00', '\\x0100'"
            " FROM quorate.minute GROUP BY 1, 2;"
            "INSERT INTO quorate.rollup_progress SELECT s, now() FROM generate_series(0, 3) s");
    }

    std::map<std::string, std::size_t> erase(std::size_t rows_max) {
        return database.transact_blocking([&](auto& work) {
            return delete_past(work, settings, SystemClock{}.utc_now(), rows_max);
        });
    }
    /// Of all endpoints, two at a time. @return how many lists went
    std::size_t erase_lists() {
        std::size_t lists = 0;
        PastLists past;
        do {
            past = database.transact_blocking([&](auto& work) {
                return delete_past_lists(
                    work, settings, SystemClock{}.utc_now(), past.last.value_or(EndpointId{}), 2);
            });
            lists += past.lists;
        } while (past.last);
        return lists;
    }
    std::string kept(const std::string& partition) {
        const auto reports = database.transact_blocking(
            [&](auto& work) { return report_partitions(work, settings); });
        for (const auto& report : reports)
            if (report.name == partition) return report.kept_because.value_or("-");
        return "no such partition";
    }
    std::string oldest_partition() {
        return world.sql("SELECT min(tableoid::regclass::text) FROM quorate.minute").substr(8);
    }

    World world;
    Database database;
    RetentionSettings settings;
};

TEST(Retention, MinutesGoByTheTierOfTheirTenantABoundedNumberAtATime) {
    History history{100};
    EXPECT_EQ(history.erase(100).at("minute"), 100U);
    while (history.erase(1000).at("minute") > 0) {
    }
    EXPECT_EQ(
        history.world.sql("SELECT e.name, round(extract(epoch FROM now() - min(m.minute)) / 86400)"
                          " FROM quorate.minute m JOIN quorate.endpoint e ON e.id = m.endpoint_id"
                          " GROUP BY 1 ORDER BY 1"),
        "a|90\nb|30\nc|100");
    EXPECT_EQ(history.world.sql("SELECT count(DISTINCT start_at) >= 100 FROM quorate.rollup_day"),
              "t")
        << "days stay for two years";
}

TEST(Retention, ToolListsGoByTheTierButTheLastOfARegionAndWhatTheySayWithThem) {
    History history{1};
    history.world.sql(
        "INSERT INTO quorate.manifest SELECT x, '[]', now() - interval '2 days'"
        " FROM unnest(ARRAY['old', 'last', 'kept', 'orphan']) x;"
        "INSERT INTO quorate.manifest_seen"
        " SELECT id, 1, x.name, x.name, 1, now() - x.age, now() - x.age, NULL"
        " FROM quorate.endpoint e CROSS JOIN (VALUES ('old', interval '40 days'),"
        "  ('last', interval '35 days')) x (name, age);"
        "INSERT INTO quorate.manifest_seen SELECT id, 2, 'kept', 'kept', 1, now(), now(), NULL"
        " FROM quorate.endpoint WHERE name = 'b'");
    history.erase_lists();
    const auto* left =
        "SELECT e.name, string_agg(full_hash, ',' ORDER BY full_hash) FROM quorate.manifest_seen s"
        " JOIN quorate.endpoint e ON e.id = s.endpoint_id GROUP BY 1 ORDER BY 1";
    EXPECT_EQ(history.world.sql(left), "a|last,old\nb|kept,last\nc|last,old");
    const auto* contents =
        "SELECT string_agg(full_hash, ',' ORDER BY full_hash) FROM quorate.manifest";
    EXPECT_EQ(history.world.sql(contents), "kept,last,old");
    history.world.sql(
        "UPDATE quorate.endpoint SET deleted_at = now() WHERE name = 'b';"
        "DELETE FROM quorate.manifest_seen USING quorate.endpoint e"
        " WHERE e.id = endpoint_id AND e.name <> 'b'");
    history.erase_lists();
    EXPECT_EQ(history.world.sql(left), "b|kept") << "seen within the tier";
    EXPECT_EQ(history.world.sql(contents), "kept");
}

TEST(Retention, OfAServerThatNeverListsTheSameTheNewestHundredStay) {
    History history{1};
    history.world.sql(
        "INSERT INTO quorate.manifest_seen SELECT id, 1, n, n, 1, now() - n * interval '1 minute',"
        " now() - n * interval '1 minute', NULL FROM quorate.endpoint, generate_series(1, 150) n");
    EXPECT_EQ(history.erase_lists(), 150U);
    EXPECT_EQ(history.world.sql("SELECT DISTINCT count(*), max(full_hash::integer)"
                                " FROM quorate.manifest_seen GROUP BY endpoint_id"),
              "100|100");
}

TEST(Retention, WhatIsInNoRollupStays) {
    History history{100};
    history.world.sql("UPDATE quorate.rollup_progress SET until = '-infinity'");
    EXPECT_EQ(history.erase(1000).at("minute"), 0U);
    history.world.sql(
        "UPDATE quorate.rollup_progress SET until = now();"
        "INSERT INTO quorate.rollup_stale SELECT endpoint_id, min(minute)"
        " FROM quorate.minute GROUP BY 1");
    while (history.erase(1000).at("minute") > 0) {
    }
    EXPECT_EQ(
        history.world.sql("SELECT e.name, round(extract(epoch FROM now() - min(m.minute)) / 86400)"
                          " FROM quorate.minute m JOIN quorate.endpoint e ON e.id = m.endpoint_id"
                          " GROUP BY 1 ORDER BY 1"),
        "a|100\nb|100\nc|100")
        << "a stale hour waits until it was counted anew";
}

TEST(Retention, APartitionGoesOnlyPastEveryTierAndRolledUp) {
    History history{100};
    const auto oldest = history.oldest_partition();
    EXPECT_EQ(history.kept(oldest), "younger than the longest tier");
    history.settings.free = history.settings.team = history.settings.enterprise = hours{20 * 24};
    history.world.sql(
        "UPDATE quorate.rollup_day SET up = up - 1 WHERE start_at ="
        " (SELECT min(start_at) FROM quorate.rollup_day)");
    EXPECT_EQ(history.kept(oldest), "3 endpoint-days hold more minutes than their rollup");
    const auto drop = [&] {
        return history.database.transact_blocking(
            [&](auto& work) { return drop_partition(work, oldest, history.settings); });
    };
    EXPECT_THROW(drop(), PostgresError);
    history.world.sql(
        "UPDATE quorate.rollup_day SET up = up + 1 WHERE start_at ="
        " (SELECT min(start_at) FROM quorate.rollup_day)");
    EXPECT_EQ(history.kept(oldest), "-");
    const auto before = history.world.sql("SELECT count(*) FROM quorate.minute");
    EXPECT_GT(drop(), 8192U);
    EXPECT_EQ(history.kept(oldest), "no such partition");
    EXPECT_NE(history.world.sql("SELECT count(*) FROM quorate.minute"), before);
    EXPECT_EQ(history.world.sql("SELECT to_regclass('quorate." + oldest + "') IS NULL"), "t");
}

TEST(Retention, OutboxAndBatchesGoAfterThirtyDaysAndAreCounted) {
    History history{1};
    history.world.sql(
        "INSERT INTO quorate.outbox (key, created_at, payload) VALUES"
        " ('old', now() - interval '31 days', '{}'), ('new', now(), '{}')");
    history.world.with_archiver([&](RedisClient&, ArchiverApp& app) -> Task<> {
        co_await history.world.expect_sql("SELECT string_agg(key, ',') FROM quorate.outbox", "new");
        const auto metrics = co_await World::http_get(app.health_port(), "/metrics");
        EXPECT_NE(metrics.find("quorate_archiver_deleted_rows_total{table=\"outbox\"} 1"),
                  std::string::npos);
    });
}

}  // namespace
}  // namespace quorate
