#include "archiver/compaction/compaction_store.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "archiver/compaction/block_store.hpp"
#include "archiver/store/endpoint_rows.hpp"
#include "archiver/store/sql_text.hpp"

namespace quorate {
namespace {

/// A statement's `FROM` of blocks' keys, given as parameter 1, with the length of a block.
constexpr const char* kKeys =
    "(SELECT k.e, k.s, k.s + quorate.block_length() AS till"
    " FROM json_to_recordset($1::json) AS k (e integer, s timestamptz)) k";

std::string keys_text(const std::vector<BlockKey>& keys) {
    std::string text = "[";
    for (const auto& key : keys)
        text += fmt::format(R"({}{{"e":{},"s":"{}"}})",
                            text.size() > 1 ? "," : "",
                            key.endpoint.value(),
                            timestamp_text(key.start));
    return text + "]";
}

UtcTime time_of(const pqxx::field& epoch_ms_field) {
    return UtcTime{milliseconds{epoch_ms_field.as<std::int64_t>()}};
}

/// Up to which endpoint is looked at, and whether that is the last one.
void choose_endpoints(pqxx::work& work,
                      const CompactionBounds& bounds,
                      EndpointId after,
                      CompactionOutcome& outcome) {
    const auto row = work.exec_params1(
        "SELECT coalesce(max(id), 0), count(*) FROM (SELECT id FROM quorate.endpoint"
        " WHERE id > $1 ORDER BY id LIMIT $2) page",
        after.value(),
        bounds.endpoints_max);
    outcome.last = EndpointId{row[0].as<std::uint64_t>()};
    outcome.is_end = row[1].as<std::size_t>() < bounds.endpoints_max;
}

/// Which blocks are due, one of each endpoint.
std::vector<BlockKey> due_blocks(pqxx::work& work,
                                 const CompactionBounds& bounds,
                                 EndpointId after,
                                 const std::set<EndpointId>& without,
                                 CompactionOutcome& outcome) {
    std::vector<BlockKey> due;
    for (const auto& row : work.exec_params(
             "SELECT e.id, " + epoch_ms("b.start_at") + ", " + epoch_ms("b.till") +
                 " FROM quorate.endpoint e JOIN quorate.rollup_progress p ON p.shard = e.shard"
                 " CROSS JOIN LATERAL (SELECT m.minute FROM quorate.minute m"
                 "  WHERE m.endpoint_id = e.id ORDER BY m.minute LIMIT 1) oldest"
                 " CROSS JOIN LATERAL (SELECT start_at, start_at + quorate.block_length() AS till"
                 "  FROM date_bin(quorate.block_length(), oldest.minute, 'epoch') start_at) b"
                 " WHERE e.id > $1 AND e.id <= $2 AND e.id <> ALL ($3::integer[])"
                 " AND e.shard = ANY ($6::smallint[])"
                 " AND b.till <= $4::timestamptz AND b.till <= p.until + quorate.block_length() / "
                 "60"
                 " AND NOT EXISTS (SELECT FROM quorate.rollup_stale s WHERE s.endpoint_id = e.id"
                 "  AND s.start_at = date_trunc('hour', b.start_at, 'UTC'))"
                 " ORDER BY e.id LIMIT $5",
             after.value(),
             outcome.last.value(),
             array_text(without),
             timestamp_text(bounds.before),
             bounds.blocks_max,
             array_text(bounds.shards))) {
        due.push_back({EndpointId{row[0].as<std::uint64_t>()}, time_of(row[1])});
        const auto overdue =
            std::chrono::duration_cast<milliseconds>(bounds.before - time_of(row[2]));
        outcome.overdue = std::max(outcome.overdue, overdue);
    }
    if (due.size() == bounds.blocks_max) {
        outcome.is_end = false;
        outcome.last = due.back().endpoint;
    }
    return due;
}

/// Rows are locked, so that nobody deletes them meanwhile.
std::map<BlockKey, std::vector<MinuteRow>> read_minutes(pqxx::work& work,
                                                        const std::string& keys,
                                                        Window window) {
    std::map<BlockKey, std::vector<MinuteRow>> blocks;
    for (const auto& row : work.exec_params(
             "SELECT m.endpoint_id, " + epoch_ms("k.s") + ", " + epoch_ms("m.minute") +
                 ", m.batch_id, m.decision, m.scope, m.rule_row, m.rule_version, m.uptime_use,"
                 " m.cells, m.details::text FROM " +
                 kKeys +
                 " JOIN quorate.minute m ON m.endpoint_id = k.e AND m.minute >= k.s"
                 " AND m.minute < k.till ORDER BY m.endpoint_id, m.minute FOR UPDATE OF m",
             keys)) {
        const BlockKey key{EndpointId{row[0].as<std::uint64_t>()}, time_of(row[1])};
        const auto behind = time_of(row[2]) - key.start;
        if (behind % window.length() != microseconds{0})
            throw CompactionRefused{key.endpoint, "a minute is not at the start of a window"};
        MinuteRow minute;
        minute.place = static_cast<int>(behind / window.length());
        minute.batch = row[3].as<std::int64_t>();
        minute.decision = row[4].as<int>();
        minute.scope = row[5].as<int>();
        minute.rule_row = row[6].as<int>();
        minute.rule_version = row[7].as<int>();
        minute.uptime_use = row[8].as<int>();
        minute.cells = bytes_of_bytea(row[9].as<std::string>());
        if (!row[10].is_null()) minute.details = row[10].as<std::string>();
        blocks[key].push_back(std::move(minute));
    }
    return blocks;
}

/// Throws CompactionRefused where a block does not say what the minutes say.
void verify(pqxx::work& work, const std::string& keys) {
    const auto differing = work.exec_params(
        std::string{"SELECT k.e FROM "} + kKeys + " WHERE quorate.packed_differs(k.e, k.s, k.till)",
        keys);
    if (!differing.empty())
        throw CompactionRefused{EndpointId{differing[0][0].as<std::uint64_t>()},
                                "what comes out of the block is not what went in"};
}

std::size_t delete_minutes(pqxx::work& work, const std::string& keys) {
    return work
        .exec_params(std::string{"DELETE FROM quorate.minute m USING "} + kKeys +
                         " WHERE m.endpoint_id = k.e AND m.minute >= k.s AND m.minute < k.till",
                     keys)
        .affected_rows();
}

}  // namespace

CompactionOutcome compact(pqxx::work& work,
                          const CompactionBounds& bounds,
                          EndpointId after,
                          const std::set<EndpointId>& without) {
    CompactionOutcome outcome;
    choose_endpoints(work, bounds, after, outcome);
    auto due = due_blocks(work, bounds, after, without, outcome);
    std::set<EndpointId> endpoints;
    for (const auto& block : due)
        endpoints.insert(block.endpoint);
    const auto held = hold_endpoints(work, endpoints);
    std::erase_if(due, [&held](const auto& block) { return !held.contains(block.endpoint); });
    if (due.empty()) return outcome;
    const auto keys = keys_text(due);
    // Where a part of the time is packed already it is packed anew as a whole.
    work.exec_params(std::string{"SELECT quorate.unpack_blocks(k.e, k.s, k.s) FROM "} + kKeys +
                         " JOIN quorate.minute_block b ON b.endpoint_id = k.e AND b.start_at = k.s",
                     keys);
    Blocks blocks;
    for (const auto& [key, rows] : read_minutes(work, keys, bounds.window)) {
        try {
            blocks.emplace(key, pack_minutes(rows));
        } catch (const std::invalid_argument& error) {
            throw CompactionRefused{key.endpoint, error.what()};
        }
        outcome.minutes += rows.size();
    }
    outcome.blocks = blocks.size();
    if (blocks.empty()) return outcome;
    store_blocks(work, blocks);
    verify(work, keys);
    if (delete_minutes(work, keys) != outcome.minutes)
        throw CompactionRefused{blocks.begin()->first.endpoint, "minutes came meanwhile"};
    return outcome;
}

}  // namespace quorate
