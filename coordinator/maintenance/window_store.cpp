#include "coordinator/maintenance/window_store.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "coordinator/catalog/sql.hpp"
#include "coordinator/maintenance/window_request.hpp"
#include "core/maintenance/matchers_json.hpp"
#include "platform/time_zones/time_zones.hpp"

namespace quorate::coordinator {
namespace {

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

/// Whose windows somebody ends: all that it is about is theirs. $1 is bound_to, null for all.
constexpr std::string_view kTheirsAlone =
    "($1::text[] IS NULL OR NOT EXISTS (SELECT FROM jsonb_array_elements(matchers) m"
    " WHERE NOT coalesce(m->>'tenant' = ANY ($1::text[]), false)))";

/// Which windows somebody sees: those that may hold for an endpoint of theirs.
constexpr std::string_view kConcernsThem =
    "($1::text[] IS NULL OR EXISTS (SELECT FROM jsonb_array_elements(matchers) m"
    " WHERE coalesce(m->>'tenant' = ANY ($1::text[]), true)))";

/// One that was ended early holds until its last minute; where it has none it is over.
std::string not_over(const std::string& now) {
    return "coalesce(least(ends_at, valid_to), 'infinity') > greatest(valid_from, " + now + ")";
}

std::optional<std::string> bound_to(const Caller& caller) {
    if (!caller.tenants) return std::nullopt;
    return sql::array(std::vector<std::string>{caller.tenants->begin(), caller.tenants->end()});
}

UtcTime time_of(const pqxx::field& field) {
    return UtcTime{microseconds{field.as<std::int64_t>()}};
}

/// The matchers of a window that the caller may know of.
std::vector<EndpointMatcher> seen_by(const Caller& caller, std::vector<EndpointMatcher> matchers) {
    std::erase_if(matchers, [&caller](const EndpointMatcher& matcher) {
        return !matcher.tenant.empty() && !caller.may_reach(matcher.tenant);
    });
    return matchers;
}

/// The rule of a row that has one, as it is stored.
std::optional<WeeklyRule> rule_of(const pqxx::row& row) {
    return read_stored({row["rrule"].as<std::string>(),
                        row["first_day"].as<std::string>(),
                        row["start_of_day"].as<std::string>(),
                        row["duration_s"].as<std::int64_t>()});
}

/// Of a row that has a rule; without its clock where its zone is not known here.
void fill_weekly(v1::PlannedWindow& out, const pqxx::row& row, UtcTime now, bool& holds) {
    auto& weekly = *out.mutable_weekly();
    weekly.set_rule(row["rrule"].c_str());
    weekly.set_time_zone(row["zone"].c_str());
    weekly.set_first_day(row["first_day"].c_str());
    weekly.set_duration_s(row["duration_s"].as<std::uint32_t>());
    const auto rule = rule_of(row);
    const auto zone = find_time_zone(weekly.time_zone());
    if (rule) weekly.set_start_of_day(time_of_day_text(rule->start_of_day));
    if (!zone || !rule) return;
    holds = overlaps(*rule, zone->utc_of, now, now + milliseconds{1});
    if (const auto next = next_start(*rule, zone->utc_of, now))
        out.set_next_start_us(sql::us(*next));
}

void fill(v1::PlannedWindow& out, const pqxx::row& row, const Caller& caller, UtcTime now) {
    fill_matchers(out, seen_by(caller, parse_matchers(row["matchers"].c_str())));
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
        const bool still = out.ended_from_us() > sql::us(now) &&
                           out.ended_from_us() > out.in_force_from_us() &&
                           !(out.has_ends_at_us() && out.ends_at_us() <= sql::us(now));
        out.set_state(still ? "ending" : "ended");
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
void require_room(pqxx::work& work,
                  WindowKind kind,
                  const std::set<std::string>& tenants,
                  UtcTime now) {
    work.exec_params("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                     "quorate." + name_of(kind));
    const auto open = "SELECT count(*) FROM quorate." + name_of(kind) + " WHERE " +
                      not_over(sql::timestamp("$1"));
    if (work.exec_params1(open, sql::us(now))[0].as<std::int64_t>() >= kWindowsMax)
        throw TooManyWindows{fmt::format(
            "there are {} of all tenants that are not over already: end some", kWindowsMax)};
    for (const auto& tenant : tenants) {
        const auto of_tenant =
            work.exec_params1(open +
                                  " AND matchers @> jsonb_build_array(jsonb_build_object("
                                  "'tenant', $2::text))",
                              sql::us(now),
                              tenant)[0];
        if (of_tenant.as<std::int64_t>() >= kTenantWindowsMax)
            throw TooManyWindows{
                fmt::format("there are {} of tenant {} that are not over already: end some",
                            kTenantWindowsMax,
                            tenant)};
    }
}

/// When the window ends that the minute is in, this time.
UtcTime end_of(const PlannedWindow& window, UtcMinute minute) {
    auto end = window.end;
    if (window.weekly) {
        // The start that is not over at the minute.
        const auto start =
            next_start(*window.weekly,
                       window.clock,
                       UtcTime{minute.start()} - window.weekly->duration + microseconds{1});
        end = start.value_or(UtcTime{minute.start()}) + window.weekly->duration;
    }
    return window.valid_to ? std::min<UtcTime>(end, window.valid_to->start()) : end;
}

/// As an archiver reads it.
PlannedWindow planned_of(const pqxx::row& row) {
    const auto minute_of = [](const pqxx::field& field) {
        return UtcMinute::from_epoch_ms(field.as<std::int64_t>() / 1000);
    };
    PlannedWindow window;
    window.start = time_of(row["starts"]);
    if (!row["ends"].is_null()) window.end = time_of(row["ends"]);
    window.valid_from = minute_of(row["valid_from"]);
    if (!row["valid_to"].is_null()) window.valid_to = minute_of(row["valid_to"]);
    if (row["rrule"].is_null()) return window;
    window.weekly = rule_of(row).value_or(WeeklyRule{});
    if (auto zone = find_time_zone(row["zone"].c_str())) window.clock = std::move(zone->utc_of);
    return window;
}

}  // namespace

CreatedWindow create_window(pqxx::work& work,
                            WindowKind kind,
                            const v1::PlannedWindow& asked,
                            const Caller& caller,
                            UtcTime now,
                            UtcMinute from) {
    const auto order = read_window(asked, caller, now, from);
    const auto& window = order.window;
    std::set<std::string> tenants;
    for (const auto& matcher : window.matchers)
        if (!matcher.tenant.empty()) tenants.insert(matcher.tenant);
    require_room(work, kind, tenants, now);
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
    fill(created.window, row, caller, now);
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
                 std::string{kConcernsThem} +
                 " AND ($2 = '' OR EXISTS (SELECT FROM jsonb_array_elements(matchers) m"
                 "  WHERE coalesce(m->>'tenant' = $2, true)))"
                 " AND ($3 OR (" +
                 not_over(sql::timestamp("$4")) + ")) AND id < $5 ORDER BY id DESC LIMIT $6",
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
        fill(page.windows.emplace_back(), row, caller, now);
    }
    return page;
}

std::vector<v1::WindowInForce> windows_at(pqxx::work& work,
                                          const EndpointName& name,
                                          UtcMinute minute,
                                          Window window) {
    std::vector<v1::WindowInForce> found;
    for (const auto kind : {WindowKind::maintenance, WindowKind::silence})
        for (const auto& row : work.exec_params(
                 "SELECT " + kColumns + " FROM quorate." + name_of(kind) +
                     " w WHERE valid_from <= " + sql::timestamp("$3") + " AND " +
                     not_over(sql::timestamp("$3")) +
                     " AND EXISTS (SELECT FROM jsonb_array_elements(matchers) m"
                     " WHERE coalesce(m->>'tenant' = $1, true)"
                     "   AND coalesce(m->>'endpoint' = $2, true)"
                     "   AND (m->'labels' IS NULL OR (m->'labels') <@"
                     "    (SELECT v.spec->'labels' FROM quorate.endpoint e"
                     "     JOIN quorate.endpoint_version v ON v.endpoint_id = e.id"
                     "     WHERE e.tenant = $1 AND e.name = $2 AND v.valid_from <= " +
                     sql::timestamp("$3") +
                     "     ORDER BY e.deleted_at DESC NULLS FIRST, v.version DESC LIMIT 1)))"
                     " ORDER BY id",
                 name.tenant,
                 name.name,
                 sql::us(minute.start()))) {
            const auto planned = planned_of(row);
            if (!overlaps(planned, minute, window.length())) continue;
            auto& held = found.emplace_back();
            held.set_kind(name_of(kind));
            held.set_id(row["id"].as<std::uint64_t>());
            held.set_owner(row["owner"].c_str());
            held.set_reason(row["reason"].c_str());
            held.set_ends_at_us(sql::us(end_of(planned, minute)));
        }
    return found;
}

EndedWindow end_window(pqxx::work& work,
                       WindowKind kind,
                       std::uint64_t id,
                       const Caller& caller,
                       UtcTime now,
                       UtcMinute from) {
    const auto found =
        work.exec_params("SELECT " + kColumns + " FROM quorate." + name_of(kind) + " WHERE " +
                             std::string{kTheirsAlone} + " AND id = $2 FOR UPDATE",
                         bound_to(caller),
                         static_cast<std::int64_t>(id));
    if (found.empty()) throw NotFound{"there is no " + name_of(kind) + " " + std::to_string(id)};
    EndedWindow ended;
    fill(ended.window, found[0], caller, now);
    if (ended.window.has_ended_at_us() || ended.window.state() == "over") return ended;
    const auto before = std::exchange(ended.window, {});
    const auto row = work.exec_params1(
        "UPDATE quorate." + name_of(kind) + " SET valid_to = greatest(valid_from, " +
            sql::timestamp("$2") + "), ended_at = " + sql::timestamp("$3") +
            ", ended_by = $4 WHERE id = $1 RETURNING " + kColumns,
        static_cast<std::int64_t>(id),
        sql::us(from.start()),
        sql::us(now),
        caller.actor.principal);
    fill(ended.window, row, caller, now);
    ended.changed = true;
    write_audit(work, caller.actor, audit_entry(method("End", kind), kind, before, ended.window));
    return ended;
}

}  // namespace quorate::coordinator
