#include "archiver/rollup/rollup_store.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>

#include <fmt/format.h>

#include "archiver/rollup/baseline_store.hpp"
#include "archiver/store/endpoint_rows.hpp"
#include "archiver/store/packed_cell.hpp"
#include "archiver/store/sql_text.hpp"

namespace quorate {
namespace {

namespace chrono = std::chrono;

constexpr chrono::hours kAtOnce{1};
constexpr std::int64_t kMinutesMax = 50'000;  // of 60 s, over all endpoints
constexpr std::size_t kRowsPerStatement = 500;

/// Where rollups of one length stand.
struct Level {
    const char* table;
    UtcTime (*start_of)(UtcTime);
};
constexpr Level kHours{"quorate.rollup_hour", hour_of};
constexpr Level kDays{"quorate.rollup_day", day_of};
constexpr Level kMonths{"quorate.rollup_month", month_of};

UtcTime time_of(const pqxx::field& epoch_ms_field) {
    return UtcTime{milliseconds{epoch_ms_field.as<std::int64_t>()}};
}

/// `uptime_use` of quorate.minute: MinuteUse.
void count_minute(Rollup& rollup, int use, const std::string& cells) {
    ++(use == 0 ? rollup.up : use == 1 ? rollup.down : rollup.excluded);
    for (const auto& cell : unpack_cells(bytes_of_bytea(cells)))
        add(rollup,
            RollupCell{cell.region,
                       cell.verdict,
                       cell.total,
                       cell.connect,
                       cell.tls,
                       cell.initialize,
                       cell.tools_list});
}

/// Rows of (endpoint, minute in ms, use, cells), counted by hour.
RollupMap by_hour(const pqxx::result& rows) {
    RollupMap hours;
    for (const auto& row : rows) {
        const RollupKey key{EndpointId{row[0].as<std::uint64_t>()}, hour_of(time_of(row[1]))};
        count_minute(hours[key], row[2].as<int>(), row[3].as<std::string>());
    }
    return hours;
}

/// The rollups one level up.
RollupMap sums(const RollupMap& parts, const Level& level) {
    RollupMap sums;
    for (const auto& [key, rollup] : parts)
        sums[{key.endpoint, level.start_of(key.start)}].merge(rollup);
    return sums;
}

/// `[{"e": 1, "s": "…"}]`, so many at a time.
template <class Keys>
std::vector<std::string> key_lists(const Keys& keys) {
    std::vector<std::string> lists;
    std::size_t count = 0;
    for (const auto& key : keys) {
        if (count++ % kRowsPerStatement == 0) lists.emplace_back();
        lists.back() += fmt::format(R"({}{{"e":{},"s":"{}"}})",
                                    lists.back().empty() ? "[" : ",",
                                    key.endpoint.value(),
                                    timestamp_text(key.start));
    }
    for (auto& list : lists)
        list += "]";
    return lists;
}

std::set<EndpointId> endpoints_of(const RollupMap& rollups) {
    std::set<EndpointId> endpoints;
    for (const auto& [key, rollup] : rollups)
        endpoints.insert(key.endpoint);
    return endpoints;
}

/// An endpoint may have been forgotten since its minutes were read. @return those that are left.
/// Throws BeingForgotten.
std::set<EndpointId> hold(pqxx::work& work, RollupMap& hours) {
    auto held = hold_or_gone(work, endpoints_of(hours));
    std::erase_if(hours, [&held](const auto& each) { return !held.contains(each.first.endpoint); });
    return held;
}

std::set<RollupKey> keys_of(const RollupMap& rollups) {
    std::set<RollupKey> keys;
    for (const auto& [key, rollup] : rollups)
        keys.insert(key);
    return keys;
}

/// Columns of a rollup behind its key, in the order in which rollup_of reads them.
constexpr const char* kColumns = "up, down, excluded, cells_expected, cells_measured, regions";

Rollup rollup_of(const pqxx::row& row, int from) {
    Rollup rollup;
    rollup.up = row[from].as<std::uint64_t>();
    rollup.down = row[from + 1].as<std::uint64_t>();
    rollup.excluded = row[from + 2].as<std::uint64_t>();
    rollup.cells_expected = row[from + 3].as<std::uint64_t>();
    rollup.cells_measured = row[from + 4].as<std::uint64_t>();
    rollup.regions = decode_regions(bytes_of_bytea(row[from + 5].as<std::string>()));
    return rollup;
}

/// Adds to each what is stored under its key.
void merge_stored(pqxx::work& work, const Level& level, RollupMap& rollups) {
    for (const auto& list : key_lists(keys_of(rollups)))
        for (const auto& row : work.exec_params(
                 fmt::format("SELECT r.endpoint_id, {}, {} FROM {} r"
                             " JOIN json_to_recordset($1::json) AS k (e integer, s timestamptz)"
                             " ON r.endpoint_id = k.e AND r.start_at = k.s",
                             epoch_ms("r.start_at"),
                             kColumns,
                             level.table),
                 list)) {
            const RollupKey key{EndpointId{row[0].as<std::uint64_t>()}, time_of(row[1])};
            rollups.at(key).merge(rollup_of(row, 2));
        }
}

std::string ms_text(const std::optional<microseconds>& time) {
    return time ? fmt::format("{:.3f}", static_cast<double>(time->count()) / 1000) : "null";
}

std::string row_text(const RollupKey& key, const Rollup& rollup) {
    const auto total = rollup.total();
    std::string total_bytes;
    total.encode(total_bytes);
    return fmt::format(
        R"({{"endpoint_id":{},"start_at":"{}","up":{},"down":{},"excluded":{},"cells_expected":{},)"
        R"("cells_measured":{},"p50_ms":{},"p95_ms":{},"p99_ms":{},"total":"\\{}","regions":"\\{}"}})",
        key.endpoint.value(),
        timestamp_text(key.start),
        rollup.up,
        rollup.down,
        rollup.excluded,
        rollup.cells_expected,
        rollup.cells_measured,
        ms_text(total.quantile(0.5)),
        ms_text(total.quantile(0.95)),
        ms_text(total.quantile(0.99)),
        bytea_text(total_bytes).substr(1),
        bytea_text(encode_regions(rollup.regions)).substr(1));
}

/// Puts the rollups in the place of what is stored under their keys.
void store(pqxx::work& work, const Level& level, const RollupMap& rollups) {
    std::string rows;
    std::size_t count = 0;
    const auto flush = [&] {
        if (rows.empty()) return;
        work.exec_params(
            fmt::format(
                "INSERT INTO {0} SELECT * FROM json_populate_recordset(NULL::{0}, $1::json)"
                " ON CONFLICT (endpoint_id, start_at) DO UPDATE SET (up, down, excluded,"
                " cells_expected, cells_measured, p50_ms, p95_ms, p99_ms, total, regions) ="
                " (excluded.up, excluded.down, excluded.excluded, excluded.cells_expected,"
                " excluded.cells_measured, excluded.p50_ms, excluded.p95_ms, excluded.p99_ms,"
                " excluded.total, excluded.regions)",
                level.table),
            "[" + rows + "]");
        rows.clear();
    };
    for (const auto& [key, rollup] : rollups) {
        rows += (rows.empty() ? "" : ",") + row_text(key, rollup);
        if (++count % kRowsPerStatement == 0) flush();
    }
    flush();
}

void add_to_stored(pqxx::work& work, const Level& level, RollupMap rollups) {
    merge_stored(work, level, rollups);
    store(work, level, rollups);
}

/// The sums of all stored parts of each key, a level below.
RollupMap stored_sums(pqxx::work& work,
                      const std::set<RollupKey>& keys,
                      const Level& parts,
                      const char* length) {
    RollupMap sums;
    for (const auto& list : key_lists(keys))
        for (const auto& row : work.exec_params(
                 fmt::format("SELECT r.endpoint_id, {}, {} FROM json_to_recordset($1::json)"
                             " AS k (e integer, s timestamptz) JOIN {} r ON r.endpoint_id = k.e"
                             " AND r.start_at >= k.s AND r.start_at <"
                             " (k.s AT TIME ZONE 'UTC' + interval '{}') AT TIME ZONE 'UTC'",
                             epoch_ms("k.s"),
                             kColumns,
                             parts.table,
                             length),
                 list)) {
            const RollupKey key{EndpointId{row[0].as<std::uint64_t>()}, time_of(row[1])};
            sums[key].merge(rollup_of(row, 2));
        }
    return sums;
}

/// The quantiles over sliding spans that end with `until`, of these endpoints.
void store_rolling(pqxx::work& work, const std::set<EndpointId>& endpoints, UtcTime until) {
    struct Spans {
        LatencyHistogram day;
        LatencyHistogram month;
    };
    std::map<EndpointId, Spans> spans;
    for (const auto endpoint : endpoints)
        spans[endpoint];
    const auto merge = [&](const Level& level, UtcTime since, LatencyHistogram Spans::*into) {
        for (const auto& row : work.exec_params(
                 fmt::format("SELECT endpoint_id, total FROM {}"
                             " WHERE endpoint_id = ANY ($1::integer[]) AND start_at >= $2",
                             level.table),
                 array_text(endpoints),
                 timestamp_text(since))) {
            const auto bytes = bytes_of_bytea(row[1].as<std::string>());
            std::string_view left = bytes;
            (spans.at(EndpointId{row[0].as<std::uint64_t>()}).*into)
                .merge(LatencyHistogram::decode(left));
        }
    };
    merge(kHours, hour_of(until - chrono::hours{23}), &Spans::day);
    merge(kDays, day_of(until - chrono::days{29}), &Spans::month);
    std::string rows;
    for (const auto& [endpoint, span] : spans)
        rows +=
            fmt::format(R"({}{{"endpoint_id":{},"until":"{}","p95_ms_24h":{},"p95_ms_30d":{}}})",
                        rows.empty() ? "" : ",",
                        endpoint.value(),
                        timestamp_text(until),
                        ms_text(span.day.quantile(0.95)),
                        ms_text(span.month.quantile(0.95)));
    work.exec_params(
        "INSERT INTO quorate.rolling"
        " SELECT * FROM json_populate_recordset(NULL::quorate.rolling, $1::json)"
        " ON CONFLICT (endpoint_id) DO UPDATE SET (until, p95_ms_24h, p95_ms_30d) ="
        " (excluded.until, excluded.p95_ms_24h, excluded.p95_ms_30d)",
        "[" + rows + "]");
}

/// Up to where the shard is rolled up, locked; where it never was, just before its first minute.
std::optional<UtcTime> rolled_until(pqxx::work& work, ShardId shard) {
    work.exec_params(
        "INSERT INTO quorate.rollup_progress"
        " SELECT $1, min(m.minute) - interval '1 millisecond'"
        " FROM quorate.endpoint e CROSS JOIN LATERAL (SELECT minute FROM quorate.minute m"
        " WHERE m.endpoint_id = e.id ORDER BY minute LIMIT 1) m WHERE e.shard = $1"
        " AND NOT EXISTS (SELECT FROM quorate.rollup_progress WHERE shard = $1)"
        " HAVING min(m.minute) IS NOT NULL ON CONFLICT DO NOTHING",
        shard.value());
    const auto known = work.exec_params(
        "SELECT " + epoch_ms("until") + " FROM quorate.rollup_progress WHERE shard = $1 FOR UPDATE",
        shard.value());
    if (known.empty()) return std::nullopt;
    return time_of(known[0][0]);
}

/// How far one transaction may go: so many minutes of all endpoints of the shard.
UtcTime reach(pqxx::work& work, ShardId shard, UtcTime from) {
    const auto endpoints =
        work.exec_params1("SELECT count(*) FROM quorate.endpoint WHERE shard = $1",
                          shard.value())[0]
            .as<std::int64_t>();
    const chrono::minutes some{
        std::max<std::int64_t>(1, kMinutesMax / std::max<std::int64_t>(1, endpoints))};
    return std::min(hour_of(from) + 2 * kAtOnce, from + some);
}

}  // namespace

UtcTime hour_of(UtcTime time) {
    return chrono::floor<chrono::hours>(time);
}
UtcTime day_of(UtcTime time) {
    return chrono::floor<chrono::days>(time);
}
UtcTime month_of(UtcTime time) {
    const chrono::year_month_day day{chrono::floor<chrono::days>(time)};
    return chrono::sys_days{day.year() / day.month() / 1};
}

std::optional<UtcTime> roll_up(pqxx::work& work, ShardId shard, UtcMinute sealed) {
    const auto from = rolled_until(work, shard);
    if (!from) return std::nullopt;
    const auto until = std::min<UtcTime>(sealed.start(), reach(work, shard, *from));
    if (until <= *from) return from;
    const auto rows = work.exec_params(
        "SELECT e.id, " + epoch_ms("m.minute") +
            ", m.uptime_use, m.cells, m.decision FROM quorate.endpoint e CROSS JOIN LATERAL"
            " (SELECT minute, uptime_use, cells, decision FROM quorate.minute m WHERE "
            "m.endpoint_id = e.id"
            "  AND m.minute > $2 AND m.minute <= $3 OFFSET 0) m"
            " WHERE e.shard = $1"
            " AND (e.deleted_at IS NULL OR e.deleted_at > $2::timestamptz - interval '1 day')",
        shard.value(),
        timestamp_text(*from),
        timestamp_text(until));
    auto hours = by_hour(rows);
    const auto endpoints = hold(work, hours);
    add_to_stored(work, kHours, hours);
    add_to_stored(work, kDays, sums(hours, kDays));
    add_to_stored(work, kMonths, sums(hours, kMonths));
    auto calm = calm_days(rows, incident_spans(work, shard, *from, until));
    std::erase_if(calm, [&](const auto& day) { return !endpoints.contains(day.first.endpoint); });
    add_calm_days(work, std::move(calm));
    if (!endpoints.empty()) store_rolling(work, endpoints, until);
    work.exec_params("UPDATE quorate.rollup_progress SET until = $2 WHERE shard = $1",
                     shard.value(),
                     timestamp_text(until));
    return until;
}

std::size_t roll_up_stale(pqxx::work& work,
                          const std::set<ShardId>& shards,
                          std::size_t hours_max) {
    const auto rows = work.exec_params(
        "DELETE FROM quorate.rollup_stale s USING (SELECT s.ctid FROM quorate.rollup_stale s"
        " JOIN quorate.endpoint e ON e.id = s.endpoint_id WHERE e.shard = ANY ($1::smallint[])"
        " ORDER BY s.start_at LIMIT $2 FOR UPDATE OF s SKIP LOCKED) part WHERE s.ctid = part.ctid"
        " RETURNING s.endpoint_id, " +
            epoch_ms("s.start_at"),
        array_text(shards),
        hours_max);
    if (rows.empty()) return 0;
    std::set<EndpointId> endpoints;
    for (const auto& row : rows)
        endpoints.emplace(row[0].as<std::uint64_t>());
    endpoints = hold_or_gone(work, endpoints);
    std::set<RollupKey> stale;
    std::set<RollupKey> days;
    std::set<RollupKey> months;
    for (const auto& row : rows) {
        const RollupKey key{EndpointId{row[0].as<std::uint64_t>()}, time_of(row[1])};
        if (!endpoints.contains(key.endpoint)) continue;
        stale.insert(key);
        days.insert({key.endpoint, day_of(key.start)});
        months.insert({key.endpoint, month_of(key.start)});
    }
    RollupMap hours;
    for (const auto& list : key_lists(stale))
        for (auto& [key, rollup] : by_hour(work.exec_params(
                 "SELECT m.endpoint_id, " + epoch_ms("m.minute") +
                     ", m.uptime_use, m.cells FROM json_to_recordset($1::json)"
                     " AS k (e integer, s timestamptz)"
                     " JOIN quorate.endpoint e ON e.id = k.e"
                     " JOIN quorate.rollup_progress p ON p.shard = e.shard"
                     // With a short window parts of an hour are packed while others are not.
                     " CROSS JOIN LATERAL (SELECT a.endpoint_id, a.minute, a.uptime_use, a.cells"
                     "  FROM quorate.any_minute a WHERE a.endpoint_id = k.e AND a.minute >= k.s"
                     "  AND a.minute < k.s + interval '1 hour' AND a.minute <= p.until OFFSET 0) m",
                 list)))
            hours[key] = std::move(rollup);
    store(work, kHours, hours);
    store(work, kDays, stored_sums(work, days, kHours, "1 day"));
    store(work, kMonths, stored_sums(work, months, kDays, "1 month"));
    return rows.size();
}

}  // namespace quorate
