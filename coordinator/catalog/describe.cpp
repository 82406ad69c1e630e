#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include <boost/json/parse.hpp>

#include "coordinator/catalog/catalog_store.hpp"
#include "coordinator/catalog/reports.hpp"
#include "coordinator/catalog/sql.hpp"
#include "core/incident/state_codec.hpp"
#include "core/model/verdict.hpp"
#include "core/notice/notice_codec.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::uint32_t kPageDefault = 500;
constexpr std::uint32_t kPageMax = 5000;
constexpr int kPeriodsMax = 400;
constexpr int kManifestsMax = 5;
constexpr int kStripMinutes = 60;
constexpr char kNoCell = ' ';  // of a strip: the region was not to look

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
    std::optional<std::int64_t> minute_us;
    std::size_t minutes = 0;  // so far, this one included
    for (const auto& row : work.exec_params(
             "SELECT r.name, c.verdict, reason.name, c.total_ms, " + sql::micros("m.minute") +
                 " FROM quorate.endpoint e CROSS JOIN LATERAL"
                 " (SELECT minute, cells FROM quorate.any_minute m WHERE m.endpoint_id = e.id"
                 "  AND m.minute >= quorate.minutes_back_to(e.id, $3)"
                 "  ORDER BY minute DESC LIMIT $3) m"
                 " LEFT JOIN LATERAL quorate.unpack_cells(m.cells) c ON true"
                 " LEFT JOIN quorate.region r ON r.id = c.region_id"
                 " LEFT JOIN quorate.enum_name reason ON reason.kind = 'reason'"
                 "  AND reason.value = c.reason"
                 " WHERE e.tenant = $1 AND e.name = $2 AND e.deleted_at IS NULL ORDER BY m.minute",
             name.tenant,
             name.name,
             kStripMinutes)) {
        if (const auto us = row[4].as<std::int64_t>(); minute_us != us) {
            minute_us = us;
            ++minutes;
        }
        if (!out.has_strips_from_us()) out.set_strips_from_us(*minute_us);
        if (row[0].is_null()) continue;  // nobody was to look
        auto& strip = strips[row[0].as<std::string>()];
        strip.mutable_verdicts()->resize(minutes - 1, kNoCell);
        strip.mutable_verdicts()->push_back(letter_of(row[1].as<int>()));
        strip.set_last_reason(text_of(row[2]));
        strip.clear_last_total_ms();
        if (!row[3].is_null()) strip.set_last_total_ms(row[3].as<double>());
    }
    for (auto& [region, strip] : strips) {
        strip.set_region(region);
        strip.mutable_verdicts()->resize(minutes, kNoCell);
        *out.add_strips() = std::move(strip);
    }
}

void fill_manifests(pqxx::work& work, const EndpointName& name, v1::DescribeEndpointResponse& out) {
    for (const auto& row :
         work.exec_params("SELECT semantic_hash, full_hash, " + sql::micros("min(first_seen)") +
                              ", " + sql::micros("max(last_seen)") +
                              ", max(tool_count), (array_agg(change_kind ORDER BY first_seen DESC,"
                              " region))[1], json_agg(region ORDER BY region)::text"
                              " FROM dash.manifest WHERE tenant = $1 AND endpoint = $2"
                              " GROUP BY 1, 2 ORDER BY max(last_seen) DESC, 1, 2 LIMIT $3",
                          name.tenant,
                          name.name,
                          kManifestsMax)) {
        auto& manifest = *out.add_manifests();
        manifest.set_semantic_hash(text_of(row[0]));
        manifest.set_full_hash(text_of(row[1]));
        manifest.set_first_seen_us(row[2].as<std::int64_t>());
        manifest.set_last_seen_us(row[3].as<std::int64_t>());
        manifest.set_tool_count(row[4].as<std::uint32_t>(0));
        manifest.set_change_kind(text_of(row[5]));
        const auto regions = boost::json::parse(row[6].c_str());
        for (const auto& region : regions.as_array())
            manifest.add_regions(std::string{region.as_string()});
    }
}

void fill_credentials(pqxx::work& work,
                      const EndpointName& name,
                      v1::DescribeEndpointResponse& out) {
    for (const auto& row : work.exec_params(
             "SELECT u.secret, s.version, " + sql::micros("s.changed_at") + ", " +
                 sql::micros("s.expires_at") +
                 ", s.expires_from FROM quorate.secret_use u LEFT JOIN quorate.secret s"
                 " ON s.tenant = u.tenant AND s.name = u.secret"
                 " WHERE u.tenant = $1 AND u.endpoint = $2 ORDER BY u.secret",
             name.tenant,
             name.name)) {
        auto& credential = *out.add_credentials();
        credential.set_secret(text_of(row[0]));
        credential.set_version(row[1].as<std::uint32_t>(0));
        if (!row[2].is_null()) credential.set_changed_at_us(row[2].as<std::int64_t>());
        if (!row[3].is_null()) credential.set_expires_at_us(row[3].as<std::int64_t>());
        credential.set_expires_from(text_of(row[4]));
    }
}

/// What the notices remember of each region (core/notice), which the archiver stores. None where a
/// newer archiver has stored what we don't know.
void fill_certificates(pqxx::work& work,
                       const EndpointName& name,
                       v1::DescribeEndpointResponse& out) {
    const auto rows = work.exec_params(
        "SELECT quorate.last_state(e.id) FROM quorate.endpoint e"
        " WHERE e.tenant = $1 AND e.name = $2 AND e.deleted_at IS NULL",
        name.tenant,
        name.name);
    if (rows.empty() || rows[0][0].is_null()) return;
    const auto bytes = pqxx::binarystring{rows[0][0]}.str();
    std::string_view rest{bytes};
    NoticeState notices;
    try {
        unpack_endpoint_state(rest, std::nullopt);
        notices = unpack_notice_state(rest);
    } catch (const std::invalid_argument&) {
        return;
    }
    for (const auto& region : load_regions(work)) {  // by name
        const auto seen = std::ranges::find(notices.regions, region.id, &RegionMemory::region);
        if (seen == notices.regions.end() || !seen->certificate) continue;
        auto& certificate = *out.add_certificates();
        certificate.set_region(region.name);
        certificate.set_earliest_not_after_us(seen->certificate->time_since_epoch().count());
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
        "WITH page AS MATERIALIZED (SELECT e.tenant, e.name FROM quorate.endpoint e"
        " WHERE e.deleted_at IS NULL AND ($1 = '' OR e.tenant = $1) AND ($2 = '' OR e.name = $2)"
        " AND (e.tenant COLLATE \"C\", e.name COLLATE \"C\") > ($3, $4)"
        " ORDER BY e.tenant COLLATE \"C\", e.name COLLATE \"C\" LIMIT $5)"
        " SELECT u.tenant, u.endpoint, NULL, u.uptime, u.coverage, u.down_minutes, NULL, u.p95_ms,"
        " NULL FROM page e CROSS JOIN LATERAL (SELECT * FROM dash.uptime_30d u"
        "  WHERE u.tenant = e.tenant AND u.endpoint = e.name LIMIT 1) u"
        " ORDER BY e.tenant COLLATE \"C\", e.name COLLATE \"C\"",
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
    fill_manifests(work, name, out);
    fill_credentials(work, name, out);
    fill_certificates(work, name, out);
    fill_strips(work, name, out);
    return out;
}

}  // namespace quorate::coordinator
