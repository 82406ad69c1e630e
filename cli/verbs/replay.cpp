#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

/// For one page: a month of one endpoint with the shortest window is over a million minutes.
constexpr std::chrono::seconds kPatience{120};

struct ReplayOptions {
    v1::ReplayRequest request;
    std::string from;
    std::string to;
};

std::string note_of(const v1::ReplayedIncident& row) {
    if (row.only_stored()) return "incident " + std::to_string(row.stored_id()) + " would not open";
    if (row.has_stored_id()) return "incident " + std::to_string(row.stored_id());
    return "would open";
}

void print_replay(const v1::ReplayResponse& all) {
    Table table{{"ENDPOINT", "WORST", "STARTED", "OPENED BY", "CLOSED BY", "THERE WAS"}};
    const auto time = [](bool has, std::int64_t us) {
        return time_text(has ? std::optional{us} : std::nullopt);
    };
    for (const auto& row : all.incidents())
        table.add({row.tenant() == "default" ? row.endpoint() : row.tenant() + "/" + row.endpoint(),
                   row.worst_severity().empty() ? "-" : row.worst_severity(),
                   time(row.has_started_at_us(), row.started_at_us()),
                   time(row.has_opened_minute_us(), row.opened_minute_us()),
                   time(row.has_closed_minute_us(), row.closed_minute_us()),
                   note_of(row)});
    print(table);
    std::cout << all.minutes() << " minutes were run\n";
}

void replay(ReplayOptions options, Session& session) {
    std::int64_t from = 0;
    std::int64_t to = 0;
    if (!read_time("--from", options.from, from, session)) return;
    if (!read_time("--to", options.to, to, session)) return;
    options.request.set_from_us(from);
    options.request.set_to_us(to);
    session.timeout = std::max<std::chrono::milliseconds>(session.timeout, kPatience);
    v1::ReplayResponse all;
    do {
        v1::ReplayResponse page;
        if (!session.succeeded(
                session.admin().Replay(session.call().get(), options.request, &page)))
            return;
        options.request.set_page_token(page.next_page_token());
        all.set_minutes(all.minutes() + page.minutes());
        all.mutable_incidents()->MergeFrom(page.incidents());
    } while (!options.request.page_token().empty());
    if (session.prints_data())
        print_data(to_json(all).as_object()["incidents"], session.output);
    else
        print_replay(all);
}

}  // namespace

void add_replay_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<ReplayOptions>();
    auto* verb = app.add_subcommand(
        "replay", "Runs stored minutes through the rule again, and says which incidents open");
    add_filter(*verb, std::shared_ptr<v1::ReplayRequest>{options, &options->request});
    verb->add_option("--from", options->from, "first minute, RFC 3339")->required();
    verb->add_option("--to", options->to, "end of the span, at most 31 days later")->required();
    verb->add_option_function<std::string>(
            "--p1-quorum",
            [options](const std::string& quorum) { options->request.set_p1_quorum(quorum); },
            "2, majority or all, in place of what was in force")
        ->check(CLI::IsMember({"2", "majority", "all"}));
    verb->callback([options, verb, &session] {
        use_tenant(options->request, verb->count("--tenant") > 0, session);
        replay(*options, session);
    });
}

}  // namespace quorate::cli
