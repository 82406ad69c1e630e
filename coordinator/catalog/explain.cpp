#include <algorithm>
#include <map>

#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "coordinator/catalog/reports.hpp"
#include "coordinator/catalog/rule_words.hpp"
#include "coordinator/catalog/sql.hpp"
#include "coordinator/catalog/stored_cell.hpp"
#include "core/decision/rule_params.hpp"
#include "core/model/decision.hpp"
#include "platform/wire/endpoint_file.hpp"

namespace quorate::coordinator {
namespace {

/// One row of quorate.minute.
struct StoredMinute {
    UtcMinute minute;
    Decision decision = Decision::ok;
    Scope scope = Scope::none;
    std::uint8_t rule_row = 0;
    std::string details;  // JSON, or empty
};

/// The living endpoint of that name, else the one deleted last.
std::int64_t find_endpoint(pqxx::work& work, const EndpointName& name) {
    const auto found = work.exec_params(
        "SELECT id FROM quorate.endpoint WHERE tenant = $1 AND name = $2"
        " ORDER BY deleted_at DESC NULLS FIRST LIMIT 1",
        name.tenant,
        name.name);
    if (found.empty()) throw NotFound{"there is no endpoint " + name.tenant + "/" + name.name};
    return found[0][0].as<std::int64_t>();
}

StoredMinute find_minute(pqxx::work& work,
                         std::int64_t endpoint,
                         const EndpointName& name,
                         std::optional<UtcMinute> minute) {
    const std::string columns = "SELECT " + sql::micros("minute") +
                                ", decision, scope, rule_row, details::text FROM quorate.any_minute"
                                " WHERE endpoint_id = $1";
    const auto found = minute ? work.exec_params(columns + " AND minute = " + sql::timestamp("$2"),
                                                 endpoint,
                                                 sql::us(minute->start()))
                              : work.exec_params(columns +
                                                     " AND minute >= quorate.minutes_back_to($1, 1)"
                                                     " ORDER BY minute DESC LIMIT 1",
                                                 endpoint);
    if (found.empty() && minute)
        throw NotFound{fmt::format("minute {} of {}/{} is not sealed, or no probe was due in it",
                                   to_rfc3339(*minute),
                                   name.tenant,
                                   name.name)};
    if (found.empty())
        throw NotFound{fmt::format("no minute of {}/{} is sealed yet", name.tenant, name.name)};
    const auto& row = found[0];
    return {UtcMinute::from_epoch_ms(row[0].as<std::int64_t>() / 1000),
            static_cast<Decision>(row[1].as<int>()),
            static_cast<Scope>(row[2].as<int>()),
            static_cast<std::uint8_t>(row[3].as<int>()),
            row[4].is_null() ? "" : row[4].as<std::string>()};
}

/// The spec in force at the minute.
EndpointSpec find_spec(pqxx::work& work, std::int64_t endpoint, UtcMinute minute) {
    const auto row = work.exec_params1(
        "SELECT spec::text FROM quorate.endpoint_version WHERE endpoint_id = $1"
        " AND valid_from <= " +
            sql::timestamp("$2") + " ORDER BY version DESC LIMIT 1",
        endpoint,
        sql::us(minute.start()));
    return wire::endpoint_spec_from_json(row[0].c_str());
}

void fill(v1::ExplainedCell& out, const StoredCell& cell) {
    out.set_region(cell.region);
    out.set_verdict(std::string{name_of(cell.verdict)});
    if (cell.verdict == Verdict::maint) out.set_own_verdict(std::string{name_of(cell.own_verdict)});
    out.set_reason(cell.reason);
    out.set_phase(cell.phase);
    out.set_region_state(cell.absent ? "ABSENT" : std::string{name_of(cell.region_state)});
    if (cell.total_ms) out.set_total_ms(*cell.total_ms);
    if (cell.connect_ms) out.set_connect_ms(*cell.connect_ms);
    if (cell.tls_ms) out.set_tls_ms(*cell.tls_ms);
    if (cell.initialize_ms) out.set_initialize_ms(*cell.initialize_ms);
    if (cell.tools_list_ms) out.set_tools_list_ms(*cell.tools_list_ms);
    if (cell.http_status) out.set_http_status(*cell.http_status);
    if (cell.started_us) out.set_started_us(*cell.started_us);
    out.set_retried(cell.retried);
    out.set_late(cell.late);
    out.set_slow(cell.slow);
}

/// What is not packed: the agent, and the sentence of a cell that is not UP.
void fill_details(v1::ExplainedCell& out, const boost::json::value& details, std::int64_t region) {
    if (!details.is_object()) return;
    const auto* cell = details.as_object().if_contains(std::to_string(region));
    if (cell == nullptr || !cell->is_object()) return;
    if (const auto* agent = cell->as_object().if_contains("agent"))
        out.set_agent(std::string{agent->as_string()});
    if (const auto* detail = cell->as_object().if_contains("detail"))
        out.set_detail(std::string{detail->as_string()});
}

/// Puts the cell's region into V, F, H or S.
void count(v1::ExplainResponse& out, const StoredCell& cell) {
    if (cell.silent) out.add_silent(cell.region);
    if (!cell.voted()) return;
    out.add_voters(cell.region);
    if (holds_incident(cell.region_state))
        out.add_failing(cell.region);
    else if (cell.region_state == RegionPhase::healthy)
        out.add_healthy(cell.region);
}

/// The incident that was open in the minute or closed by it: by the minutes of the timeline, as a
/// minute may be sealed long after it.
void fill_incident(pqxx::work& work,
                   std::int64_t endpoint,
                   UtcMinute minute,
                   v1::ExplainResponse& out) {
    const auto found = work.exec_params(
        "SELECT last.incident_id FROM (SELECT t.incident_id, t.minute, t.to_severity"
        "  FROM quorate.incident i JOIN quorate.incident_event t ON t.incident_id = i.id"
        "  WHERE i.endpoint_id = $1 AND t.minute <= " +
            sql::timestamp("$2") +
            "  ORDER BY t.minute DESC, t.id DESC LIMIT 1) last"
            " WHERE last.to_severity IS NOT NULL OR last.minute = " +
            sql::timestamp("$2"),
        endpoint,
        sql::us(minute.start()));
    if (found.empty()) return;
    v1::GetIncidentRequest request;
    request.set_id(found[0][0].as<std::uint64_t>());
    *out.mutable_incident() = get_incident(work, request).incident();
}

}  // namespace

v1::ExplainResponse explain(pqxx::work& work, const v1::ExplainRequest& request, Window window) {
    const auto name = parse_endpoint_name(request.endpoint());
    const auto endpoint = find_endpoint(work, name);
    std::optional<UtcMinute> asked;
    if (request.has_minute_us())
        asked = UtcMinute::containing(UtcTime{microseconds{request.minute_us()}}, window);
    const auto minute = find_minute(work, endpoint, name, asked);

    v1::ExplainResponse out;
    out.set_tenant(name.tenant);
    out.set_endpoint(name.name);
    out.set_minute_us(sql::us(minute.minute.start()));
    out.set_window_ms(static_cast<std::uint32_t>(window.length().count()));
    out.set_decision(std::string{name_of(minute.decision)});
    out.set_scope(std::string{name_of(minute.scope)});
    out.set_rule_row(minute.rule_row);
    out.set_rule_text(std::string{rule_text(minute.rule_row)});

    const auto details =
        minute.details.empty() ? boost::json::value{} : boost::json::parse(minute.details);
    const auto cells = work.exec_params(
        "SELECT r.id, " + stored_cell_columns() +
            " FROM quorate.any_minute m CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c"
            " JOIN quorate.region r ON r.id = c.region_id"
            " WHERE m.endpoint_id = $1 AND m.minute = " +
            sql::timestamp("$2") + " ORDER BY r.name COLLATE \"C\"",
        endpoint,
        sql::us(minute.minute.start()));
    for (const auto& row : cells) {
        const auto cell = stored_cell(row, 1);
        fill(*out.add_cells(), cell);
        fill_details(*out.mutable_cells(out.cells_size() - 1), details, row[0].as<std::int64_t>());
        count(out, cell);
    }
    const auto regions = static_cast<std::size_t>(out.cells_size());
    out.set_configured_regions(static_cast<std::uint32_t>(regions));
    out.set_coverage(
        regions == 0 ? 0.0 : static_cast<double>(out.voters_size()) / static_cast<double>(regions));
    out.set_quorum(quorum_of(find_spec(work, endpoint, minute.minute).p1_quorum, regions));
    out.set_why(why(out));
    fill_incident(work, endpoint, minute.minute, out);
    return out;
}

}  // namespace quorate::coordinator
