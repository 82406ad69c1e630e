#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

void print_decision(const v1::DecisionEvent& event) {
    std::string cells;
    for (const auto& cell : event.cells())
        cells += "  " + printable(cell);
    auto decision = fmt::format("{:<14}", event.decision());
    if (terminal_wants_colour()) decision = painted(decision, event.decision());
    std::cout << fmt::format(
        "{}  {} {:<10} {:>8}  {}/{}{}{}\n",
        time_text(event.minute_us()),
        decision,
        event.scope(),
        percent_text(event.coverage()),
        event.tenant(),
        event.endpoint(),
        cells,
        event.transition().empty()
            ? std::string{}
            : fmt::format("  incident {} {}", event.incident_id(), event.transition()));
}

/// The token stands at the last decision of an event: going on after it repeats and leaves out
/// none.
void print_data_decision(const v1::DecisionEvent& decision,
                         const v1::WatchEvent& event,
                         const Session& session) {
    auto object = to_json(decision).as_object();
    const bool last = &decision == &event.decisions(event.decisions_size() - 1);
    object["resume_token"] = nullptr;
    if (last) object["resume_token"] = event.resume_token();
    print_data(object, session.output);
}

void watch(const v1::WatchRequest& request, Session& session) {
    const auto context = session.stream();  // until interrupted
    const auto stream = session.admin().Watch(context.get(), request);
    v1::WatchEvent event;
    while (stream->Read(&event)) {
        for (const auto& decision : event.decisions()) {
            if (session.prints_data())
                print_data_decision(decision, event, session);
            else
                print_decision(decision);
        }
        std::cout.flush();
    }
    session.succeeded(stream->Finish());
}

}  // namespace

void add_watch_verb(CLI::App& app, Session& session) {
    auto request = std::make_shared<v1::WatchRequest>();
    auto* verb = app.add_subcommand("watch", "Streams decisions as they are made");
    add_filter(*verb, request);
    verb->add_flag_function(
        "--changes",
        [request](std::int64_t) { request->set_changes_only(true); },
        "only minutes whose decision differs from the one before");
    verb->add_option_function<std::string>(
        "--resume",
        [request](const std::string& token) { request->set_resume_token(token); },
        "go on after this resume_token of the JSON output");
    verb->callback([request, verb, &session] {
        use_tenant(*request, verb->count("--tenant") > 0, session);
        watch(*request, session);
    });
}

}  // namespace quorate::cli
