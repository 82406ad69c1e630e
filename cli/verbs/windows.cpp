// `maintenance` and `silence`, which are alike but for what they lead to.
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/verbs.hpp"
#include "core/maintenance/weekly_rule.hpp"

namespace quorate::cli {
namespace {

/// The calls of one kind.
struct Maintenance {
    using Created = v1::CreateMaintenanceResponse;
    using Listed = v1::ListMaintenanceResponse;
    using Ended = v1::EndMaintenanceResponse;
    static constexpr const char* kName = "maintenance";
    static constexpr const char* kOne = "a maintenance window";
    static constexpr const char* kAll = "maintenance windows";
    static grpc::Status create(Session& session, v1::PlannedWindow window, Created& answer) {
        v1::CreateMaintenanceRequest request;
        *request.mutable_window() = std::move(window);
        return session.admin().CreateMaintenance(session.change().get(), request, &answer);
    }
    static grpc::Status list(Session& session,
                             const v1::ListMaintenanceRequest& request,
                             Listed& answer) {
        return session.admin().ListMaintenance(session.call().get(), request, &answer);
    }
    static grpc::Status end(Session& session, std::uint64_t id, Ended& answer) {
        v1::EndMaintenanceRequest request;
        request.set_id(id);
        return session.admin().EndMaintenance(session.change().get(), request, &answer);
    }
};

struct Silence {
    using Created = v1::CreateSilenceResponse;
    using Listed = v1::ListSilencesResponse;
    using Ended = v1::EndSilenceResponse;
    static constexpr const char* kName = "silence";
    static constexpr const char* kOne = "a silence";
    static constexpr const char* kAll = "silences";
    static grpc::Status create(Session& session, v1::PlannedWindow window, Created& answer) {
        v1::CreateSilenceRequest request;
        *request.mutable_window() = std::move(window);
        return session.admin().CreateSilence(session.change().get(), request, &answer);
    }
    static grpc::Status list(Session& session,
                             const v1::ListSilencesRequest& request,
                             Listed& answer) {
        return session.admin().ListSilences(session.call().get(), request, &answer);
    }
    static grpc::Status end(Session& session, std::uint64_t id, Ended& answer) {
        v1::EndSilenceRequest request;
        request.set_id(id);
        return session.admin().EndSilence(session.change().get(), request, &answer);
    }
};

struct CreateOptions {
    std::vector<std::string> endpoints;
    std::vector<std::string> tenants;
    std::vector<std::string> labels;
    std::string start;
    std::string end;
    std::string length;  // --for
    std::string weekly;
    std::string zone;
    std::string first_day;
    std::string until;
    std::string owner;
    std::uint32_t every = 1;
};

/// What is wrong on the command line.
struct Usage {
    std::string why;
};

void add_matchers(const CreateOptions& options, const Session& session, v1::PlannedWindow& window) {
    if (!options.endpoints.empty() && !(options.tenants.empty() && options.labels.empty()))
        throw Usage{"--endpoint says it all: leave out --tenant and --label"};
    for (const auto& endpoint : options.endpoints)
        window.add_matchers()->set_endpoint(endpoint_named(endpoint, session));
    auto tenants = options.tenants;
    if (tenants.empty() && !options.labels.empty()) tenants.push_back(session.in_force.tenant);
    for (const auto& tenant : tenants) {
        auto& matcher = *window.add_matchers();
        matcher.set_tenant(tenant);
        matcher.mutable_labels()->Assign(options.labels.begin(), options.labels.end());
    }
    if (window.matchers_size() == 0)
        throw Usage{"say which endpoints: --endpoint, --tenant or --label"};
}

UtcTime time_of(const char* option, const std::string& text) {
    const auto time = parse_rfc3339(text);
    if (!time)
        throw Usage{std::string{option} + ": '" + printable(text) +
                    "' is not a time such as 2026-11-20T12:46:00Z"};
    return *time;
}

milliseconds length_of(const CreateOptions& options) {
    const auto length = parse_duration(options.length);
    if (!length || length->count() <= 0)
        throw Usage{"--for: '" + printable(options.length) + "' is not a duration such as 90m"};
    return *length;
}

std::uint32_t seconds_of(const CreateOptions& options) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(length_of(options)).count();
    return static_cast<std::uint32_t>(std::min<std::int64_t>(seconds, UINT32_MAX));
}

void add_once(const CreateOptions& options, v1::PlannedWindow& window) {
    if (!options.zone.empty() || !options.first_day.empty() || !options.until.empty() ||
        options.every != 1)
        throw Usage{"--zone, --first-day, --every and --until belong to --weekly"};
    if (options.end.empty() == options.length.empty())
        throw Usage{"say when it ends: --for DURATION, or --end TIME"};
    // What is left out the coordinator fills in: its clock is the one that counts.
    if (!options.start.empty())
        window.set_starts_at_us(time_of("--start", options.start).time_since_epoch().count());
    if (!options.end.empty())
        window.set_ends_at_us(time_of("--end", options.end).time_since_epoch().count());
    else
        window.set_duration_s(seconds_of(options));
}

void add_weekly(const CreateOptions& options, v1::PlannedWindow& window) {
    if (!options.start.empty() || !options.end.empty())
        throw Usage{"--weekly has --first-day and --until in place of --start and --end"};
    if (options.length.empty()) throw Usage{"--weekly needs --for DURATION"};
    if (options.zone.empty())
        throw Usage{"--weekly needs --zone, such as --zone Europe/Berlin or --zone UTC"};
    const auto space = options.weekly.find(' ');
    const auto days = parse_weekdays(options.weekly.substr(0, space));
    const auto start = space == std::string::npos
                           ? std::nullopt
                           : parse_time_of_day(options.weekly.substr(space + 1));
    if (!days || !start)
        throw Usage{"--weekly: '" + printable(options.weekly) + "' is not such as 'MO,TH 02:30'"};
    WeeklyRule rule;
    rule.days = *days;
    rule.interval = options.every;
    if (!options.until.empty()) rule.until = time_of("--until", options.until);
    auto& weekly = *window.mutable_weekly();
    weekly.set_rule(rrule_text(rule));
    weekly.set_time_zone(options.zone);
    weekly.set_first_day(options.first_day);
    weekly.set_start_of_day(time_of_day_text(*start));
    weekly.set_duration_s(seconds_of(options));
}

std::string endpoints_text(const v1::PlannedWindow& window) {
    std::string text;
    for (const auto& matcher : window.matchers()) {
        if (!text.empty()) text += "; ";
        text += matcher.tenant();
        if (!matcher.endpoint().empty()) text += "/" + matcher.endpoint();
        for (const auto& label : matcher.labels())
            text += (text.empty() || text.back() == ' ' ? "" : " ") + label;
    }
    return text;
}

std::string when_text(const v1::PlannedWindow& window) {
    const auto ends = window.has_ends_at_us() ? std::optional{window.ends_at_us()} : std::nullopt;
    if (!window.has_weekly()) return time_text(window.starts_at_us()) + " to " + time_text(ends);
    const auto& weekly = window.weekly();
    WeeklyRule rule;
    if (!read_rrule(weekly.rule(), rule).empty()) return weekly.rule();
    auto text = weekdays_text(rule.days) + " " + weekly.start_of_day() + " " + weekly.time_zone() +
                " for " + to_duration_text(std::chrono::seconds{weekly.duration_s()});
    if (rule.interval > 1) text += ", every " + std::to_string(rule.interval) + " weeks";
    if (rule.until) text += ", until " + to_rfc3339(*rule.until);
    return text;
}

template <class Kind>
void create(const CreateOptions& options, Session& session) {
    v1::PlannedWindow window;
    try {
        add_matchers(options, session, window);
        if (options.weekly.empty())
            add_once(options, window);
        else
            add_weekly(options, window);
    } catch (const Usage& usage) {
        std::cerr << "quorate: " << usage.why << '\n';
        session.exit_status = Session::kUsage;
        return;
    }
    window.set_owner(options.owner);
    window.set_reason(session.connection.reason);
    typename Kind::Created answer;
    if (!session.succeeded(Kind::create(session, std::move(window), answer))) return;
    if (session.prints_data()) {
        print_data(to_json(answer), session.output);
        return;
    }
    const auto& made = answer.window();
    std::cout << Kind::kName << ' ' << made.id() << ": " << printable(endpoints_text(made)) << ", "
              << printable(when_text(made)) << "\nin force from "
              << time_text(made.in_force_from_us()) << "; " << answer.endpoints_matched()
              << (answer.endpoints_matched() == 1 ? " endpoint matches" : " endpoints match")
              << " now\n";
}

template <class Kind, class Request>
void list(Request request, Session& session) {
    typename Kind::Listed all;
    do {
        typename Kind::Listed page;
        if (!session.succeeded(Kind::list(session, request, page))) return;
        request.set_page_token(page.next_page_token());
        all.MergeFrom(page);
    } while (!request.page_token().empty());
    if (session.prints_data()) {
        print_data(to_json(all).as_object()["windows"], session.output);
        return;
    }
    Table table{{"ID", "STATE", "ENDPOINTS", "WHEN", "NEXT", "OWNER", "REASON"}};
    for (const auto& row : all.windows())
        table.add(
            {std::to_string(row.id()),
             row.state(),
             endpoints_text(row),
             when_text(row),
             time_text(row.has_next_start_us() ? std::optional{row.next_start_us()} : std::nullopt),
             row.owner(),
             row.reason()});
    print(table);
}

template <class Kind>
void end(std::uint64_t id, Session& session) {
    typename Kind::Ended answer;
    if (!session.succeeded(Kind::end(session, id, answer))) return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else if (answer.changed())
        std::cout << Kind::kName << ' ' << id << " ends before "
                  << time_text(answer.window().ended_from_us()) << '\n';
    else
        std::cout << Kind::kName << ' ' << id << " is over already\n";
}

void add_create_options(CLI::App& create, CreateOptions& options) {
    create.add_option("--endpoint", options.endpoints, "name or tenant/name; may be repeated")
        ->type_name("ENDPOINT");
    create
        .add_option("--tenant",
                    options.tenants,
                    "all of its endpoints; may be repeated; with --label '' is all tenants where "
                    "the context names one")
        ->type_name("NAME");
    create
        .add_option("--label",
                    options.labels,
                    "endpoints with this label, of --tenant where given; all of several")
        ->type_name("KEY=VALUE");
    create.add_option("--start", options.start, "RFC 3339; now if absent")->type_name("TIME");
    create.add_option("--end", options.end, "RFC 3339")->type_name("TIME");
    create.add_option("--for", options.length, "how long, such as 2h")->type_name("DURATION");
    create.add_option("--weekly", options.weekly, "days and time of day, such as 'MO,TH 02:30'")
        ->type_name("RULE");
    create.add_option("--zone", options.zone, "whose clock that is, such as Europe/Berlin")
        ->type_name("ZONE");
    create.add_option("--every", options.every, "each so many weeks")
        ->type_name("WEEKS")
        ->check(CLI::Range(1U, WeeklyRule::kIntervalMax));
    create.add_option("--first-day", options.first_day, "such as 2026-12-01; today if absent")
        ->type_name("DAY");
    create.add_option("--until", options.until, "the last possible start, RFC 3339")
        ->type_name("TIME");
    create.add_option("--owner", options.owner, "whom to ask; who calls if absent")
        ->type_name("TEXT");
}

template <class Kind, class ListRequest>
void add_actions(CLI::App* verb, Session& session) {
    verb->require_subcommand(1);
    auto options = std::make_shared<CreateOptions>();
    CLI::App* creating =
        verb->add_subcommand("create", fmt::format("Plans {}; say why with --reason", Kind::kOne));
    add_create_options(*creating, *options);
    creating->callback([options, &session] { create<Kind>(*options, session); });

    auto request = std::make_shared<ListRequest>();
    CLI::App* listing =
        verb->add_subcommand("list", fmt::format("Lists the {} that are not over", Kind::kAll));
    listing->add_option_function<std::string>(
        "--tenant",
        [request](const std::string& name) { request->set_tenant(name); },
        "only what may concern this tenant; '' for all where the context names one");
    listing->add_flag_function(
        "--all", [request](std::int64_t) { request->set_with_past(true); }, "past ones too");
    listing->callback([request, listing, &session] {
        use_tenant(*request, listing->count("--tenant") > 0, session);
        list<Kind>(*request, session);
    });

    auto id = std::make_shared<std::uint64_t>();
    CLI::App* ending = verb->add_subcommand(
        "end", fmt::format("Ends {} early; it stays in the list of all", Kind::kOne));
    ending->add_option("ID", *id, "as the list shows it")->required();
    ending->callback([id, &session] { end<Kind>(*id, session); });
}

}  // namespace

void add_window_verbs(CLI::App& app, Session& session) {
    add_actions<Maintenance, v1::ListMaintenanceRequest>(
        app.add_subcommand("maintenance", "Plans when an endpoint's failures are no outage"),
        session);
    add_actions<Silence, v1::ListSilencesRequest>(
        app.add_subcommand("silence", "Plans when nobody is told of incidents"), session);
}

}  // namespace quorate::cli
