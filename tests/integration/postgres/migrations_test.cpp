#include "platform/postgres/migrations.hpp"

#include <string>

#include <gtest/gtest.h>

#include "core/model/reason.hpp"
#include "tests/integration/postgres/cluster.hpp"

namespace quorate {
namespace {

using testing::cluster;
using testing::fresh_database;
using testing::name_of_database;

struct Migrated : ::testing::Test {
    std::string conninfo = fresh_database();
    std::string name = name_of_database(conninfo);
    Database database{{.conninfo = conninfo, .application_name = "test"}};
    std::string sql(const std::string& text) { return cluster().sql(name, text); }
    std::string refusal() {
        try {
            require_schema(database);
        } catch (const SchemaMismatch& error) {
            return error.what();
        }
        return {};
    }
};

TEST_F(Migrated, BringsAnEmptyDatabaseUpOnceAndDoesNothingTheSecondTime) {
    EXPECT_EQ(refusal(),
              "the database's schema has version 0, this build needs " +
                  std::to_string(schema_version()) +
                  ": run `quorate-archiver --config FILE --migrate`");
    EXPECT_EQ(migrate(database).size(), embedded_migrations().size());
    EXPECT_EQ(refusal(), "");
    const auto before = sql("SELECT version, name, applied_at FROM quorate.schema_version");
    EXPECT_TRUE(migrate(database).empty());
    EXPECT_EQ(sql("SELECT version, name, applied_at FROM quorate.schema_version"), before);
}

TEST_F(Migrated, RefusesADatabaseThatIsNewerThanTheBuild) {
    migrate(database);
    sql("INSERT INTO quorate.schema_version VALUES (99, '0099_later.sql')");
    EXPECT_EQ(refusal(),
              "the database's schema has version 99, this build knows " +
                  std::to_string(schema_version()) + ": install a newer Quorate");
    EXPECT_THROW(migrate(database), SchemaMismatch);
}

TEST_F(Migrated, NamesOfStoredNumbersComeFromTheEnumerations) {
    migrate(database);
    EXPECT_EQ(sql("SELECT count(*) FROM quorate.enum_name WHERE kind = 'reason'"),
              std::to_string(kReasonNames.size()));
    EXPECT_EQ(sql("SELECT name FROM quorate.enum_name WHERE kind = 'verdict' AND value = 5"),
              "FAIL");
    sql("UPDATE quorate.enum_name SET name = 'wrong' WHERE kind = 'verdict' AND value = 5");
    migrate(database);
    EXPECT_EQ(sql("SELECT name FROM quorate.enum_name WHERE kind = 'verdict' AND value = 5"),
              "FAIL");
}

TEST_F(Migrated, PartitionsReachFromTheLastMonthToThreeMonthsAhead) {
    migrate(database);
    EXPECT_EQ(sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'quorate.minute'::regclass"),
              "5");
    for (const auto* when : {"now()", "now() - interval '1 month'", "now() + interval '3 months'"})
        sql(std::string{"INSERT INTO quorate.minute VALUES ("} + when +
            ", 1, 1, 0, 0, 8, 1, 0, '\\x')");
    EXPECT_EQ(sql("SELECT quorate.make_minute_partitions()"), "0");
    // An archiver that was away for long fills months that nobody made.
    sql("INSERT INTO quorate.shard_watermark VALUES (0, now() - interval '6 months')");
    EXPECT_EQ(sql("SELECT quorate.make_minute_partitions()"), "6");
}

TEST_F(Migrated, TheReaderSelectsFromDashAndNothingElse) {
    migrate(database);
    sql("ALTER ROLE quorate_reader LOGIN");
    Database reader{
        {.conninfo = cluster().conninfo(name, "quorate_reader"), .application_name = "reader"}};
    const auto views =
        sql("SELECT string_agg(viewname, ' ') FROM pg_views WHERE schemaname='dash'");
    EXPECT_FALSE(views.empty());
    for (std::size_t at = 0; at < views.size();) {
        const auto end = std::min(views.find(' ', at), views.size());
        const auto view = views.substr(at, end - at);
        reader.transact_blocking(
            [&](pqxx::work& work) { work.exec("SELECT * FROM dash." + view); });
        at = end + 1;
    }
    for (const std::string query : {"SELECT * FROM quorate.minute",
                                    "SELECT * FROM quorate.endpoint",
                                    "INSERT INTO dash.minute (tenant) VALUES ('x')",
                                    "CREATE TABLE dash.mine (n int)",
                                    "SELECT quorate.make_minute_partitions()"}) {
        SCOPED_TRACE(query);
        EXPECT_THROW(reader.transact_blocking([&](pqxx::work& work) { work.exec(query); }),
                     PostgresError);
    }
}

TEST_F(Migrated, TheArchiversRoleMakesPartitionsAndWritesMinutesButNoCatalogue) {
    migrate(database);
    sql("ALTER ROLE quorate_archiver LOGIN");
    Database archiver{
        {.conninfo = cluster().conninfo(name, "quorate_archiver"), .application_name = "archiver"}};
    archiver.transact_blocking([](pqxx::work& work) {
        work.exec("SELECT quorate.make_minute_partitions()");
        work.exec("INSERT INTO quorate.minute VALUES (now(), 1, 1, 0, 0, 8, 1, 0, '\\x')");
    });
    EXPECT_THROW(archiver.transact_blocking([](pqxx::work& work) {
        work.exec("INSERT INTO quorate.tenant VALUES ('t')");
    }),
                 PostgresError);
}

TEST_F(Migrated, AWindowIsEndedByTheCoordinatorsRoleAndNeitherChangedNorDeletedByIt) {
    migrate(database);
    sql("ALTER ROLE quorate_coordinator LOGIN; ALTER ROLE quorate_archiver LOGIN");
    const auto as = [this](const std::string& role, const std::string& text) {
        Database one{{.conninfo = cluster().conninfo(name, role), .application_name = "test"}};
        one.transact_blocking([&](pqxx::work& work) { work.exec(text); });
    };
    for (const std::string table : {"quorate.maintenance", "quorate.silence"}) {
        as("quorate_coordinator",
           "INSERT INTO " + table +
               " (matchers, starts_at, ends_at, reason, owner, created_by, valid_from) VALUES"
               " ('[{\"tenant\": \"a\"}]', now(), now() + interval '1 h', 'r', 'o', 'p', now())");
        const auto end =
            "UPDATE " + table + " SET valid_to = now(), ended_at = now(), ended_by = 'p'";
        EXPECT_THROW(as("quorate_archiver", end), PostgresError);
        EXPECT_THROW(as("quorate_coordinator", "UPDATE " + table + " SET ends_at = now()"),
                     PostgresError);
        EXPECT_THROW(as("quorate_coordinator", "DELETE FROM " + table), PostgresError);
        as("quorate_coordinator", end);
        as("quorate_archiver", "SELECT * FROM " + table);
    }
}

TEST_F(Migrated, EveryViewAndEveryColumnOfDashHasAComment) {
    migrate(database);
    EXPECT_EQ(sql("SELECT c.relname || '.' || a.attname FROM pg_class c "
                  "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
                  "WHERE c.relnamespace = 'dash'::regnamespace AND c.relkind = 'v' "
                  "AND (col_description(c.oid, a.attnum) IS NULL "
                  "     OR obj_description(c.oid, 'pg_class') IS NULL)"),
              "");
}

TEST_F(Migrated, TheViewsHaveTheColumnsAndTypesThatDashboardsHoldOnTo) {
    migrate(database);
    const auto columns = [this](const std::string& view) {
        return sql(
            "SELECT string_agg(column_name || ' ' || "
            "CASE udt_name WHEN 'timestamptz' THEN 'ts' WHEN 'float8' THEN 'f8' "
            "ELSE udt_name END, ', ' ORDER BY ordinal_position) "
            "FROM information_schema.columns "
            "WHERE table_schema = 'dash' AND table_name = '" +
            view + "'");
    };
    EXPECT_EQ(columns("endpoint_status"),
              "tenant text, endpoint text, url text, state text, scope text, since ts, "
              "flapping bool, coverage f8, last_minute ts, p95_ms_24h f8, uptime_30d f8");
    EXPECT_EQ(columns("minute"),
              "minute ts, tenant text, endpoint text, decision text, scope text, rule_row int2, "
              "cells_up int4, cells_slow int4, cells_degraded int4, cells_fail int4, "
              "cells_auth int4, cells_unknown int4, cells_maint int4, coverage f8, p50_ms f8, "
              "max_ms f8");
    EXPECT_EQ(columns("region_minute"),
              "minute ts, tenant text, endpoint text, region text, verdict text, reason text, "
              "phase text, total_ms f8, connect_ms f8, tls_ms f8, initialize_ms f8, "
              "tools_list_ms f8, http_status int4, retried bool, late bool, agent_lag_ms f8, "
              "own_verdict text");
    EXPECT_EQ(
        columns("incident"),
        "id int8, tenant text, endpoint text, severity text, worst_severity text, "
        "scope text, started_at ts, detected_at ts, recovered_at ts, closed_at ts, "
        "mttd_seconds f8, mttr_seconds f8, reason text, regions _text, flaps int4, marks _text, "
        "acknowledged_at ts, acknowledged_by text");
    EXPECT_EQ(columns("incident_event"),
              "incident_id int8, at ts, minute ts, from_severity text, to_severity text, "
              "rule_row int2, detail text");
    EXPECT_EQ(columns("notice"),
              "tenant text, endpoint text, kind text, opened_at ts, closed_at ts, region text, "
              "detail text, id int8, changed_at ts");
    const std::string sums =
        ", tenant text, endpoint text, uptime f8, coverage f8, "
        "down_minutes f8, p50_ms f8, p95_ms f8, p99_ms f8";
    EXPECT_EQ(columns("uptime_daily"), "day date" + sums);
    EXPECT_EQ(columns("uptime_monthly"), "month date" + sums);
    EXPECT_EQ(columns("uptime_30d"),
              "tenant text, endpoint text, uptime f8, coverage f8, down_minutes f8, p95_ms f8");
    EXPECT_EQ(columns("region_health"),
              "region text, minute ts, agents_alive int4, probes int4, fail_ratio f8, "
              "quarantined bool, lone_fails int4");
    EXPECT_EQ(
        columns("manifest"),
        "tenant text, endpoint text, region text, semantic_hash text, full_hash text, "
        "first_seen ts, last_seen ts, tool_count int4, change_kind text, content_stored bool");
    for (const std::string windows : {"maintenance", "silence"})
        EXPECT_EQ(columns(windows),
                  "id int8, matchers _text, starts_at ts, ends_at ts, rule text, time_zone text, "
                  "first_day date, start_of_day text, duration_seconds f8, reason text, "
                  "owner text, created_at ts, created_by text, in_force_from ts, ended_at ts, "
                  "ended_by text, ended_from ts");
}

}  // namespace
}  // namespace quorate
