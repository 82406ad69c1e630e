#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

constexpr std::size_t kHashDigits = 12;

void line(const char* name, const std::string& value) {
    if (!value.empty()) std::cout << name << printable(value) << '\n';
}

std::string state_text(const v1::EndpointStatus& status) {
    auto text = status.state();
    if (!status.scope().empty()) text += " " + status.scope();
    if (status.flapping()) text += " (flapping)";
    if (status.has_since_us()) text += " since " + time_text(status.since_us());
    return text;
}

std::string uptime_text(const v1::Uptime& uptime) {
    if (!uptime.has_uptime()) return "";
    return percent_text(uptime.uptime()) + " of the last 30 days, down " +
           number_text(uptime.down_minutes()) + " minutes, coverage " +
           percent_text(uptime.has_coverage() ? std::optional{uptime.coverage()} : std::nullopt);
}

std::string incident_text(const v1::Incident& incident) {
    auto text = std::to_string(incident.id()) + ": " + incident.severity() + ", started " +
                time_text(incident.started_at_us()) + ", ";
    text += incident.has_closed_at_us() ? "closed " + time_text(incident.closed_at_us()) : "open";
    if (!incident.acknowledged_by().empty())
        text += ", acknowledged by " + incident.acknowledged_by();
    return text;
}

std::string manifest_text(const v1::EndpointManifest& manifest) {
    auto text = std::to_string(manifest.tool_count()) + " tools, " +
                manifest.semantic_hash().substr(0, kHashDigits) + ", from " +
                time_text(manifest.first_seen_us()) + " to " + time_text(manifest.last_seen_us());
    if (!manifest.change_kind().empty()) text += ", a " + manifest.change_kind() + " change";
    return text + ", in " + listed(manifest.regions());
}

std::string credential_text(const v1::EndpointCredential& credential) {
    if (credential.version() == 0) return credential.secret() + ": there is none of this name";
    auto text = credential.secret() + ": version " + std::to_string(credential.version()) +
                ", changed " + time_text(credential.changed_at_us());
    if (!credential.has_expires_at_us()) return text + ", its end is not known";
    return text + ", expires " + time_text(credential.expires_at_us()) + " (" +
           credential.expires_from() + ")";
}

/// A line for each end that regions see, the first one first.
void print_certificates(const v1::DescribeEndpointResponse& answer) {
    std::map<std::int64_t, std::vector<std::string>> ends;
    for (const auto& row : answer.certificates())
        ends[row.earliest_not_after_us()].push_back(row.region());
    for (const auto& [end, regions] : ends)
        line("tls       ",
             "the first certificate of the chain ends " + time_text(end) + ", in " +
                 listed(regions));
}

void print_strips(const v1::DescribeEndpointResponse& answer) {
    if (answer.strips().empty()) return;
    std::size_t width = 0;
    for (const auto& strip : answer.strips())
        width = std::max(width, width_of(strip.region()));
    std::cout << "\nThe last minutes, from " << time_text(answer.strips_from_us()) << '\n';
    for (const auto& strip : answer.strips()) {
        std::cout << "  " << strip.region()
                  << std::string(width - width_of(strip.region()) + 2, ' ') << strip.verdicts()
                  << "  ";
        if (strip.has_last_total_ms()) std::cout << number_text(strip.last_total_ms()) << " ms ";
        std::cout << strip.last_reason() << '\n';
    }
    std::cout << "  . UP  ~ SLOW  d DEGRADED  a AUTH  F FAIL  ? UNKNOWN  m MAINT  (blank) not "
                 "watched from there\n";
}

void print_endpoint(const v1::DescribeEndpointResponse& answer) {
    const auto& status = answer.status();
    line("endpoint  ", status.tenant() + "/" + status.endpoint());
    line("url       ", status.url());
    const auto state = printable(state_text(status));
    std::cout << "state     " << (terminal_wants_colour() ? painted(state, status.state()) : state)
              << '\n';
    line("uptime    ", uptime_text(answer.uptime()));
    if (status.has_p95_ms_24h())
        line("p95       ", number_text(status.p95_ms_24h()) + " ms, last 24 hours");
    for (const auto& window : answer.windows())
        line("window    ", window_text(window));
    if (answer.has_incident()) line("incident  ", incident_text(answer.incident()));
    for (const auto& notice : answer.notices())
        line("notice    ",
             notice.kind() + (notice.region().empty() ? "" : " in " + notice.region()) + ": " +
                 notice.detail());
    for (const auto& manifest : answer.manifests())
        line("manifest  ", manifest_text(manifest));
    for (const auto& credential : answer.credentials())
        line("secret    ", credential_text(credential));
    print_certificates(answer);
    print_strips(answer);
    std::cout << "\nAs it is in the catalogue\n" << answer.spec();
}

void describe(const v1::DescribeEndpointRequest& request, Session& session) {
    v1::DescribeEndpointResponse answer;
    if (!session.succeeded(
            session.admin().DescribeEndpoint(session.call().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        print_endpoint(answer);
}

struct UptimeOptions {
    v1::ListUptimeRequest request;
    bool monthly = false;
    bool daily = false;
};

bool list_all(v1::ListUptimeRequest request, Session& session, v1::ListUptimeResponse& all) {
    do {
        v1::ListUptimeResponse page;
        if (!session.succeeded(session.admin().ListUptime(session.call().get(), request, &page)))
            return false;
        request.set_page_token(page.next_page_token());
        all.MergeFrom(page);
    } while (!request.page_token().empty());
    return true;
}

void uptime(UptimeOptions options, Session& session) {
    if (options.daily) options.request.set_by("day");
    if (options.monthly) options.request.set_by("month");
    v1::ListUptimeResponse all;
    if (!list_all(options.request, session, all)) return;
    if (session.prints_data()) {
        print_data(to_json(all).as_object()["rows"], session.output);
        return;
    }
    const bool periods = options.daily || options.monthly;
    Table table{{periods ? "FROM" : "ENDPOINT", "UPTIME", "DOWN", "COVERAGE", "P50", "P95", "P99"}};
    const auto percent = [](bool has, double value) {
        return percent_text(has ? std::optional{value} : std::nullopt);
    };
    const auto ms = [](bool has, double value) {
        return has ? number_text(value) + " ms" : std::string{"-"};
    };
    for (const auto& row : all.rows())
        table.add({periods                     ? row.period()
                   : row.tenant() == "default" ? row.endpoint()
                                               : row.tenant() + "/" + row.endpoint(),
                   percent(row.has_uptime(), row.uptime()),
                   row.has_down_minutes() ? number_text(row.down_minutes()) + " min" : "-",
                   percent(row.has_coverage(), row.coverage()),
                   ms(row.has_p50_ms(), row.p50_ms()),
                   ms(row.has_p95_ms(), row.p95_ms()),
                   ms(row.has_p99_ms(), row.p99_ms())});
    print(table);
}

void set_paused(const std::string& endpoint, bool paused, Session& session) {
    v1::SetPausedRequest request;
    request.set_endpoint(endpoint);
    request.set_paused(paused);
    v1::SetPausedResponse answer;
    if (!session.succeeded(session.admin().SetPaused(session.change().get(), request, &answer)))
        return;
    if (session.prints_data()) {
        print_data(to_json(answer), session.output);
        return;
    }
    std::cout << endpoint << (answer.changed() ? "" : " was")
              << (paused ? " paused" : " not paused");
    if (answer.changed()) std::cout << ", in force from " << time_text(answer.in_force_from_us());
    std::cout << '\n';
}

}  // namespace

void add_describe_verb(CLI::App& app, Session& session) {
    auto request = std::make_shared<v1::DescribeEndpointRequest>();
    auto* verb = app.add_subcommand(
        "describe",
        "Shows one endpoint: its state, notices, last minutes in each region, and spec");
    verb->add_option_function<std::string>(
            "ENDPOINT",
            [request](const std::string& name) { request->set_endpoint(name); },
            "name or tenant/name")
        ->required();
    verb->callback([request, &session] {
        request->set_endpoint(endpoint_named(request->endpoint(), session));
        describe(*request, session);
    });
}

void add_uptime_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<UptimeOptions>();
    auto* verb = app.add_subcommand("uptime", "Shows uptime over 30 days, or of each day or month");
    add_filter(*verb, std::shared_ptr<v1::ListUptimeRequest>{options, &options->request});
    auto* daily = verb->add_flag("--daily", options->daily, "of each UTC day, the newest first");
    verb->add_flag("--monthly", options->monthly, "of each UTC month")->excludes(daily);
    verb->callback([options, verb, &session] {
        use_tenant(options->request, verb->count("--tenant") > 0, session);
        uptime(*options, session);
    });
}

void add_pause_verbs(CLI::App& app, Session& session) {
    for (const bool paused : {true, false}) {
        auto endpoint = std::make_shared<std::string>();
        auto* verb =
            app.add_subcommand(paused ? "pause" : "resume",
                               paused ? "Stops watching an endpoint; it stays in the catalogue"
                                      : "Goes on with an endpoint that was paused");
        verb->add_option("ENDPOINT", *endpoint, "name or tenant/name")->required();
        verb->callback([endpoint, paused, &session] {
            set_paused(endpoint_named(*endpoint, session), paused, session);
        });
    }
}

}  // namespace quorate::cli
