#include "tests/bench/archiver/history.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

#include <fmt/format.h>

#include "archiver/compaction/block_store.hpp"
#include "archiver/store/json.hpp"
#include "archiver/store/packed_cell.hpp"
#include "core/model/decision.hpp"
#include "platform/postgres/database.hpp"
#include "platform/postgres/deployment.hpp"
#include "platform/postgres/migrations.hpp"
#include "platform/runtime/clock.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace quorate::bench {
namespace {

using testing::PostgresCluster;

const Window kWindow = Window::minute();
constexpr int kHours = 24;
constexpr std::size_t kBlocksTogether = 500;

DatabaseOptions session(const std::string& conninfo) {
    DatabaseOptions options;
    options.conninfo = conninfo;
    options.application_name = "bench";
    options.connections = 1;
    options.statement_timeout = std::chrono::minutes{10};
    return options;
}

MinuteRow row_of(const SealedFleet& fleet, std::size_t endpoint, UtcMinute minute, int place) {
    const auto cells = fleet.cells(endpoint, minute);
    MinuteRow row;
    row.place = place;
    row.batch = minute.index(kWindow) * 100 + static_cast<std::int64_t>(endpoint / 25);
    const bool fails =
        std::ranges::any_of(cells, [](const Cell& cell) { return cell.verdict == Verdict::fail; });
    row.decision = static_cast<int>(fails ? Decision::p2 : Decision::ok);
    row.rule_row = fails ? 5 : 8;
    row.rule_version = 1;
    for (const auto& cell : cells)
        append_packed(packed_cell(cell, false), row.cells);
    if (auto details = details_json(cells); !details.empty()) row.details = std::move(details);
    return row;
}

/// One hour of the fleet, as the archiver packs it.
void store_hour(Database& database, const SealedFleet& fleet, UtcMinute start) {
    for (std::size_t first = 0; first < fleet.size(); first += kBlocksTogether) {
        Blocks blocks;
        for (auto i = first; i < std::min(fleet.size(), first + kBlocksTogether); ++i) {
            std::vector<MinuteRow> rows;
            for (int place = 0; place < kBlockPlaces; ++place)
                rows.push_back(row_of(fleet, i, start.plus(place, kWindow), place));
            blocks.emplace(BlockKey{fleet.versions()[i].endpoint, UtcTime{start.start()}},
                           pack_minutes(rows));
        }
        database.transact_blocking([&](auto& work) { store_blocks(work, blocks); });
    }
}

/// The days before the first one are the same, some days earlier.
void copy_days(const PostgresCluster& postgres, int days) {
    for (int day = 1; day < days; ++day) {
        const auto shift = fmt::format("interval '{} days'", day);
        postgres.sql("history",
                     "INSERT INTO quorate.packed_minute SELECT minute - " + shift +
                         ", start_at - " + shift +
                         ", place FROM quorate.packed_minute"
                         " WHERE minute >= (SELECT date_trunc('day', max(minute), 'UTC')"
                         " FROM quorate.packed_minute)");
        postgres.sql(
            "history",
            "INSERT INTO quorate.minute_block SELECT endpoint_id, first, stride, start_at - " +
                shift +
                ", minutes, record_bytes, batch_bytes, kind, batch_base, kinds, middle, spread,"
                " longest, shape, template, details, records FROM quorate.minute_block WHERE "
                "start_at >="
                " (SELECT date_trunc('day', max(minute), 'UTC') FROM quorate.packed_minute)");
        std::fprintf(stderr, "history: day %d of %d\n", day + 1, days);
    }
}

std::string key_of(const HistoryOptions& options) {
    return fmt::format(
        "{} endpoints, {} days, schema {}", options.endpoints, options.days, schema_version());
}

bool is_made(const PostgresCluster& postgres, const HistoryOptions& options) {
    return postgres.sql("postgres",
                        "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
                        " WHERE datname = 'history'") == key_of(options);
}

void make(PostgresCluster& postgres, const SealedFleet& fleet, const HistoryOptions& options) {
    postgres.sql("postgres", "DROP DATABASE IF EXISTS history");
    const auto conninfo = postgres.create_database("history");
    make_catalogue(conninfo, fleet);
    postgres.sql("history",
                 "INSERT INTO quorate.shard_watermark VALUES (0, now() - interval '40 days');"
                 "SELECT quorate.make_minute_partitions()");
    Database database{session(conninfo)};
    const auto yesterday = bench_minute(0).plus(-kHours * kBlockPlaces, kWindow);
    for (int hour = 0; hour < kHours; ++hour)
        store_hour(database, fleet, yesterday.plus(hour * kBlockPlaces, kWindow));
    copy_days(postgres, options.days);
    postgres.sql("history", "VACUUM ANALYZE quorate.minute_block");
    postgres.sql("history", "VACUUM ANALYZE quorate.packed_minute");
    postgres.sql("history", "VACUUM ANALYZE quorate.minute_kind");
    postgres.sql("history", "VACUUM ANALYZE quorate.endpoint");
    postgres.sql("postgres", "COMMENT ON DATABASE history IS '" + key_of(options) + "'");
}

void report_bytes(const PostgresCluster& postgres) {
    std::puts(postgres
                  .sql("history",
                       "SELECT json_build_object('packed', json_build_object("
                       "'bytes', (SELECT sum(pg_total_relation_size(i.inhrelid)) FROM pg_inherits i"
                       " WHERE i.inhparent = 'quorate.minute_block'::regclass)"
                       " + pg_total_relation_size('quorate.packed_minute'),"
                       "'cells', (SELECT sum(minutes) FROM quorate.minute_block)"
                       " * (SELECT count(*) FROM quorate.region)))")
                  .c_str());
}

}  // namespace

void make_catalogue(const std::string& conninfo, const SealedFleet& fleet) {
    Database database{session(conninfo)};
    migrate(database);
    database.transact_blocking([&](auto& work) {
        settle_deployment(work, kWindow, 64);
        for (const auto& [region, name] : fleet.names())
            work.exec_params("INSERT INTO quorate.region (name) VALUES ($1)", name);
        work.exec("INSERT INTO quorate.tenant (name) VALUES ('default') ON CONFLICT DO NOTHING");
        work.exec(
            "INSERT INTO quorate.catalogue_change (principal, summary) VALUES ('bench', '{}')");
        work.exec_params(
            "INSERT INTO quorate.endpoint (tenant, name, shard, cell_slot) SELECT 'default',"
            " 'endpoint-' || n, n % 64, n / 64 FROM generate_series(1, $1) n",
            fleet.size());
        work.exec(
            "INSERT INTO quorate.endpoint_version SELECT id, 1, 1, now() - interval '40 days',"
            " NULL, 'https://h' || id || '.example/mcp', '{1,2,3,4,5}', 60000, false, '{}'"
            " FROM quorate.endpoint");
    });
}

double query_ms(const std::string& conninfo, const std::string& query, int runs) {
    const SystemClock clock;
    Database database{session(conninfo)};
    std::vector<double> times;
    for (int i = 0; i < runs; ++i) {
        const auto began = clock.steady_now();
        database.transact_blocking([&](auto& work) { return work.exec(query).size(); });
        times.push_back(
            std::chrono::duration<double, std::milli>(clock.steady_now() - began).count());
    }
    std::ranges::nth_element(times, times.begin() + runs / 2);
    return times[static_cast<std::size_t>(runs / 2)];
}

void measure_history(const HistoryOptions& options) {
    PostgresCluster postgres{std::filesystem::absolute(options.folder), 256};
    const SealedFleet fleet{{.endpoints = options.endpoints}};
    if (!is_made(postgres, options)) make(postgres, fleet, options);
    report_bytes(postgres);
    const auto conninfo = postgres.conninfo("history");
    const std::string one = " WHERE tenant = 'default' AND endpoint = 'endpoint-7'";
    const std::string last_day =
        " AND minute >= (SELECT max(minute) - interval '1 day' FROM quorate.packed_minute)";
    const std::pair<const char*, std::string> queries[]{
        {"packed_minutes_one", "SELECT * FROM dash.minute" + one},
        {"packed_dashboard_one", "SELECT minute, decision, p50_ms, max_ms FROM dash.minute" + one},
        {"packed_day_one", "SELECT * FROM dash.minute" + one + last_day},
        {"packed_region_day_one", "SELECT * FROM dash.region_minute" + one + last_day}};
    for (const auto& [name, query] : queries)
        std::puts(fmt::format(R"({{"view":"{}","ms":{:.1f}}})", name, query_ms(conninfo, query, 7))
                      .c_str());
}

}  // namespace quorate::bench
