#include "coordinator/catalog/reports.hpp"

#include <algorithm>
#include <optional>

#include <boost/json/parse.hpp>

#include "coordinator/catalog/sql.hpp"
#include "core/base/text.hpp"
#include "platform/wire/endpoint_file.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::uint32_t kEndpointsDefault = 500;
constexpr std::uint32_t kEndpointsMax = 5000;
constexpr std::uint32_t kIncidentsDefault = 100;
constexpr std::uint32_t kIncidentsMax = 1000;

/// A JSON array of texts, as json_agg makes it.
template <class Repeated>
void add_texts(const pqxx::field& field, Repeated& out) {
    if (field.is_null()) return;
    const auto list = boost::json::parse(field.c_str());
    for (const auto& item : list.as_array())
        out.Add(std::string{item.as_string()});
}

std::string incident_columns() {
    return "i.id, i.tenant, i.endpoint, i.severity, i.worst_severity, i.scope, " +
           sql::micros("i.started_at") + ", " + sql::micros("i.detected_at") + ", " +
           sql::micros("i.recovered_at") + ", " + sql::micros("i.closed_at") +
           ", i.mttd_seconds, i.mttr_seconds, i.reason, array_to_json(i.regions)::text, i.flaps,"
           " array_to_json(i.marks)::text, " +
           sql::micros("i.acknowledged_at") + ", i.acknowledged_by";
}

void fill(v1::Incident& out, const pqxx::row& row) {
    out.set_id(row[0].as<std::uint64_t>());
    out.set_tenant(text_of(row[1]));
    out.set_endpoint(text_of(row[2]));
    out.set_severity(text_of(row[3]));
    out.set_worst_severity(text_of(row[4]));
    out.set_scope(text_of(row[5]));
    if (!row[6].is_null()) out.set_started_at_us(row[6].as<std::int64_t>());
    if (!row[7].is_null()) out.set_detected_at_us(row[7].as<std::int64_t>());
    if (!row[8].is_null()) out.set_recovered_at_us(row[8].as<std::int64_t>());
    if (!row[9].is_null()) out.set_closed_at_us(row[9].as<std::int64_t>());
    if (!row[10].is_null()) out.set_mttd_seconds(row[10].as<double>());
    if (!row[11].is_null()) out.set_mttr_seconds(row[11].as<double>());
    out.set_reason(text_of(row[12]));
    add_texts(row[13], *out.mutable_regions());
    out.set_flaps(row[14].is_null() ? 0 : row[14].as<std::uint32_t>());
    add_texts(row[15], *out.mutable_marks());
    if (!row[16].is_null()) out.set_acknowledged_at_us(row[16].as<std::int64_t>());
    out.set_acknowledged_by(text_of(row[17]));
}

void fill(v1::EndpointStatus& out, const pqxx::row& row) {
    out.set_tenant(text_of(row[0]));
    out.set_endpoint(text_of(row[1]));
    out.set_url(text_of(row[2]));
    out.set_state(text_of(row[3]));
    out.set_scope(text_of(row[4]));
    if (!row[5].is_null()) out.set_since_us(row[5].as<std::int64_t>());
    out.set_flapping(!row[6].is_null() && row[6].as<bool>());
    if (!row[7].is_null()) out.set_coverage(row[7].as<double>());
    if (!row[8].is_null()) out.set_last_minute_us(row[8].as<std::int64_t>());
    if (!row[9].is_null()) out.set_p95_ms_24h(row[9].as<double>());
    if (!row[10].is_null()) out.set_uptime_30d(row[10].as<double>());
    add_texts(row[11], *out.mutable_regions());
}

}  // namespace

v1::ExportEndpointsResponse export_endpoints(pqxx::work& work,
                                             const v1::ExportEndpointsRequest& request) {
    const auto filter = filter_of(request.tenant(), request.endpoint());
    const auto size = page_size(request.page_size(), kEndpointsDefault, kEndpointsMax);
    const auto after = page_after(request.page_token());
    const auto rows = work.exec_params(
        "SELECT e.tenant, e.name, v.spec::text FROM quorate.endpoint e"
        " JOIN quorate.endpoint_version v ON v.endpoint_id = e.id AND v.valid_to IS NULL"
        " WHERE e.deleted_at IS NULL AND ($1 = '' OR e.tenant = $1) AND ($2 = '' OR e.name = $2)"
        " AND (e.tenant COLLATE \"C\", e.name COLLATE \"C\") > ($3, $4)"
        " ORDER BY e.tenant COLLATE \"C\", e.name COLLATE \"C\" LIMIT $5",
        filter.tenant,
        filter.name,
        after.tenant,
        after.name,
        size + 1);
    if (rows.empty() && !filter.name.empty() && request.page_token().empty())
        throw NotFound{"there is no endpoint " + filter.tenant + "/" + filter.name};
    v1::ExportEndpointsResponse out;
    for (const auto& row : rows) {
        if (static_cast<std::uint32_t>(out.endpoints_size()) == size) {
            const auto& last = rows[static_cast<int>(size) - 1];
            out.set_next_page_token(text_of(last[0]) + "/" + text_of(last[1]));
            break;
        }
        out.add_endpoints(wire::to_yaml_item(wire::endpoint_spec_from_json(row[2].c_str())));
    }
    return out;
}

v1::ListEndpointsResponse list_endpoints(pqxx::work& work,
                                         const v1::ListEndpointsRequest& request) {
    const auto filter = filter_of(request.tenant(), request.endpoint());
    const auto size = page_size(request.page_size(), kEndpointsDefault, kEndpointsMax);
    const auto after = page_after(request.page_token());
    // The page first: what stands in the view is worked out for its endpoints alone.
    const auto rows = work.exec_params(
        "WITH page AS MATERIALIZED (SELECT e.id, e.tenant, e.name FROM quorate.endpoint e"
        " WHERE e.deleted_at IS NULL AND ($1 = '' OR e.tenant = $1) AND ($2 = '' OR e.name = $2)"
        " AND (e.tenant COLLATE \"C\", e.name COLLATE \"C\") > ($3, $4)"
        " ORDER BY e.tenant COLLATE \"C\", e.name COLLATE \"C\" LIMIT $5)"
        " SELECT s.tenant, s.endpoint, s.url, s.state, s.scope, " +
            sql::micros("s.since") + ", s.flapping, s.coverage, " + sql::micros("s.last_minute") +
            ", CASE WHEN NOT $6 THEN s.p95_ms_24h END, CASE WHEN NOT $6 THEN s.uptime_30d END,"
            " (SELECT json_agg(r.name ORDER BY r.name COLLATE \"C\")::text FROM quorate.region r"
            "  WHERE r.id = ANY (v.regions))"
            " FROM page e"
            " CROSS JOIN LATERAL (SELECT * FROM dash.endpoint_status s"
            "  WHERE s.tenant = e.tenant AND s.endpoint = e.name LIMIT 1) s"
            " JOIN quorate.endpoint_version v ON v.endpoint_id = e.id AND v.valid_to IS NULL"
            " ORDER BY e.tenant COLLATE \"C\", e.name COLLATE \"C\"",
        filter.tenant,
        filter.name,
        after.tenant,
        after.name,
        size + 1,
        request.without_history());
    if (rows.empty() && !filter.name.empty() && request.page_token().empty())
        throw NotFound{"there is no endpoint " + filter.tenant + "/" + filter.name};
    v1::ListEndpointsResponse out;
    for (const auto& row : rows) {
        if (static_cast<std::uint32_t>(out.endpoints_size()) == size) {
            const auto& last = out.endpoints(out.endpoints_size() - 1);
            out.set_next_page_token(last.tenant() + "/" + last.endpoint());
            break;
        }
        fill(*out.add_endpoints(), row);
    }
    return out;
}

v1::ListIncidentsResponse list_incidents(pqxx::work& work,
                                         const v1::ListIncidentsRequest& request) {
    const auto filter = filter_of(request.tenant(), request.endpoint());
    const auto size = page_size(request.page_size(), kIncidentsDefault, kIncidentsMax);
    const auto before = id_after(request.page_token());
    const auto rows = work.exec_params(
        "SELECT " + incident_columns() +
            " FROM dash.incident i"
            " WHERE ($1 = '' OR i.tenant = $1) AND ($2 = '' OR i.endpoint = $2)"
            " AND (NOT $3 OR i.closed_at IS NULL) AND i.id < $4 ORDER BY i.id DESC LIMIT $5",
        filter.tenant,
        filter.name,
        request.open_only(),
        before,
        size + 1);
    v1::ListIncidentsResponse out;
    for (const auto& row : rows) {
        if (static_cast<std::uint32_t>(out.incidents_size()) == size) {
            out.set_next_page_token(std::to_string(out.incidents(out.incidents_size() - 1).id()));
            break;
        }
        fill(*out.add_incidents(), row);
    }
    return out;
}

v1::GetIncidentResponse get_incident(pqxx::work& work, const v1::GetIncidentRequest& request) {
    const auto id = static_cast<std::int64_t>(request.id());
    const auto found = work.exec_params(
        "SELECT " + incident_columns() + " FROM dash.incident i WHERE i.id = $1", id);
    if (found.empty()) throw NotFound{"there is no incident " + std::to_string(request.id())};
    v1::GetIncidentResponse out;
    fill(*out.mutable_incident(), found[0]);
    const auto events = work.exec_params(
        "SELECT " + sql::micros("at") + ", " + sql::micros("minute") +
            ", from_severity, to_severity, rule_row, detail FROM dash.incident_event"
            " WHERE incident_id = $1 ORDER BY minute, at",
        id);
    for (const auto& row : events) {
        auto& event = *out.add_events();
        event.set_at_us(row[0].as<std::int64_t>());
        if (!row[1].is_null()) event.set_minute_us(row[1].as<std::int64_t>());
        event.set_from_severity(text_of(row[2]));
        event.set_to_severity(text_of(row[3]));
        event.set_rule_row(row[4].is_null() ? 0 : row[4].as<std::uint32_t>());
        event.set_detail(text_of(row[5]));
    }
    for (const auto& row : work.exec_params("SELECT " + sql::micros("at") +
                                                ", principal, note FROM quorate.incident_ack"
                                                " WHERE incident_id = $1 ORDER BY id",
                                            id)) {
        auto& ack = *out.add_acks();
        ack.set_at_us(row[0].as<std::int64_t>());
        ack.set_principal(text_of(row[1]));
        ack.set_note(text_of(row[2]));
    }
    return out;
}

v1::AckIncidentResponse ack_incident(pqxx::work& work,
                                     const v1::AckIncidentRequest& request,
                                     const Actor& actor) {
    constexpr std::size_t kNoteMax = 4000;
    if (request.note().empty()) throw BadRequest{"the note is empty", "note"};
    if (request.note().size() > kNoteMax)
        throw BadRequest{"the note has more than 4000 bytes", "note"};
    // Several lines may be a note; nothing else that drives a terminal.
    auto lines = request.note();
    std::ranges::replace_if(
        lines, [](char c) { return c == '\n' || c == '\t'; }, ' ');
    if (!is_safe_text(lines))
        throw BadRequest{"the note has control characters, or is not UTF-8 text", "note"};
    v1::GetIncidentRequest one;
    one.set_id(request.id());
    get_incident(work, one);  // or there is none
    work.exec_params0(
        "INSERT INTO quorate.incident_ack (incident_id, principal, note) VALUES ($1, $2, $3)",
        static_cast<std::int64_t>(request.id()),
        actor.principal,
        request.note());
    v1::AckIncidentResponse out;
    *out.mutable_incident() = get_incident(work, one).incident();
    const auto incident = "incident " + std::to_string(request.id());
    write_audit(work,
                actor,
                {.method = "AckIncident",
                 .target = incident,
                 .tenants = {out.incident().tenant()},
                 .changes = {{incident, "", request.note()}}});
    return out;
}

}  // namespace quorate::coordinator
