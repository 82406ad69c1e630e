#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

constexpr std::uint32_t kLimitDefault = 100;
constexpr std::uint32_t kPageMax = 1000;  // what the coordinator gives at once

struct ListOptions {
    v1::ListIncidentsRequest request;
    std::uint32_t limit = kLimitDefault;
    bool watch = false;
};

std::string started(const v1::Incident& incident) {
    return time_text(incident.has_started_at_us() ? std::optional{incident.started_at_us()}
                                                  : std::nullopt);
}

std::string closed(const v1::Incident& incident) {
    return incident.has_closed_at_us() ? time_text(incident.closed_at_us()) : "open";
}

std::string seconds(bool known, double value) {
    return known ? number_text(value) + " s" : "-";
}

void print_incidents(const v1::ListIncidentsResponse& answer) {
    Table table{{"ID",
                 "ENDPOINT",
                 "SEVERITY",
                 "WORST",
                 "SCOPE",
                 "STARTED",
                 "CLOSED",
                 "MTTD",
                 "MTTR",
                 "REASON",
                 "REGIONS",
                 "MARKS"}};
    for (const auto& row : answer.incidents())
        table.add({std::to_string(row.id()),
                   row.tenant() + "/" + row.endpoint(),
                   row.severity(),
                   row.worst_severity(),
                   row.scope(),
                   started(row),
                   closed(row),
                   seconds(row.has_mttd_seconds(), row.mttd_seconds()),
                   seconds(row.has_mttr_seconds(), row.mttr_seconds()),
                   row.reason(),
                   joined(row.regions()),
                   joined(row.marks())});
    print(table);
}

/// Follows the pages until there are `limit` incidents.
bool list_all(ListOptions options, Session& session, v1::ListIncidentsResponse& all) {
    auto& request = options.request;
    do {
        const auto left = options.limit - static_cast<std::uint32_t>(all.incidents_size());
        request.set_page_size(std::min(left, kPageMax));
        v1::ListIncidentsResponse page;
        if (!session.succeeded(session.admin().ListIncidents(session.call().get(), request, &page)))
            return false;
        request.set_page_token(page.next_page_token());
        all.MergeFrom(page);
    } while (!request.page_token().empty() &&
             static_cast<std::uint32_t>(all.incidents_size()) < options.limit);
    return true;
}

bool list(const ListOptions& options, Session& session) {
    v1::ListIncidentsResponse answer;
    if (!list_all(options, session, answer)) return false;
    begin_view(options.watch);
    if (session.prints_data())
        print_data(to_json(answer).as_object()["incidents"], session.output);
    else
        print_incidents(answer);
    std::cout.flush();
    return true;
}

void print_incident(const v1::GetIncidentResponse& answer) {
    const auto& incident = answer.incident();
    std::cout << "incident " << incident.id() << " of " << incident.tenant() << '/'
              << incident.endpoint() << ": " << incident.severity() << ' ' << incident.scope()
              << " (worst " << incident.worst_severity() << ")\nstarted  " << started(incident)
              << "\nclosed   " << closed(incident) << "\nMTTD     "
              << seconds(incident.has_mttd_seconds(), incident.mttd_seconds()) << "\nMTTR     "
              << seconds(incident.has_mttr_seconds(), incident.mttr_seconds()) << "\nreason   "
              << incident.reason() << "\nregions  " << joined(incident.regions()) << "\nflaps    "
              << incident.flaps() << "\nmarks    " << joined(incident.marks()) << "\n\n";
    Table table{{"AT", "MINUTE", "FROM", "TO", "ROW", "DETAIL"}};
    for (const auto& event : answer.events())
        table.add(
            {time_text(event.at_us()),
             time_text(event.has_minute_us() ? std::optional{event.minute_us()} : std::nullopt),
             event.from_severity().empty() ? "-" : event.from_severity(),
             event.to_severity().empty() ? "-" : event.to_severity(),
             std::to_string(event.rule_row()),
             event.detail()});
    print(table);
    for (const auto& ack : answer.acks())
        std::cout << "\nacknowledged by " << printable(ack.principal()) << ' '
                  << time_text(ack.at_us()) << ": " << printable(ack.note()) << '\n';
}

void ack(std::uint64_t id, const std::string& note, Session& session) {
    v1::AckIncidentRequest request;
    request.set_id(id);
    request.set_note(note);
    v1::AckIncidentResponse answer;
    if (!session.succeeded(session.admin().AckIncident(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        std::cout << "incident " << id << " acknowledged\n";
}

void show(std::uint64_t id, Session& session) {
    v1::GetIncidentRequest request;
    request.set_id(id);
    v1::GetIncidentResponse answer;
    if (!session.succeeded(session.admin().GetIncident(session.call().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        print_incident(answer);
}

}  // namespace

void add_incidents_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<ListOptions>();
    auto* verb = app.add_subcommand("incidents", "Lists incidents, or shows one with its timeline");
    const auto add_filters = [options](CLI::App& to) {
        to.add_option_function<std::string>(
            "--endpoint",
            [options](const std::string& name) { options->request.set_endpoint(name); },
            "name or tenant/name; all if absent");
        to.add_option_function<std::string>(
            "--tenant",
            [options](const std::string& name) { options->request.set_tenant(name); },
            "only this tenant's");
        to.add_option("--limit", options->limit, "at most this many, the newest first")
            ->check(CLI::Range(1U, 1'000'000U))
            ->capture_default_str();
        to.add_flag_function(
            "--open",
            [options](std::int64_t) { options->request.set_open_only(true); },
            "only open ones");
        add_watch(to, options->watch);
    };
    add_filters(*verb);
    verb->require_subcommand(0, 1);
    auto* list_verb = verb->add_subcommand("list", "Lists incidents, the newest first");
    add_filters(*list_verb);
    auto* show_verb = verb->add_subcommand("show", "Shows one incident with its timeline");
    auto id = std::make_shared<std::uint64_t>(0);
    show_verb->add_option("ID", *id, "number of the incident")->required();
    show_verb->callback([id, &session] { show(*id, session); });
    auto* ack_verb = verb->add_subcommand("ack", "Says that you have taken notice of an incident");
    auto note = std::make_shared<std::string>();
    ack_verb->add_option("ID", *id, "number of the incident")->required();
    ack_verb->add_option("--note", *note, "what you know or do about it")->required();
    ack_verb->callback([id, note, &session] { ack(*id, *note, session); });
    verb->callback([options, verb, list_verb, show_verb, ack_verb, &session] {
        if (show_verb->parsed() || ack_verb->parsed()) return;
        const auto given = verb->count("--tenant") + list_verb->count("--tenant");
        use_tenant(options->request, given > 0, session);
        repeat(options->watch, session, [&] { return list(*options, session); });
    });
}

}  // namespace quorate::cli
