#include "archiver/store/state_store.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

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
void append_row(const ShardStates& entry, BinaryCopy& copy) {
    std::vector<std::int32_t> endpoints;
    std::vector<std::int64_t> minutes;
    std::vector<std::string> states;
    for (const auto& [endpoint, progress] : entry.states) {
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
    for (const auto& entry : entries)
        if (entry.whole) whole.push_back(entry.shard);
    if (!whole.empty())
        work.exec_params("DELETE FROM quorate.state_log WHERE shard = ANY ($1::smallint[])",
                         array_text(whole));
    BinaryCopy copy{work, "quorate.state_log", {"shard", "endpoints", "minutes", "states"}};
    for (const auto& entry : entries)
        append_row(entry, copy);
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
void load_log(pqxx::work& work, const std::string& shards, LoadedStates& loaded) {
    for (const auto& row :
         work.exec_params("SELECT shard, sum(cardinality(endpoints)) FROM quorate.state_log"
                          " WHERE shard = ANY ($1::smallint[]) GROUP BY shard",
                          shards))
        loaded.logged.states.emplace(ShardId{row[0].as<std::uint64_t>()}, row[1].as<std::size_t>());
    for (const auto& row : work.exec_params(
             "SELECT s.endpoint, s.minute, greatest(s.minute, " +
                 epoch_ms("coalesce((SELECT m.minute FROM quorate.minute m WHERE m.endpoint_id = "
                          "s.endpoint AND "
                          "m.minute > now() - interval '2 hours' ORDER BY m.minute DESC LIMIT 1), "
                          "quorate.last_minute(s.endpoint))") +
                 "), s.state FROM (SELECT DISTINCT ON (u.endpoint) u.* FROM quorate.state_log l "
                 "CROSS "
                 "JOIN LATERAL "
                 "unnest(l.endpoints, l.minutes, l.states) AS u(endpoint, minute, state) "
                 "WHERE l.shard = ANY ($1::smallint[]) ORDER BY u.endpoint, l.id DESC) s",
             shards)) {
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
    const auto wanted = array_text(shards);
    for (const auto& row : work.exec_params(
             "SELECT endpoint_id, shard, decision, scope, cells, voters, " + epoch_ms("since") +
                 ", flapping, era, state, notices FROM quorate.endpoint_state"
                 " WHERE shard = ANY ($1::smallint[])",
             wanted)) {
        EndpointProgress progress;
        progress.shard = ShardId{row["shard"].as<std::uint64_t>()};
        progress.scope = static_cast<Scope>(row["scope"].as<int>());
        progress.cells = row["cells"].as<std::uint32_t>();
        progress.voters = row["voters"].as<std::uint32_t>();
        progress.since = UtcMinute::from_epoch_ms(row[6].as<std::int64_t>());
        progress.flapping = row["flapping"].as<bool>();
        if (!row["era"].is_null()) progress.era = static_cast<Era>(row["era"].as<int>());
        // Of a minute before migration 0014, until the log has one.
        if (!row["state"].is_null())
            progress.rule = endpoint_state_of_json(row["state"].as<std::string>());
        if (!row["notices"].is_null())
            progress.notices = notice_state_of_json(row["notices"].as<std::string>());
        loaded.progress.emplace(EndpointId{row[0].as<std::uint64_t>()}, std::move(progress));
    }
    load_log(work, wanted, loaded);
    return loaded;
}

}  // namespace quorate
