#include "coordinator/maintenance/window_store.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "coordinator/catalog/listing.hpp"
#include "coordinator/catalog/sql.hpp"
#include "coordinator/maintenance/window_request.hpp"
#include "core/maintenance/matchers_json.hpp"
#include "platform/time_zones/time_zones.hpp"

namespace quorate::coordinator {
namespace {

namespace chrono = std::chrono;

/// Its table, and what a row is called.
std::string name_of(WindowKind kind) {
    switch (kind) {
        case WindowKind::maintenance:
            return "maintenance";
        case WindowKind::silence:
            return "silence";
    }
    return {};
}

std::string method(const char* verb, WindowKind kind) {
    return verb + std::string{kind == WindowKind::maintenance ? "Maintenance" : "Silence"};
}

const std::string kColumns =
    "id, matchers, " + sql::micros("starts_at") + " AS starts, " + sql::micros("ends_at") +
    " AS ends, rrule, zone, first_day, start_of_day, duration_s, reason, owner, " +
    sql::micros("created_at") + " AS created, created_by, " + sql::micros("valid_from") +
    " AS valid_from, " + sql::micros("valid_to") + " AS valid_to, " + sql::micros("ended_at") +
    " AS ended, coalesce(ended_by, '') AS ended_by";

/// Whose windows somebody sees and ends: $1 is bound_to, null for all.
constexpr std::string_view kReachable =
    "($1::text[] IS NULL OR NOT EXISTS (SELECT FROM jsonb_array_elements(matchers) m"
    " WHERE NOT coalesce(m->>'tenant' = ANY ($1::text[]), false)))";

std::optional<std::string> bound_to(const Caller& caller) {
    if (!caller.tenants) return std::nullopt;
    return sql::array(std::vector<std::string>{caller.tenants->begin(), caller.tenants->end()});
}

UtcTime time_of(const pqxx::field& field) {
    return UtcTime{microseconds{field.as<std::int64_t>()}};
}

/// The rule of a row that has one, with its clock; nothing where its zone is not known here.
void fill_weekly(v1::PlannedWindow& out, const pqxx::row& row, UtcTime now, bool& holds) {
    auto& weekly = *out.mutable_weekly();
    weekly.set_rule(row["rrule"].c_str());
    weekly.set_time_zone(row["zone"].c_str());
    weekly.set_first_day(row["first_day"].c_str());
    weekly.set_duration_s(row["duration_s"].as<std::uint32_t>());
    WeeklyRule rule;
    const auto zone = find_time_zone(weekly.time_zone());
    const auto first_day = parse_local_day(weekly.first_day());
    const auto start = parse_time_of_day(row["start_of_day"].c_str());
    if (start) weekly.set_start_of_day(time_of_day_text(*start));
    if (!zone || !first_day || !start || !read_rrule(weekly.rule(), rule).empty()) return;
    rule.first_day = *first_day;
    rule.start_of_day = *start;
    rule.duration = chrono::seconds{weekly.duration_s()};
    holds = overlaps(rule, zone->utc_of, now, now + milliseconds{1});
    if (const auto next = next_start(rule, zone->utc_of, now))
        out.set_next_start_us(sql::us(*next));
}

void fill(v1::PlannedWindow& out, const pqxx::row& row, UtcTime now) {
    fill_matchers(out, parse_matchers(row["matchers"].c_str()));
    out.set_id(row["id"].as<std::uint64_t>());
    out.set_starts_at_us(row["starts"].as<std::int64_t>());
    if (!row["ends"].is_null()) out.set_ends_at_us(row["ends"].as<std::int64_t>());
    out.set_reason(row["reason"].c_str());
    out.set_owner(row["owner"].c_str());
    out.set_created_at_us(row["created"].as<std::int64_t>());
    out.set_created_by(row["created_by"].c_str());
    out.set_in_force_from_us(row["valid_from"].as<std::int64_t>());
    out.set_ended_by(row["ended_by"].c_str());
    if (!row["ended"].is_null()) out.set_ended_at_us(row["ended"].as<std::int64_t>());
    if (!row["valid_to"].is_null()) out.set_ended_from_us(row["valid_to"].as<std::int64_t>());
    bool holds = time_of(row["starts"]) <= now;
    if (!row["rrule"].is_null()) fill_weekly(out, row, now, holds);
    if (out.has_ended_at_us()) {
        out.set_state("ended");
        out.clear_next_start_us();
    } else if (out.has_ends_at_us() && out.ends_at_us() <= sql::us(now)) {
        out.set_state("over");
    } else {
        out.set_state(holds && time_of(row["valid_from"]) <= now ? "active" : "scheduled");
    }
}

/// For the audit log.
std::string text_of(const v1::PlannedWindow& window) {
    std::string text = "matchers:\n";
    for (const auto& matcher : window.matchers()) {
        text += "  -";
        if (!matcher.tenant().empty()) text += " " + matcher.tenant();
        if (!matcher.endpoint().empty()) text += "/" + matcher.endpoint();
        for (const auto& label : matcher.labels())
            text += " " + label;
        text += '\n';
    }
    const auto time = [](std::int64_t us) { return to_rfc3339(UtcTime{microseconds{us}}); };
    if (window.has_weekly()) {
        const auto& weekly = window.weekly();
        text += "rule: " + weekly.rule() + "\nstarts: " + weekly.start_of_day() + " " +
                weekly.time_zone() + " from " + weekly.first_day() +
                " on\nseconds: " + std::to_string(weekly.duration_s()) + '\n';
    } else {
        text += "starts: " + time(window.starts_at_us()) + '\n';
        text += "ends: " + time(window.ends_at_us()) + '\n';
    }
    text += "owner: " + window.owner() + "\nreason: " + window.reason() + '\n';
    if (window.has_ended_from_us()) text += "ended from: " + time(window.ended_from_us()) + '\n';
    return text;
}

AuditEntry audit_entry(std::string method_name,
                       WindowKind kind,
                       const v1::PlannedWindow& before,
                       const v1::PlannedWindow& after) {
    AuditEntry entry;
    entry.method = std::move(method_name);
    entry.target = name_of(kind) + " " + std::to_string(after.id());
    std::vector<EndpointMatcher> matchers;
    for (const auto& matcher : after.matchers())
        matchers.push_back({matcher.tenant(), matcher.endpoint(), {}});
    if (auto tenants = tenants_of(matchers)) entry.tenants = *std::move(tenants);
    entry.changes = {
        {entry.target, before.id() == 0 ? std::string{} : text_of(before), text_of(after)}};
    return entry;
}

std::uint64_t count_matched(pqxx::work& work, const std::string& matchers) {
    return work
        .exec_params1(
            "SELECT count(*) FROM quorate.endpoint e JOIN quorate.endpoint_version v"
            " ON v.endpoint_id = e.id AND v.valid_to IS NULL WHERE e.deleted_at IS NULL"
            " AND EXISTS (SELECT FROM jsonb_array_elements($1::jsonb) m"
            "  WHERE coalesce(m->>'tenant' = e.tenant, true)"
            "    AND coalesce(m->>'endpoint' = e.name, true)"
            "    AND coalesce(v.spec->'labels' @> (m->'labels'), m->'labels' IS NULL))",
            matchers)[0]
        .as<std::uint64_t>();
}

/// Of several who order at once each counts what those before it did.
void require_room(pqxx::work& work, WindowKind kind, UtcTime now) {
    work.exec_params("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                     "quorate." + name_of(kind));
    const auto open = work.exec_params1(
        "SELECT count(*) FROM quorate." + name_of(kind) +
            " WHERE ended_at IS NULL AND coalesce(ends_at, 'infinity') > " + sql::timestamp("$1"),
        sql::us(now))[0];
    if (open.as<std::int64_t>() >= kWindowsMax)
        throw BadRequest{"there are " + std::to_string(kWindowsMax) +
                         " that are not over already: end some"};
}

}  // namespace

CreatedWindow create_window(pqxx::work& work,
                            WindowKind kind,
                            const v1::PlannedWindow& asked,
                            const Caller& caller,
                            UtcTime now,
                            UtcMinute from) {
    const auto order = read_window(asked, caller, now);
    const auto& window = order.window;
    require_room(work, kind, now);
    const auto matchers = matchers_json(window.matchers);
    std::optional<std::string> rule;
    std::optional<std::string> zone;
    std::optional<std::string> first_day;
    std::optional<std::string> start_of_day;
    std::optional<std::int64_t> duration;
    std::optional<std::int64_t> ends;
    if (order.ends) ends = sql::us(*order.ends);
    if (window.weekly) {
        rule = rrule_text(*window.weekly);
        zone = order.time_zone;
        first_day = local_day_text(window.weekly->first_day);
        start_of_day = time_of_day_text(window.weekly->start_of_day);
        duration = window.weekly->duration.count();
    }
    const auto row = work.exec_params1(
        "INSERT INTO quorate." + name_of(kind) +
            " (matchers, starts_at, ends_at, rrule, zone, first_day, start_of_day, duration_s,"
            " reason, owner, created_at, created_by, valid_from) VALUES ($1::jsonb, " +
            sql::timestamp("$2") + ", " + sql::timestamp("$3") +
            ", $4, $5, $6::date, $7::time, $8, $9, $10, " + sql::timestamp("$11") + ", $12, " +
            sql::timestamp("$13") + ") RETURNING " + kColumns,
        matchers,
        sql::us(window.start),
        ends,
        rule,
        zone,
        first_day,
        start_of_day,
        duration,
        window.reason,
        window.owner,
        sql::us(now),
        caller.actor.principal,
        sql::us(from.start()));
    CreatedWindow created;
    fill(created.window, row, now);
    created.endpoints_matched = count_matched(work, matchers);
    write_audit(work, caller.actor, audit_entry(method("Create", kind), kind, {}, created.window));
    return created;
}

WindowPage list_windows(pqxx::work& work,
                        WindowKind kind,
                        const WindowQuery& query,
                        const Caller& caller,
                        UtcTime now) {
    const auto size = page_size(query.page_size, 500, 5000);
    const auto before = id_after(query.page_token);
    WindowPage page;
    for (const auto& row : work.exec_params(
             "SELECT " + kColumns + " FROM quorate." + name_of(kind) + " WHERE " +
                 std::string{kReachable} +
                 " AND ($2 = '' OR EXISTS (SELECT FROM jsonb_array_elements(matchers) m"
                 "  WHERE coalesce(m->>'tenant' = $2, true)))"
                 " AND ($3 OR (ended_at IS NULL AND coalesce(ends_at, 'infinity') > " +
                 sql::timestamp("$4") + ")) AND id < $5 ORDER BY id DESC LIMIT $6",
             bound_to(caller),
             query.tenant,
             query.with_past,
             sql::us(now),
             before,
             static_cast<std::int64_t>(size) + 1)) {
        if (page.windows.size() == size) {
            page.next_page_token = std::to_string(page.windows.back().id());
            break;
        }
        fill(page.windows.emplace_back(), row, now);
    }
    return page;
}

EndedWindow end_window(pqxx::work& work,
                       WindowKind kind,
                       std::uint64_t id,
                       const Caller& caller,
                       UtcTime now,
                       UtcMinute from) {
    const auto found =
        work.exec_params("SELECT " + kColumns + " FROM quorate." + name_of(kind) + " WHERE " +
                             std::string{kReachable} + " AND id = $2 FOR UPDATE",
                         bound_to(caller),
                         static_cast<std::int64_t>(id));
    if (found.empty()) throw NotFound{"there is no " + name_of(kind) + " " + std::to_string(id)};
    EndedWindow ended;
    fill(ended.window, found[0], now);
    const auto& state = ended.window.state();
    if (state == "ended" || state == "over") return ended;
    const auto before = std::exchange(ended.window, {});
    const auto row = work.exec_params1(
        "UPDATE quorate." + name_of(kind) + " SET valid_to = greatest(valid_from, " +
            sql::timestamp("$2") + "), ended_at = " + sql::timestamp("$3") +
            ", ended_by = $4 WHERE id = $1 RETURNING " + kColumns,
        static_cast<std::int64_t>(id),
        sql::us(from.start()),
        sql::us(now),
        caller.actor.principal);
    fill(ended.window, row, now);
    ended.changed = true;
    write_audit(work, caller.actor, audit_entry(method("End", kind), kind, before, ended.window));
    return ended;
}

}  // namespace quorate::coordinator
