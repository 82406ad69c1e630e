#include "archiver/retention/retention_store.hpp"

#include <algorithm>
#include <utility>

#include "archiver/store/sql_text.hpp"

namespace quorate {
namespace {

std::string seconds_text(milliseconds length) {
    return std::to_string(length.count() / 1000) + " seconds";
}

/// The oldest rows of each endpoint before its tenant's bound, through the index; only such as are
/// in a rollup that is not stale.
constexpr const char* kPastMinutes =
    "DELETE FROM quorate.minute m USING ("
    " SELECT old.endpoint_id, old.minute FROM quorate.endpoint e"
    " JOIN quorate.tenant t ON t.name = e.tenant"
    " JOIN quorate.rollup_progress p ON p.shard = e.shard"
    " CROSS JOIN LATERAL (SELECT m.endpoint_id, m.minute FROM quorate.minute m"
    "  WHERE m.endpoint_id = e.id AND m.minute <= p.until"
    "  AND m.minute < (CASE t.tier WHEN 'free' THEN $1 WHEN 'team' THEN $2 ELSE $3 "
    "END)::timestamptz"
    "  AND NOT EXISTS (SELECT FROM quorate.rollup_stale s WHERE s.endpoint_id = m.endpoint_id"
    "   AND s.start_at = date_trunc('hour', m.minute, 'UTC'))"
    "  ORDER BY m.minute LIMIT $4) old LIMIT $4) past"
    " WHERE m.endpoint_id = past.endpoint_id AND m.minute = past.minute";

/// Whole blocks, once their last minute is past.
constexpr const char* kPastBlocks =
    "DELETE FROM quorate.minute_block b USING ("
    " SELECT old.endpoint_id, old.start_at FROM quorate.endpoint e"
    " JOIN quorate.tenant t ON t.name = e.tenant"
    " CROSS JOIN LATERAL (SELECT b.endpoint_id, b.start_at FROM quorate.minute_block b"
    "  WHERE b.endpoint_id = e.id AND b.start_at < (CASE t.tier WHEN 'free' THEN $1 WHEN 'team' "
    "THEN $2"
    "   ELSE $3 END)::timestamptz - quorate.block_length()"
    "  ORDER BY b.start_at LIMIT $4) old LIMIT $4) past"
    " WHERE b.endpoint_id = past.endpoint_id AND b.start_at = past.start_at";

/// A day longer than minutes, so that what minutes say can be compared until they are gone.
constexpr const char* kPastHours =
    "DELETE FROM quorate.rollup_hour h USING ("
    " SELECT old.endpoint_id, old.start_at FROM quorate.endpoint e"
    " JOIN quorate.tenant t ON t.name = e.tenant"
    " CROSS JOIN LATERAL (SELECT h.endpoint_id, h.start_at FROM quorate.rollup_hour h"
    "  WHERE h.endpoint_id = e.id AND h.start_at < (CASE t.tier WHEN 'free' THEN $1 WHEN 'team' "
    "THEN $2"
    "   ELSE $3 END)::timestamptz - interval '1 day' ORDER BY h.start_at LIMIT $4) old LIMIT $4) "
    "past"
    " WHERE h.endpoint_id = past.endpoint_id AND h.start_at = past.start_at";

/// Tool lists of some endpoints that a region saw last before the tenant's bound: all of a deleted
/// endpoint, else all but the last; and those beyond the newest hundred of a region, as some
/// servers never list the same twice. What they say goes with the last row that names it.
constexpr const char* kPastLists =
    "DELETE FROM quorate.manifest_seen s USING ("
    " SELECT m.ctid, m.age, m.last_seen, e.deleted_at, t.tier FROM"
    "  (SELECT ctid, endpoint_id, last_seen, row_number() OVER (PARTITION BY endpoint_id, region_id"
    "   ORDER BY last_seen DESC, first_seen DESC) AS age"
    "   FROM quorate.manifest_seen WHERE endpoint_id = ANY ($4::integer[])) m"
    "  JOIN quorate.endpoint e ON e.id = m.endpoint_id JOIN quorate.tenant t ON t.name = e.tenant"
    ") past WHERE s.ctid = past.ctid AND (past.age > 100 OR"
    " ((past.age > 1 OR past.deleted_at IS NOT NULL) AND past.last_seen <"
    "  (CASE past.tier WHEN 'free' THEN $1 WHEN 'team' THEN $2 ELSE $3 END)::timestamptz))";

constexpr std::size_t kOrphansMax = 5000;

/// Of which no row was left by two deletions at the same time.
constexpr const char* kOrphanedLists =
    "DELETE FROM quorate.manifest WHERE full_hash = ANY (ARRAY("
    " SELECT m.full_hash FROM quorate.manifest m WHERE m.stored_at < $1 AND NOT EXISTS"
    "  (SELECT FROM quorate.manifest_seen s WHERE s.full_hash = m.full_hash) LIMIT $2))";

/// Rows of a table whose `column` is before a bound.
std::size_t delete_before(pqxx::work& work,
                          const std::string& table,
                          const std::string& column,
                          UtcTime bound,
                          std::size_t rows_max) {
    return work
        .exec_params("DELETE FROM " + table + " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " + table +
                         " WHERE " + column + " < $1 LIMIT $2))",
                     timestamp_text(bound),
                     rows_max)
        .affected_rows();
}

}  // namespace

std::map<std::string, std::size_t> delete_past(pqxx::work& work,
                                               const RetentionSettings& settings,
                                               UtcTime now,
                                               std::size_t rows_max) {
    std::map<std::string, std::size_t> deleted;
    for (const auto& [table, statement] : {std::pair{"minute", kPastMinutes},
                                           std::pair{"minute_block", kPastBlocks},
                                           std::pair{"rollup_hour", kPastHours}})
        deleted[table] = work.exec_params(statement,
                                          timestamp_text(now - settings.free),
                                          timestamp_text(now - settings.team),
                                          timestamp_text(now - settings.enterprise),
                                          rows_max)
                             .affected_rows();
    deleted["rollup_day"] =
        delete_before(work, "quorate.rollup_day", "start_at", now - settings.days, rows_max);
    deleted["baseline_day"] = delete_before(
        work, "quorate.baseline_day", "start_at", now - std::chrono::days{9}, rows_max);
    deleted["outbox"] =
        delete_before(work, "quorate.outbox", "created_at", now - kOutboxKept, rows_max);
    deleted["batch"] =
        delete_before(work, "quorate.batch", "sealed_at", now - kOutboxKept, rows_max);
    for (const auto* table : {"maintenance", "silence"})
        deleted[table] = delete_before(work,
                                       std::string{"quorate."} + table,
                                       "coalesce(least(ends_at, valid_to), 'infinity')",
                                       now - settings.days,
                                       rows_max);
    deleted["region_health"] =
        delete_before(work, "quorate.region_health", "minute", now - settings.team, rows_max);
    deleted["spell"] =
        delete_before(work, "quorate.spell", "last_minute", now - settings.longest(), rows_max);
    deleted["packed_minute"] = delete_before(work,
                                             "quorate.packed_minute",
                                             "minute",
                                             now - settings.longest() - std::chrono::hours{24},
                                             rows_max);
    return deleted;
}

PastLists delete_past_lists(pqxx::work& work,
                            const RetentionSettings& settings,
                            UtcTime now,
                            EndpointId after,
                            std::size_t endpoints_max) {
    PastLists past;
    std::vector<EndpointId> endpoints;
    for (const auto& row :
         work.exec_params("SELECT id FROM quorate.endpoint WHERE id > $1 ORDER BY id LIMIT $2",
                          after.value(),
                          endpoints_max))
        endpoints.emplace_back(row[0].as<std::uint64_t>());
    if (endpoints.empty()) {
        past.texts =
            work.exec_params(
                    kOrphanedLists, timestamp_text(now - std::chrono::hours{24}), kOrphansMax)
                .affected_rows();
        return past;
    }
    past.lists = work.exec_params(kPastLists,
                                  timestamp_text(now - settings.free),
                                  timestamp_text(now - settings.team),
                                  timestamp_text(now - settings.enterprise),
                                  array_text(endpoints))
                     .affected_rows();
    past.last = endpoints.back();
    return past;
}

std::vector<PartitionReport> report_partitions(pqxx::work& work,
                                               const RetentionSettings& settings) {
    std::vector<PartitionReport> reports;
    for (const auto& row : work.exec_params(
             "SELECT partition, bytes, kept_because FROM quorate.partition_report($1::interval)",
             seconds_text(settings.longest()))) {
        PartitionReport report{row[0].as<std::string>(), row[1].as<std::uint64_t>(), {}};
        if (!row[2].is_null()) report.kept_because = row[2].as<std::string>();
        reports.push_back(std::move(report));
    }
    return reports;
}

std::uint64_t drop_partition(pqxx::work& work,
                             const std::string& name,
                             const RetentionSettings& settings) {
    return work
        .exec_params1("SELECT quorate.drop_partition($1, $2::interval)",
                      name,
                      seconds_text(settings.longest()))[0]
        .as<std::uint64_t>();
}

}  // namespace quorate
