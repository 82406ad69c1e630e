#include "archiver/rollup/baseline_store.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "archiver/store/packed_cell.hpp"
#include "archiver/store/sql_text.hpp"
#include "core/model/decision.hpp"

namespace quorate {
namespace {

constexpr std::chrono::days kHistory{7};
constexpr std::size_t kRowsPerStatement = 500;

/// Whether the server did its work; where it asks for credentials it did not, and is faster.
bool is_usual(Verdict verdict) {
    return verdict != Verdict::auth && vote_of(verdict) == Vote::healthy;
}

/// Counts a calm minute.
void count_calm(CalmDay& day, UtcTime minute, const std::string& cells) {
    const auto hour = std::chrono::floor<std::chrono::hours>(minute - day_of(minute)).count();
    for (const auto& cell : unpack_cells(bytes_of_bytea(cells)))
        if (cell.total && is_usual(cell.verdict))
            add(day,
                static_cast<std::uint32_t>(hour),
                TimedCell{cell.region,
                          *cell.total,
                          cell.connect,
                          cell.tls,
                          cell.initialize,
                          cell.tools_list});
}

std::string number_text(const UsualTimes::Us& us) {
    return us ? std::to_string(*us) : "null";
}

std::string row_text(EndpointId endpoint, RegionId region, const std::optional<Baseline>& known) {
    if (!known)
        return fmt::format(
            R"({{"endpoint_id":{},"region_id":{}}})", endpoint.value(), region.value());
    const auto& [total, usual] = *known;
    return fmt::format(R"({{"endpoint_id":{},"region_id":{},"p50_ms":{},"p95_ms":{},"tcp_us":{},)"
                       R"("tls_us":{},"initialize_us":{},"tools_list_us":{},"rest_us":{}}})",
                       endpoint.value(),
                       region.value(),
                       total.p50.count(),
                       total.p95.count(),
                       number_text(usual.tcp),
                       number_text(usual.tls),
                       number_text(usual.initialize),
                       number_text(usual.tools_list),
                       number_text(usual.rest));
}

/// Regions of which no calm minute is left have no row here; what they had becomes nothing.
void store_baselines(pqxx::work& work,
                     const std::map<EndpointId, BaselineSum>& sums,
                     EndpointId first,
                     EndpointId last,
                     ShardId shard) {
    std::string rows;
    for (const auto& [endpoint, sum] : sums)
        for (const auto& [region, baseline] : sum.baselines())
            rows += (rows.empty() ? "" : ",") + row_text(endpoint, region, baseline);
    work.exec_params0(
        "WITH now_usual AS (SELECT * FROM json_populate_recordset(NULL::quorate.baseline, "
        "$1::json)),"
        " lost AS (UPDATE quorate.baseline b SET (p50_ms, p95_ms, tcp_us, tls_us, initialize_us,"
        "  tools_list_us, rest_us, changed_at) = ROW (NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
        "  now()) FROM quorate.endpoint e WHERE e.id = b.endpoint_id AND e.shard = $2"
        "  AND b.endpoint_id BETWEEN $3 AND $4 AND b.p50_ms IS NOT NULL AND NOT EXISTS"
        "  (SELECT FROM now_usual n WHERE n.endpoint_id = b.endpoint_id"
        "   AND n.region_id = b.region_id))"
        " INSERT INTO quorate.baseline AS b SELECT endpoint_id, region_id, p50_ms, p95_ms, tcp_us,"
        "  tls_us, initialize_us, tools_list_us, rest_us, now() FROM now_usual"
        " ON CONFLICT (endpoint_id, region_id) DO UPDATE SET (p50_ms, p95_ms, tcp_us, tls_us,"
        "  initialize_us, tools_list_us, rest_us, changed_at) = ROW (excluded.p50_ms,"
        "  excluded.p95_ms, excluded.tcp_us, excluded.tls_us, excluded.initialize_us,"
        "  excluded.tools_list_us, excluded.rest_us, excluded.changed_at)"
        " WHERE (b.p50_ms, b.p95_ms, b.tcp_us, b.tls_us, b.initialize_us, b.tools_list_us,"
        "  b.rest_us) IS DISTINCT FROM (excluded.p50_ms, excluded.p95_ms, excluded.tcp_us,"
        "  excluded.tls_us, excluded.initialize_us, excluded.tools_list_us, excluded.rest_us)",
        "[" + rows + "]",
        shard.value(),
        first.value(),
        last.value());
}

}  // namespace

IncidentSpans incident_spans(pqxx::work& work, ShardId shard, UtcTime from, UtcTime until) {
    IncidentSpans spans;
    for (const auto& row : work.exec_params(
             "SELECT i.endpoint_id, " + epoch_ms("i.started_at") + ", " + epoch_ms("i.closed_at") +
                 " FROM quorate.incident i JOIN quorate.endpoint e ON e.id = i.endpoint_id"
                 " WHERE e.shard = $1 AND i.started_at <= $3"
                 " AND (i.closed_at IS NULL OR i.closed_at > $2)",
             shard.value(),
             timestamp_text(from),
             timestamp_text(until)))
        spans[EndpointId{row[0].as<std::uint64_t>()}].push_back(
            {UtcTime{milliseconds{row[1].as<std::int64_t>()}},
             row[2].is_null() ? UtcTime::max() : UtcTime{milliseconds{row[2].as<std::int64_t>()}}});
    return spans;
}

CalmDays calm_days(const pqxx::result& rows, const IncidentSpans& spans) {
    CalmDays days;
    for (const auto& row : rows) {
        if (row[4].as<int>() != static_cast<int>(Decision::ok)) continue;
        const auto minute = UtcTime{milliseconds{row[1].as<std::int64_t>()}};
        const EndpointId endpoint{row[0].as<std::uint64_t>()};
        const auto of_endpoint = spans.find(endpoint);
        if (of_endpoint != spans.end() &&
            std::ranges::any_of(of_endpoint->second, [minute](const auto& span) {
                return span.from <= minute && minute < span.until;
            }))
            continue;
        const RollupKey key{endpoint, day_of(minute)};
        count_calm(days[key], minute, row[3].as<std::string>());
    }
    return days;
}

void add_calm_days(pqxx::work& work, CalmDays days) {
    for (auto next = days.begin(); next != days.end();) {
        std::string keys;
        std::string rows;
        const auto begin = next;
        for (std::size_t i = 0; i < kRowsPerStatement && next != days.end(); ++i, ++next)
            keys += fmt::format(R"({}{{"e":{},"s":"{}"}})",
                                keys.empty() ? "" : ",",
                                next->first.endpoint.value(),
                                timestamp_text(next->first.start));
        for (const auto& row : work.exec_params(
                 "SELECT d.endpoint_id, " + epoch_ms("d.start_at") +
                     ", d.regions FROM json_to_recordset($1::json) AS k (e integer, s timestamptz)"
                     " JOIN quorate.baseline_day d ON d.endpoint_id = k.e AND d.start_at = k.s",
                 "[" + keys + "]")) {
            const RollupKey key{EndpointId{row[0].as<std::uint64_t>()},
                                UtcTime{milliseconds{row[1].as<std::int64_t>()}}};
            merge(days.at(key), decode_day(bytes_of_bytea(row[2].as<std::string>())));
        }
        for (auto each = begin; each != next; ++each)
            rows += fmt::format(R"({}{{"endpoint_id":{},"start_at":"{}","regions":"\\{}"}})",
                                rows.empty() ? "" : ",",
                                each->first.endpoint.value(),
                                timestamp_text(each->first.start),
                                bytea_text(encode_day(each->second)).substr(1));
        // An endpoint may have been forgotten since its minutes were read.
        work.exec_params0(
            "INSERT INTO quorate.baseline_day SELECT d.*"
            " FROM json_populate_recordset(NULL::quorate.baseline_day, $1::json) d"
            " JOIN quorate.endpoint e ON e.id = d.endpoint_id"
            " ON CONFLICT (endpoint_id, start_at) DO UPDATE SET regions = excluded.regions",
            "[" + rows + "]");
    }
}

std::optional<EndpointId> compute_baselines(
    pqxx::work& work, ShardId shard, EndpointId after, UtcTime now, std::size_t endpoints_max) {
    std::map<EndpointId, BaselineSum> sums;
    for (const auto& row :
         work.exec_params("SELECT id FROM quorate.endpoint WHERE shard = $1 AND id > $2"
                          " AND deleted_at IS NULL ORDER BY id LIMIT $3",
                          shard.value(),
                          after.value(),
                          endpoints_max))
        sums[EndpointId{row[0].as<std::uint64_t>()}];
    if (sums.empty()) return std::nullopt;
    std::vector<EndpointId> endpoints;
    for (const auto& [endpoint, sum] : sums)
        endpoints.push_back(endpoint);
    for (const auto& row :
         work.exec_params("SELECT endpoint_id, regions FROM quorate.baseline_day"
                          " WHERE endpoint_id = ANY ($1::integer[]) AND start_at >= $2",
                          array_text(endpoints),
                          timestamp_text(day_of(now) - kHistory)))
        sums.at(EndpointId{row[0].as<std::uint64_t>()})
            .add(decode_day(bytes_of_bytea(row[1].as<std::string>())));
    store_baselines(work, sums, endpoints.front(), endpoints.back(), shard);
    return endpoints.back();
}

}  // namespace quorate
