#include <algorithm>
#include <map>
#include <optional>

#include "coordinator/catalog/reports.hpp"
#include "coordinator/catalog/sql.hpp"
#include "core/model/verdict.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::uint32_t kPageDefault = 500;
constexpr std::uint32_t kPageMax = 5000;
constexpr int kPeriodsMax = 400;
constexpr int kStripMinutes = 60;

/// tenant, endpoint, period, uptime, coverage, down_minutes, p50, p95, p99
v1::Uptime uptime_of(const pqxx::row& row) {
    v1::Uptime out;
    out.set_tenant(text_of(row[0]));
    out.set_endpoint(text_of(row[1]));
    out.set_period(text_of(row[2]));
    if (!row[3].is_null()) out.set_uptime(row[3].as<double>());
    if (!row[4].is_null()) out.set_coverage(row[4].as<double>());
    if (!row[5].is_null()) out.set_down_minutes(row[5].as<double>());
    if (!row[6].is_null()) out.set_p50_ms(row[6].as<double>());
    if (!row[7].is_null()) out.set_p95_ms(row[7].as<double>());
    if (!row[8].is_null()) out.set_p99_ms(row[8].as<double>());
    return out;
}

v1::ListUptimeResponse list_periods(pqxx::work& work, const v1::ListUptimeRequest& request) {
    if (request.endpoint().empty())
        throw BadRequest{"days and months are of one ENDPOINT", "endpoint"};
    const auto name = filter_of(request.tenant(), request.endpoint());
    const std::string column = request.by();
    const auto* const view = column == "day" ? "dash.uptime_daily" : "dash.uptime_monthly";
    v1::ListUptimeResponse out;
    for (const auto& row :
         work.exec_params("SELECT tenant, endpoint, " + column +
                              "::text, uptime, coverage, down_minutes, p50_ms,"
                              " p95_ms, p99_ms FROM " +
                              view + " WHERE tenant = $1 AND endpoint = $2 ORDER BY " + column +
                              " DESC LIMIT $3",
                          name.tenant,
                          name.name,
                          kPeriodsMax))
        *out.add_rows() = uptime_of(row);
    return out;
}

char letter_of(int verdict) {
    switch (static_cast<Verdict>(verdict)) {
        case Verdict::up:
            return '.';
        case Verdict::slow:
            return '~';
        case Verdict::degraded:
            return 'd';
        case Verdict::auth:
            return 'a';
        case Verdict::fail:
            return 'F';
        case Verdict::maint:
            return 'm';
        case Verdict::unknown:
            break;
    }
    return '?';
}

void fill_strips(pqxx::work& work, const EndpointName& name, v1::DescribeEndpointResponse& out) {
    std::map<std::string, v1::RegionStrip> strips;
    for (const auto& row : work.exec_params(
             "SELECT r.name, c.verdict, reason.name, c.total_ms, " + sql::micros("m.minute") +
                 " FROM quorate.endpoint e CROSS JOIN LATERAL"
                 " (SELECT minute, cells FROM quorate.any_minute m WHERE m.endpoint_id = e.id"
                 "  AND m.minute >= quorate.minutes_back_to(e.id, $3)"
                 "  ORDER BY minute DESC LIMIT $3) m"
                 " CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c"
                 " JOIN quorate.region r ON r.id = c.region_id"
                 " LEFT JOIN quorate.enum_name reason ON reason.kind = 'reason'"
                 "  AND reason.value = c.reason"
                 " WHERE e.tenant = $1 AND e.name = $2 AND e.deleted_at IS NULL ORDER BY m.minute",
             name.tenant,
             name.name,
             kStripMinutes)) {
        auto& strip = strips[row[0].as<std::string>()];
        strip.mutable_verdicts()->push_back(letter_of(row[1].as<int>()));
        strip.set_last_reason(text_of(row[2]));
        strip.clear_last_total_ms();
        if (!row[3].is_null()) strip.set_last_total_ms(row[3].as<double>());
        if (!out.has_strips_from_us()) out.set_strips_from_us(row[4].as<std::int64_t>());
    }
    for (auto& [region, strip] : strips) {
        strip.set_region(region);
        *out.add_strips() = std::move(strip);
    }
}

}  // namespace

v1::ListUptimeResponse list_uptime(pqxx::work& work, const v1::ListUptimeRequest& request) {
    if (request.by() == "day" || request.by() == "month") return list_periods(work, request);
    if (!request.by().empty()) throw BadRequest{"by is day or month", "by"};
    const auto only = filter_of(request.tenant(), request.endpoint());
    const auto size = page_size(request.page_size(), kPageDefault, kPageMax);
    const auto after = page_after(request.page_token());
    const auto rows = work.exec_params(
        "SELECT u.tenant, u.endpoint, NULL, u.uptime, u.coverage, u.down_minutes, NULL, u.p95_ms, "
        "NULL"
        " FROM dash.uptime_30d u WHERE ($1 = '' OR u.tenant = $1) AND ($2 = '' OR u.endpoint = $2)"
        " AND (u.tenant COLLATE \"C\", u.endpoint COLLATE \"C\") > ($3, $4)"
        " ORDER BY u.tenant COLLATE \"C\", u.endpoint COLLATE \"C\" LIMIT $5",
        only.tenant,
        only.name,
        after.tenant,
        after.name,
        size + 1);
    if (rows.empty() && !only.name.empty() && request.page_token().empty())
        throw NotFound{"there is no endpoint " + only.tenant + "/" + only.name};
    v1::ListUptimeResponse out;
    for (const auto& row : rows) {
        if (static_cast<std::uint32_t>(out.rows_size()) == size) {
            const auto& last = out.rows(out.rows_size() - 1);
            out.set_next_page_token(last.tenant() + "/" + last.endpoint());
            break;
        }
        *out.add_rows() = uptime_of(row);
    }
    return out;
}

v1::DescribeEndpointResponse describe_endpoint(pqxx::work& work,
                                               const v1::DescribeEndpointRequest& request,
                                               Window window) {
    const auto name = parse_endpoint_name(request.endpoint());
    v1::DescribeEndpointResponse out;
    out.set_window_ms(static_cast<std::uint32_t>(window.length().count()));
    v1::ListEndpointsRequest list;
    list.set_endpoint(request.endpoint());
    *out.mutable_status() = list_endpoints(work, list).endpoints(0);
    v1::ExportEndpointsRequest specs;
    specs.set_endpoint(request.endpoint());
    out.set_spec(export_endpoints(work, specs).endpoints(0));
    v1::ListUptimeRequest uptime;
    uptime.set_endpoint(request.endpoint());
    *out.mutable_uptime() = list_uptime(work, uptime).rows(0);
    v1::ListIncidentsRequest incidents;
    incidents.set_endpoint(request.endpoint());
    incidents.set_page_size(1);
    if (const auto found = list_incidents(work, incidents); found.incidents_size() > 0)
        *out.mutable_incident() = found.incidents(0);
    for (const auto& row : work.exec_params("SELECT kind, " + sql::micros("opened_at") +
                                                ", region, detail FROM dash.notice"
                                                " WHERE tenant = $1 AND endpoint = $2"
                                                " AND closed_at IS NULL ORDER BY opened_at",
                                            name.tenant,
                                            name.name)) {
        auto& notice = *out.add_notices();
        notice.set_kind(text_of(row[0]));
        notice.set_opened_at_us(row[1].as<std::int64_t>());
        notice.set_region(text_of(row[2]));
        notice.set_detail(text_of(row[3]));
    }
    fill_strips(work, name, out);
    return out;
}

}  // namespace quorate::coordinator
