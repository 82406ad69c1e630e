#include "archiver/store/state_store.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "archiver/store/endpoint_rows.hpp"
#include "archiver/store/sql_text.hpp"
#include "core/incident/state_codec.hpp"
#include "core/incident/state_json.hpp"
#include "core/notice/notice_codec.hpp"
#include "core/notice/notice_json.hpp"
#include "platform/postgres/binary_copy.hpp"

namespace quorate {
namespace {

/// A row of the log: of each endpoint when it was last sealed, and the rule's and the notices'
/// state in bytes.
/// @param held if given, without the endpoints that are not among these
void append_row(const ShardStates& entry, const std::set<EndpointId>* held, BinaryCopy& copy) {
    std::vector<std::int32_t> endpoints;
    std::vector<std::int64_t> minutes;
    std::vector<std::string> states;
    for (const auto& [endpoint, progress] : entry.states) {
        if (held != nullptr && !held->contains(endpoint)) continue;
        endpoints.push_back(static_cast<std::int32_t>(endpoint.value()));
        minutes.push_back(progress->rule.last_minute.value_or(UtcMinute{}).epoch_ms());
        auto& bytes = states.emplace_back();
        pack(progress->rule, bytes);
        pack(progress->notices, bytes);
    }
    copy.row();
    copy.int2(static_cast<std::int16_t>(entry.shard.value()));
    copy.array(endpoints);
    copy.array(minutes);
    copy.array(states);
}

void store_log(pqxx::work& work, const std::vector<ShardStates>& entries) {
    std::vector<ShardId> whole;
    std::set<EndpointId>
        endpoints;  // of these; one of them may be forgotten, be it still in memory
    for (const auto& entry : entries) {
        if (!entry.whole) continue;
        whole.push_back(entry.shard);
        for (const auto& [endpoint, progress] : entry.states)
            endpoints.insert(endpoint);
    }
    const auto held = hold_endpoints(work, endpoints);
    if (!whole.empty())
        work.exec_params("DELETE FROM quorate.state_log WHERE shard = ANY ($1::smallint[])",
                         array_text(whole));
    BinaryCopy copy{work, "quorate.state_log", {"shard", "endpoints", "minutes", "states"}};
    for (const auto& entry : entries)
        append_row(entry, entry.whole ? &held : nullptr, copy);
    copy.finish();
}

bool shows_the_same(const EndpointProgress& a, const EndpointProgress& b) {
    const auto shown = [](const EndpointProgress& progress) {
        return std::tuple{progress.shard,
                          progress.rule.last_decision,
                          progress.scope,
                          progress.cells,
                          progress.voters,
                          progress.since,
                          progress.flapping,
                          progress.era};
    };
    return shown(a) == shown(b);
}

void store_shown(pqxx::work& work, const SealPlan& plan) {
    std::string shown;
    for (const auto& [endpoint, progress] : plan.changed) {
        const auto* before = plan.committed(endpoint);
        if (before != nullptr && shows_the_same(*before, progress)) continue;
        shown += fmt::format(
            R"({}{{"endpoint_id":{},"shard":{},"decision":{},"scope":{},"cells":{},"voters":{},)"
            R"("since":"{}","flapping":{},"era":{}}})",
            shown.empty() ? "" : ",",
            endpoint.value(),
            progress.shard.value(),
            static_cast<int>(progress.rule.last_decision),
            static_cast<int>(progress.scope),
            progress.cells,
            progress.voters,
            timestamp_text(progress.since),
            progress.flapping,
            progress.era ? std::to_string(static_cast<int>(*progress.era)) : "null");
    }
    if (shown.empty()) return;
    work.exec_params(
        "INSERT INTO quorate.endpoint_state (endpoint_id, shard, decision, scope, cells, voters, "
        "since, flapping, era) SELECT endpoint_id, shard, decision, scope, cells, voters, since, "
        "flapping, era FROM json_populate_recordset(NULL::quorate.endpoint_state, $1::json) "
        "ON CONFLICT (endpoint_id) DO UPDATE SET (shard, decision, scope, cells, voters, since, "
        "flapping, era, state, notices) = (excluded.shard, excluded.decision, excluded.scope, "
        "excluded.cells, excluded.voters, excluded.since, excluded.flapping, excluded.era, NULL, "
        "NULL)",
        "[" + shown + "]");
}

/// A state that was stored with an earlier minute is that of the last one, too: see StateJournal.
/// That one is looked for from the stored minute on: by a look into the key of the rows, and by one
/// into the key of the blocks, whose last entry is a minute. One shard at a time, so that a large
/// fleet takes many short statements and not one that is too long.
void load_log(pqxx::work& work, ShardId shard, LoadedStates& loaded) {
    const auto logged = work.exec_params1(
        "SELECT coalesce(sum(cardinality(endpoints)), 0) FROM quorate.state_log WHERE shard = $1",
        shard.value());
    if (const auto states = logged[0].as<std::size_t>(); states > 0)
        loaded.logged.states.emplace(shard, states);
    for (const auto& row : work.exec_params(
             "SELECT s.endpoint, s.minute, greatest(s.minute, " + epoch_ms("hot.minute") + ", " +
                 epoch_ms("packed.minute") +
                 "), s.state FROM (SELECT DISTINCT ON (u.endpoint) u.*,"
                 "  to_timestamp(u.minute / 1000.0) AS at FROM quorate.state_log l CROSS JOIN"
                 "  LATERAL unnest(l.endpoints, l.minutes, l.states) AS u(endpoint, minute, state)"
                 "  WHERE l.shard = $1 ORDER BY u.endpoint, l.id DESC) s"
                 " CROSS JOIN (SELECT quorate.block_length() AS length OFFSET 0) d"
                 " LEFT JOIN LATERAL (SELECT m.minute FROM quorate.minute m"
                 "  WHERE m.endpoint_id = s.endpoint AND m.minute >= s.at"
                 "  ORDER BY m.minute DESC LIMIT 1) hot ON true"
                 " LEFT JOIN LATERAL (SELECT b.start_at"
                 "   + (b.first + (cardinality(b.middle) - 1) * b.stride) * d.length / 60 AS minute"
                 "  FROM quorate.minute_block b"
                 "  WHERE b.endpoint_id = s.endpoint AND b.start_at > s.at - d.length"
                 "  ORDER BY b.start_at DESC LIMIT 1) packed ON true",
             shard.value())) {
        const EndpointId endpoint{row[0].as<std::uint64_t>()};
        const auto found = loaded.progress.find(endpoint);
        if (found == loaded.progress.end()) continue;  // it is gone
        loaded.logged.endpoints.emplace(endpoint,
                                        UtcMinute::from_epoch_ms(row[1].as<std::int64_t>()));
        const auto bytes = bytes_of_bytea(row[3].as<std::string>());
        std::string_view rest{bytes};
        found->second.rule =
            unpack_endpoint_state(rest, UtcMinute::from_epoch_ms(row[2].as<std::int64_t>()));
        found->second.notices = unpack_notice_state(rest);
    }
}

}  // namespace

void store_states(pqxx::work& work, const SealPlan& plan, const std::vector<ShardStates>& entries) {
    if (!entries.empty()) store_log(work, entries);
    store_shown(work, plan);
}

LoadedStates load_states(pqxx::work& work, const std::set<ShardId>& shards) {
    LoadedStates loaded;
    for (const auto& row : work.exec_params(
             "SELECT s.endpoint_id, s.shard, s.decision, s.scope, s.cells, s.voters, " +
                 epoch_ms("s.since") +
                 " AS since, s.flapping, s.era, s.state, s.notices FROM quorate.endpoint_state s"
                 " JOIN quorate.endpoint e ON e.id = s.endpoint_id"
                 " LEFT JOIN quorate.shard_watermark w ON w.shard = e.shard"
                 " WHERE s.shard = ANY ($1::smallint[])"
                 // What was deleted and is all sealed gets no minute any more.
                 " AND (e.deleted_at IS NULL OR EXISTS (SELECT FROM quorate.endpoint_version v"
                 "  WHERE v.endpoint_id = e.id"
                 "  AND (v.valid_to IS NULL OR v.valid_to > coalesce(w.minute, '-infinity'))))",
             array_text(shards))) {
        EndpointProgress progress;
        progress.shard = ShardId{row["shard"].as<std::uint64_t>()};
        progress.scope = static_cast<Scope>(row["scope"].as<int>());
        progress.cells = row["cells"].as<std::uint32_t>();
        progress.voters = row["voters"].as<std::uint32_t>();
        progress.since = UtcMinute::from_epoch_ms(row["since"].as<std::int64_t>());
        progress.flapping = row["flapping"].as<bool>();
        if (!row["era"].is_null()) progress.era = static_cast<Era>(row["era"].as<int>());
        // Of a minute before migration 0014, until the log has one.
        if (!row["state"].is_null())
            progress.rule = endpoint_state_of_json(row["state"].as<std::string>());
        if (!row["notices"].is_null())
            progress.notices = notice_state_of_json(row["notices"].as<std::string>());
        loaded.progress.emplace(EndpointId{row[0].as<std::uint64_t>()}, std::move(progress));
    }
    for (const auto shard : shards)
        load_log(work, shard, loaded);
    return loaded;
}

}  // namespace quorate
