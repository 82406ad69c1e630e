#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "coordinator/catalog/reports.hpp"
#include "coordinator/catalog/sql.hpp"
#include "coordinator/catalog/stored_cell.hpp"
#include "core/model/decision.hpp"
#include "platform/postgres/database.hpp"

namespace quorate::coordinator {
namespace {

/// Transaction ids are numbers of 64 bits; they travel as text, for SQL has no cast for them.
std::uint64_t read_txid(const std::string& text) {
    std::uint64_t txid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), txid);
    if (error != std::errc{} || end != text.data() + text.size())
        throw BadRequest{"resume_token is none of ours", "resume_token"};
    return txid;
}

/// Throws OutOfRange where going on from there would leave decisions out: their batches are gone,
/// or the token is of another database, or of this one's future before a backup was restored.
void require_in_range(pqxx::work& work, std::uint64_t next_txid) {
    const auto row = work.exec_params1(
        "SELECT $1::text::xid8 > pg_snapshot_xmax(pg_current_snapshot()),"
        " coalesce($1::text::xid8 <= (SELECT deleted_to FROM quorate.batch_floor), false)",
        std::to_string(next_txid));
    if (row[0].as<bool>())
        throw OutOfRange{
            "the resume_token is ahead of the database: was a backup restored since? Watch without "
            "it"};
    if (row[1].as<bool>())
        throw OutOfRange{
            "decisions after the resume_token are kept for a stream no longer (30 days): quorate "
            "explain and the views of schema dash have them; watch without it"};
}

/// Everything below has committed or never will, but for who forgets: that takes minutes, and makes
/// no decision. Its lock is taken before it has a transaction id.
std::uint64_t settled_below(pqxx::work& work) {
    constexpr auto kForget = static_cast<std::int64_t>(AdvisoryLock::forget);
    const auto row = work.exec_params1(
        "SELECT coalesce((SELECT x FROM pg_snapshot_xip(s) x WHERE x::xid <> ALL (ARRAY("
        "SELECT t.transactionid FROM pg_locks a JOIN pg_locks t USING (pid)"
        " WHERE a.locktype = 'advisory' AND a.classid = $1::bigint::oid"
        " AND a.objid = $2::bigint::oid AND a.granted AND t.locktype = 'transactionid'"
        " AND t.mode = 'ExclusiveLock')) ORDER BY x LIMIT 1), pg_snapshot_xmax(s))::text"
        " FROM pg_current_snapshot() s",
        kForget >> 32,
        kForget & 0xffffffff);
    return read_txid(row[0].as<std::string>());
}

/// Batches of sealed minutes, and between which minutes theirs lie.
struct Batches {
    std::vector<std::int64_t> ids;
    std::int64_t minute_min_us = 0;
    std::int64_t minute_max_us = 0;
};

Batches next_batches(pqxx::work& work, WatchPosition& position, std::uint64_t below_max) {
    const auto below = std::min(settled_below(work), below_max);
    const auto rows = work.exec_params(
        // The alias matters: ORDER BY would take an output column `txid`, and sort it as text.
        "SELECT id, txid::text AS txid_text, " + sql::micros("minute_min") + ", " +
            sql::micros("minute_max") +
            ", minutes FROM quorate.batch WHERE txid >= $1::text::xid8 AND txid < $2::text::xid8"
            " AND txid IN (SELECT DISTINCT txid FROM quorate.batch WHERE txid >= $1::text::xid8"
            "  AND txid < $2::text::xid8 ORDER BY txid LIMIT $3) ORDER BY batch.txid, id",
        std::to_string(position.next_txid),
        std::to_string(below),
        kWatchTransactions);
    Batches batches;
    std::uint64_t last = 0;
    int transactions = 0;
    std::int64_t minutes = 0;
    position.caught_up = true;
    for (const auto& row : rows) {
        const auto txid = read_txid(row[1].as<std::string>());
        if (txid != last && minutes >= kWatchMinutes) {
            position.caught_up = false;
            break;
        }
        if (std::exchange(last, txid) != txid) ++transactions;
        const auto low = row[2].as<std::int64_t>();
        const auto high = row[3].as<std::int64_t>();
        batches.minute_min_us = batches.ids.empty() ? low : std::min(batches.minute_min_us, low);
        batches.minute_max_us = std::max(batches.minute_max_us, high);
        batches.ids.push_back(row[0].as<std::int64_t>());
        minutes += row[4].as<std::int64_t>();
    }
    if (transactions == kWatchTransactions) position.caught_up = false;
    position.next_txid = position.caught_up ? std::max(position.next_txid, below) : last + 1;
    return batches;
}

/// The sealed minutes of the batches that the watcher asked for.
pqxx::result read_minutes(pqxx::work& work,
                          const v1::WatchRequest& request,
                          const Batches& batches) {
    const auto name = filter_of(request.tenant(), request.endpoint());
    return work.exec_params(
        "SELECT m.endpoint_id, " + sql::micros("m.minute") +
            ", e.tenant, e.name, m.decision, m.scope, m.rule_row, ev.incident_id, ev.kind"
            " FROM quorate.any_minute m JOIN quorate.endpoint e ON e.id = m.endpoint_id"
            " LEFT JOIN LATERAL (SELECT t.incident_id, t.kind FROM quorate.incident i"
            "  JOIN quorate.incident_event t ON t.incident_id = i.id"
            "  WHERE i.endpoint_id = m.endpoint_id AND t.minute = m.minute"
            "  ORDER BY t.id DESC LIMIT 1) ev ON true"
            " WHERE m.batch_id = ANY ($1::bigint[])"
            " AND m.minute BETWEEN " +
            sql::timestamp("$2") + " AND " + sql::timestamp("$3") +
            " AND ($4 = '' OR e.tenant = $4) AND ($5 = '' OR e.name = $5)"
            " AND (NOT $6 OR m.decision IS DISTINCT FROM"
            "  quorate.decision_before(m.endpoint_id, m.minute))"
            " ORDER BY m.minute, e.tenant COLLATE \"C\", e.name COLLATE \"C\"",
        sql::array(batches.ids, [](auto id) { return id; }),
        batches.minute_min_us,
        batches.minute_max_us,
        name.tenant,
        name.name,
        request.changes_only());
}

using MinuteKey = std::pair<std::int64_t, std::int64_t>;  // endpoint, minute in microseconds

/// Adds the cells of the minutes, and what share of them was measured.
void fill_cells(pqxx::work& work,
                const Batches& batches,
                const std::map<MinuteKey, v1::DecisionEvent*>& events) {
    std::map<std::int64_t, std::int64_t> endpoints;
    for (const auto& [key, event] : events)
        endpoints.emplace(key.first, 0);
    const auto rows = work.exec_params(
        "SELECT m.endpoint_id, " + sql::micros("m.minute") + ", " + stored_cell_columns() +
            " FROM quorate.any_minute m CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c"
            " JOIN quorate.region r ON r.id = c.region_id"
            " WHERE m.batch_id = ANY ($1::bigint[]) AND m.endpoint_id = ANY ($2::integer[])"
            " AND m.minute BETWEEN " +
            sql::timestamp("$3") + " AND " + sql::timestamp("$4") +
            " ORDER BY r.name COLLATE \"C\"",
        sql::array(batches.ids, [](auto id) { return id; }),
        sql::array(endpoints, [](const auto& entry) { return entry.first; }),
        batches.minute_min_us,
        batches.minute_max_us);
    std::map<MinuteKey, int> voters;
    for (const auto& row : rows) {
        const MinuteKey key{row[0].as<std::int64_t>(), row[1].as<std::int64_t>()};
        const auto event = events.find(key);
        if (event == events.end()) continue;  // left out by changes_only
        const auto cell = stored_cell(row, 2);
        event->second->add_cells(to_text(cell));
        if (cell.voted()) ++voters[key];
    }
    for (const auto& [key, event] : events)
        if (event->cells_size() > 0)
            event->set_coverage(static_cast<double>(voters[key]) / event->cells_size());
}

}  // namespace

WatchPosition start_watch(pqxx::work& work, const v1::WatchRequest& request) {
    // Here already: a batch to be filtered may be long in coming.
    filter_of(request.tenant(), request.endpoint());
    const auto& token = request.resume_token();
    if (token.empty()) return {settled_below(work), false};
    const auto next_txid = read_txid(token);
    require_in_range(work, next_txid);
    return {next_txid, false};
}

std::string resume_token(const WatchPosition& position) {
    return std::to_string(position.next_txid);
}

v1::WatchEvent watch_next(pqxx::work& work,
                          const v1::WatchRequest& request,
                          WatchPosition& position,
                          std::uint64_t below) {
    const auto batches = next_batches(work, position, below);
    v1::WatchEvent out;
    out.set_resume_token(resume_token(position));
    if (batches.ids.empty()) return out;
    const auto minutes = read_minutes(work, request, batches);
    // Room for all of them first: the map below points into the message.
    out.mutable_decisions()->Reserve(static_cast<int>(minutes.size()));
    std::map<MinuteKey, v1::DecisionEvent*> events;
    for (const auto& row : minutes) {
        auto& event = *out.add_decisions();
        event.set_minute_us(row[1].as<std::int64_t>());
        event.set_tenant(row[2].as<std::string>());
        event.set_endpoint(row[3].as<std::string>());
        event.set_decision(std::string{name_of(static_cast<Decision>(row[4].as<int>()))});
        event.set_scope(std::string{name_of(static_cast<Scope>(row[5].as<int>()))});
        event.set_rule_row(row[6].as<std::uint32_t>());
        if (!row[7].is_null()) event.set_incident_id(row[7].as<std::uint64_t>());
        if (!row[8].is_null()) event.set_transition(row[8].as<std::string>());
        events.emplace(MinuteKey{row[0].as<std::int64_t>(), row[1].as<std::int64_t>()}, &event);
    }
    if (!events.empty()) fill_cells(work, batches, events);
    return out;
}

}  // namespace quorate::coordinator
