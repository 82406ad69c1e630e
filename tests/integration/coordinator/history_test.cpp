// What operators do with history: describe, sum up, replay, acknowledge, forget.
#include <set>
#include <sstream>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "coordinator/catalog/reports.hpp"
#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/coordinator/running_app.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::config_for;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;

/// A coordinator with endpoints `acme/a` and `acme/b` and rows of each in every table that knows
/// endpoints.
struct Known {
    Known() : app{config_for(lab, redis.url())} {
        lab.apply(
            "endpoints:\n  - {name: a, tenant: acme, url: 'http://h/a'}\n"
            "  - {name: b, tenant: acme, url: 'http://h/b'}\n");
        lab.sql(
            "SELECT quorate.make_minute_partitions();"
            "INSERT INTO quorate.minute SELECT date_trunc('minute', now()), 1, id, 0, 0, 8, 1, 0, "
            "'\\x', NULL"
            " FROM quorate.endpoint;"
            "INSERT INTO quorate.minute_block SELECT id, 0, 1, date_trunc('hour', now()), 1, 0,"
            " 0, NULL, 1, '{1}', '{-1}', NULL, '{-1}', '{0,0}', '', NULL, '' FROM quorate.endpoint;"
            "INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity, "
            "worst_severity,"
            " scope, started_at, detected_at, regions) SELECT id, 1, tenant, name, 1, 1, 1, now(), "
            "now(), '{}'"
            " FROM quorate.endpoint;"
            "INSERT INTO quorate.incident_opening SELECT id, 1, now(), now(), NULL FROM "
            "quorate.incident;"
            "INSERT INTO quorate.incident_event (incident_id, at, minute, kind, to_severity, "
            "scope, rule_row,"
            " detail, inputs) SELECT id, now(), date_trunc('minute', now()), 'opened', 1, 1, 4, "
            "'', '{}'"
            " FROM quorate.incident;"
            "INSERT INTO quorate.incident_ack (incident_id, principal, note) SELECT id, 'p', 'n'"
            " FROM quorate.incident;"
            "INSERT INTO quorate.outbox (key, payload) SELECT name, jsonb_build_object('tenant', "
            "tenant,"
            " 'endpoint', name) FROM quorate.endpoint;"
            "INSERT INTO quorate.notice (endpoint_id, tenant, endpoint, kind, opened_at, "
            "changed_at, detail)"
            " SELECT id, tenant, name, 'auth', now(), now(), '' FROM quorate.endpoint;"
            "INSERT INTO quorate.endpoint_state (endpoint_id, shard, decision, scope, cells, "
            "voters,"
            " since, flapping) SELECT id, shard, 0, 0, 1, 1, now(), false FROM quorate.endpoint;"
            "INSERT INTO quorate.state_log (shard, endpoints, minutes, states) SELECT shard,"
            " array_agg(id), array_agg(0), array_agg(''::bytea) FROM quorate.endpoint GROUP BY "
            "shard;"
            "INSERT INTO quorate.spell SELECT id, 1, now(), now() FROM quorate.endpoint;"
            "INSERT INTO quorate.rollup_stale SELECT id, now() FROM quorate.endpoint;"
            "INSERT INTO quorate.manifest_seen SELECT id, 1, 's', 'f', 1, now(), now(), NULL"
            " FROM quorate.endpoint;"
            "INSERT INTO quorate.manifest_seen SELECT id, 1, name, name, 1, now(), now(), NULL"
            " FROM quorate.endpoint;"
            "INSERT INTO quorate.manifest (full_hash, content) VALUES ('f', '[]'), ('a', '[]'),"
            " ('b', '[]');"
            "INSERT INTO quorate.baseline_day SELECT id, now(), '' FROM quorate.endpoint;"
            "INSERT INTO quorate.baseline SELECT id, 1, 1, 1 FROM quorate.endpoint;"
            "INSERT INTO quorate.rolling SELECT id, now(), 1, 1 FROM quorate.endpoint;"
            "INSERT INTO quorate.shard_watermark SELECT s, '2100-01-01' FROM "
            "generate_series(0, 63) s;"
            "REFRESH MATERIALIZED VIEW quorate.suppression_cluster");
        lab.sql(
            "INSERT INTO quorate.data_key VALUES ('acme', 1, '\\x00', 'k');"
            "INSERT INTO quorate.secret VALUES ('acme', 's', 1, 1, '\\x00', now(), now(), 'p')");
        for (const auto* table : {"maintenance", "silence"})
            lab.sql(std::string{"INSERT INTO quorate."} + table +
                    " (matchers, starts_at, ends_at, reason, owner, created_by, valid_from) SELECT"
                    " jsonb_build_array(jsonb_build_object('tenant', tenant, 'endpoint', name)),"
                    " now(), now() + interval '1 h', 'r', 'o', 'p', now() FROM quorate.endpoint");
        for (const auto* table : {"hour", "day", "month"})
            lab.sql(
                std::string{"INSERT INTO quorate.rollup_"} + table +
                " SELECT id, date_trunc('month', now()), 1, 0, 0, 1, 1, 1, 1, 1, '\\x00', '\\x0100'"
                " FROM quorate.endpoint");
    }
    CliRun quorate(std::vector<std::string> words) const {
        words.insert(words.end(), {"--server", "127.0.0.1:" + std::to_string(app.admin_port())});
        return run_cli(words);
    }
    /// As a prune does, some minutes ago.
    void remove(const std::string& name) const {
        lab.sql("UPDATE quorate.endpoint SET deleted_at = now() WHERE name = '" + name +
                "'; UPDATE quorate.endpoint_version SET valid_to = valid_from + interval '1 minute'"
                " FROM quorate.endpoint e WHERE e.id = endpoint_id AND e.name = '" +
                name + "'");
    }
    /// Rows of every table of schema quorate that tell of an endpoint, found in the catalogue of
    /// Postgres: so a table that somebody adds is looked at too.
    std::map<std::string, int> rows_of(const std::string& name) const {
        std::map<std::string, int> rows;
        const auto list = lab.sql(
            "SELECT DISTINCT table_name, column_name FROM information_schema.columns JOIN pg_class "
            "c"
            " ON c.relname = table_name AND c.relnamespace = 'quorate'::regnamespace"
            " WHERE table_schema = 'quorate' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND table_name NOT IN ('data_key', 'secret')"  // the tenant's: below
            " AND column_name IN ('tenant', 'endpoint_id', 'incident_id', 'payload', 'endpoints', "
            "'matchers') "
            "ORDER BY 1, "
            "2");
        std::istringstream lines{list};
        for (std::string line; std::getline(lines, line);) {
            const auto table = line.substr(0, line.find('|'));
            const auto column = line.substr(line.find('|') + 1);
            const std::string condition =
                column == "endpoints"     ? ids.at(name) + " = ANY (endpoints)"
                : column == "matchers"    ? "matchers @> '[{\"endpoint\": \"" + name + "\"}]'"
                : column == "endpoint_id" ? "endpoint_id = " + ids.at(name)
                : column == "incident_id" ? "incident_id = " + ids.at(name)
                : column == "payload"     ? "payload->>'endpoint' = '" + name + "'"
                : table == "endpoint"     ? "name = '" + name + "'"
                                          : "endpoint = '" + name + "'";
            rows[table] +=
                std::stoi(lab.sql("SELECT count(*) FROM quorate." + table + " WHERE " + condition));
        }
        return rows;
    }
    Catalogued lab;
    RedisServer redis;
    RunningApp app;
    std::map<std::string, std::string> ids{{"a", "1"}, {"b", "2"}};
};

TEST(History, ForgettingAnEndpointLeavesNoRowOfItAndAllOfTheOthers) {
    const Known known;
    const auto before = known.rows_of("a");
    EXPECT_GE(before.size(), 16U);
    for (const auto& [table, rows] : before)
        EXPECT_GT(rows, 0) << table << ": this test puts no row into it";
    const std::vector<std::string> words{"forget", "--tenant", "acme", "--endpoint", "a"};
    EXPECT_EQ(known.quorate(words).status, 1) << "it is not asked for really";
    auto really = words;
    really.emplace_back("--yes");
    const auto refused = known.quorate(really);
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.err.find("is watched still"), std::string::npos) << refused.err;
    EXPECT_EQ(known.rows_of("a"), before);

    known.remove("a");
    const auto others = known.rows_of("b");
    really.insert(really.end(), {"-o", "json"});
    const auto done = known.quorate(really);
    ASSERT_EQ(done.status, 0) << done.err;
    for (const auto& [table, rows] : known.rows_of("a"))
        EXPECT_EQ(rows, 0) << table;
    EXPECT_EQ(known.rows_of("b"), others);
    EXPECT_EQ(known.lab.sql("SELECT full_hash FROM quorate.manifest ORDER BY 1"), "b\nf")
        << "what another endpoint lists too stays";
    const auto receipt = boost::json::parse(done.out);
    EXPECT_EQ(known.lab.sql("SELECT method, target, receipt->>'sha256',"
                            " encode(sha256((receipt->>'text')::bytea), 'hex') = receipt->>'sha256'"
                            " FROM quorate.audit WHERE method = 'Forget'"),
              "Forget|acme/a|" + std::string{receipt.at("receipt_sha256").as_string()} + "|t");
    EXPECT_EQ(known.lab.sql("SELECT d->'manifest', d->'baseline_day', d->'baseline' FROM"
                            " (SELECT (receipt->>'text')::json->'deleted' AS d FROM quorate.audit"
                            "  WHERE method = 'Forget') a"),
              "1|1|1");
    EXPECT_NE(known.lab.sql_as("quorate_coordinator", "DELETE FROM quorate.audit"), "");
    EXPECT_EQ(known.quorate(really).status, 1) << "nothing is known of it any more";
}

TEST(History, AWindowOfOthersTooLosesWhatItSaysOfWhatIsForgotten) {
    const Known known;
    known.lab.sql(
        "UPDATE quorate.silence SET matchers = matchers || '[{\"tenant\": \"other\"}]'"
        " WHERE id = 1");
    known.remove("a");
    const auto done = known.quorate({"forget", "--tenant", "acme", "--endpoint", "a", "--yes"});
    ASSERT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(known.lab.sql("SELECT matchers FROM dash.silence ORDER BY id"), "{other}\n{acme/b}");
}

TEST(History, ForgettingATenantLeavesNotEvenItsName) {
    const Known known;
    known.remove("a");
    known.remove("b");
    const auto done = known.quorate({"forget", "--tenant", "acme", "--yes"});
    ASSERT_EQ(done.status, 0) << done.err;
    EXPECT_NE(done.out.find(" in the audit log"), std::string::npos) << done.out;
    for (const auto* name : {"a", "b"})
        for (const auto& [table, rows] : known.rows_of(name))
            EXPECT_EQ(rows, 0) << table;
    EXPECT_EQ(known.lab.sql("SELECT count(*) FROM quorate.tenant WHERE name = 'acme'"), "0");
    EXPECT_EQ(known.lab.sql("SELECT (SELECT count(*) FROM quorate.secret)"
                            " + (SELECT count(*) FROM quorate.data_key)"),
              "0");
}

/// Every column of every table. A star: it says whose endpoint a row is about, or names one. What
/// such a row says goes with its endpoint; the audit log and credentials alone keep what was
/// ordered and who may order.
constexpr const char* kColumns =
    "agent_cordon: agent created_at created_by reason region_id\n"
    "agent_user: password_sha256 region_id renewed_at\n"
    "audit: after_sha256 at before_sha256 changes changes_left_out credential detail id"
    " method outcome peer principal reason receipt target* tenants*\n"
    "baseline: changed_at endpoint_id* initialize_us p50_ms p95_ms region_id rest_us"
    " tcp_us tls_us tools_list_us\n"
    "baseline_day: endpoint_id* regions start_at\n"
    "batch: id minute_max minute_min minutes sealed_at txid\n"
    "batch_floor: deleted_to one\n"
    "catalogue_change: at generation principal summary\n"
    "credential: certificate created_at created_by expires_at id principal revoked_at"
    " revoked_by role secret_sha256 tenants*\n"
    "data_key: generation made_at tenant* wrapped wrapped_at wrapping_key\n"
    "deployment: only_row shards window_ms\n"
    "endpoint: cell_slot created_at deleted_at id* name* shard tenant*\n"
    "endpoint_state: cells decision endpoint_id* era flapping notices scope shard since"
    " state voters\n"
    "endpoint_version: endpoint_id* generation interval_ms paused regions spec url"
    " valid_from valid_to version\n"
    "enum_name: kind name value\n"
    "idempotency_key: at call credential key method request\n"
    "incident: closed_at detected_at endpoint* endpoint_id* flaps id marks mttr_seconds"
    " notified_at ordinal reason recovered_at regions scope severity started_at tenant*"
    " worst_severity\n"
    "incident_ack: at id incident_id* note principal\n"
    "incident_event: at detail from_severity id incident_id* inputs kind minute rule_row"
    " scope to_severity\n"
    "incident_opening: detected_at incident_id* opening recovered_at started_at\n"
    "maintenance: created_at created_by duration_s ended_at ended_by ends_at first_day id"
    " matchers* owner reason rrule start_of_day starts_at valid_from valid_to zone\n"
    "manifest: content full_hash stored_at\n"
    "manifest_seen: change_kind endpoint_id* first_seen full_hash last_seen region_id"
    " semantic_hash tool_count\n"
    "minute: batch_id cells decision details endpoint_id* minute rule_row rule_version"
    " scope uptime_use\n"
    "minute_block: batch_base batch_bytes details endpoint_id* first kind kinds longest"
    " middle minutes record_bytes records shape spread start_at stride template\n"
    "minute_kind: cells cells_auth cells_degraded cells_fail cells_maint cells_slow"
    " cells_unknown cells_up decision id rule_row rule_version scope uptime_use\n"
    "notice: changed_at closed_at detail* endpoint* endpoint_id* id kind level opened_at"
    " regions tenant*\n"
    "outbox: created_at id key payload*\n"
    "packed_minute: minute place start_at\n"
    "region: changed_at created_at id in_force_from name state\n"
    "region_health: agents_alive fails hosts lone_fails minute quarantined region_id"
    " votes\n"
    "region_key: public_key region_id set_at set_by\n"
    "rolling: endpoint_id* p95_ms_24h p95_ms_30d until\n"
    "rollup_day: cells_expected cells_measured down endpoint_id* excluded p50_ms p95_ms"
    " p99_ms regions start_at total up\n"
    "rollup_hour: cells_expected cells_measured down endpoint_id* excluded p50_ms p95_ms"
    " p99_ms regions start_at total up\n"
    "rollup_month: cells_expected cells_measured down endpoint_id* excluded p50_ms p95_ms"
    " p99_ms regions start_at total up\n"
    "rollup_progress: shard until\n"
    "rollup_stale: endpoint_id* start_at\n"
    "schema_version: applied_at name version\n"
    "secret: changed_at changed_by created_at expires_at expires_from key_generation name"
    " sealed tenant* version\n"
    "secret_change: generation\n"
    "shard_fence: epoch raised_at shard\n"
    "shard_tally: minute shard tallies\n"
    "shard_watermark: minute shard updated_at\n"
    "silence: created_at created_by duration_s ended_at ended_by ends_at first_day id"
    " matchers* owner reason rrule start_of_day starts_at valid_from valid_to zone\n"
    "spell: endpoint_id* first_minute last_minute region_id\n"
    "state_log: endpoints* id minutes shard states\n"
    "tenant: created_at name* tier\n";

/// The same of the database, without the stars.
std::string columns(const Catalogued& lab) {
    return lab.sql(
               "SELECT string_agg(c.relname || ': ' || (SELECT string_agg(a.attname, ' ' ORDER BY"
               " a.attname COLLATE \"C\") FROM pg_attribute a WHERE a.attrelid = c.oid AND"
               " a.attnum > 0 AND NOT a.attisdropped), E'\\n' ORDER BY c.relname COLLATE \"C\")"
               " FROM pg_class c WHERE c.relnamespace = 'quorate'::regnamespace"
               " AND c.relkind IN ('r', 'p') AND NOT c.relispartition") +
           "\n";
}

TEST(History, WhoAddsAColumnSaysWhetherItTellsOfAnEndpoint) {
    const Known known;
    std::string listed = kColumns;
    std::erase(listed, '*');
    EXPECT_EQ(columns(known.lab), listed)
        << "is it forgotten with its endpoint? then list it in kColumns, with a star if it names "
           "one";
    // All that has a star is looked at by rows_of, but for what stays and what is the tenant's.
    const std::set<std::string> others{
        "audit", "credential", "data_key", "secret", "tenant", "manifest"};
    const auto looked_at = known.rows_of("a");
    std::istringstream lines{kColumns};
    for (std::string line; std::getline(lines, line);) {
        const auto table = line.substr(0, line.find(':'));
        if (line.find('*') == std::string::npos || others.contains(table)) continue;
        EXPECT_TRUE(looked_at.contains(table)) << table;
    }
}

TEST(History, ForgettingTakesAsLongAsItTakes) {
    const Known known;
    known.remove("a");
    known.lab.sql(
        "CREATE FUNCTION public.be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_sleep(1); RETURN NULL; END $$; CREATE TRIGGER be_slow BEFORE DELETE ON"
        " quorate.minute FOR EACH STATEMENT EXECUTE FUNCTION public.be_slow()");
    Database hurried{{.conninfo = known.lab.conninfo,
                      .application_name = "test",
                      .connections = 1,
                      .statement_timeout = milliseconds{300}}};
    v1::ForgetRequest request;
    request.set_tenant("acme");
    request.set_endpoint("a");
    const auto done = hurried.transact_blocking([&](pqxx::work& work) {
        return forget(work, request, {"p", "p", "r"});
    });
    EXPECT_GT(done.rows_size(), 0);
    EXPECT_EQ(known.lab.sql("SELECT count(*) FROM quorate.endpoint WHERE name = 'a'"), "0");
}

TEST(History, SentencesAboutARegionNameWhatIsForgottenNoMore) {
    const Known known;
    known.lab.sql(
        "INSERT INTO quorate.notice (kind, regions, opened_at, changed_at, detail) VALUES"
        " ('region_fault', '{1}', now(), now(), '6 of 6 endpoints fail from x and from no other"
        " region: acme/a, acme/ab'), ('region_fault', '{2}', now(), now(), '5 of 6 endpoints fail:"
        " acme/ab, other/a');"
        "INSERT INTO quorate.outbox (key, payload) SELECT 'n' || id, jsonb_build_object('notice',"
        " kind, 'detail', detail) FROM quorate.notice WHERE kind = 'region_fault'");
    known.remove("a");
    const auto done = known.quorate({"forget", "--tenant", "acme", "--endpoint", "a", "--yes"});
    ASSERT_EQ(done.status, 0) << done.err;
    const std::string left =
        "6 of 6 endpoints fail from x and from no other region\n"
        "5 of 6 endpoints fail: acme/ab, other/a";
    EXPECT_EQ(known.lab.sql("SELECT detail FROM quorate.notice WHERE kind = 'region_fault'"
                            " ORDER BY regions"),
              left);
    EXPECT_EQ(known.lab.sql("SELECT payload->>'detail' FROM quorate.outbox WHERE"
                            " payload->>'notice' = 'region_fault' ORDER BY id"),
              left);
}

}  // namespace
}  // namespace quorate::coordinator
