#include <iostream>
#include <memory>
#include <utility>

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

struct WatchOptions {
    v1::WatchRequest request;
    bool tokens = false;  ///< events without a decision are data too
    bool begun = false;   ///< an event came
};

void print_event(const v1::WatchEvent& event, const WatchOptions& options, const Session& session) {
    for (const auto& decision : event.decisions()) {
        if (session.prints_data())
            print_data_decision(decision, event, session);
        else
            print_decision(decision);
    }
    if (options.tokens && event.decisions().empty())
        print_data({{"resume_token", event.resume_token()}}, session.output);
    std::cout.flush();
}

/// Until interrupted: where the coordinator goes away it is asked again, and goes on behind what
/// was printed last.
void watch(WatchOptions options, Session& session) {
    for (;;) {
        bool begun = false;
        const auto context = session.stream();
        const auto stream = session.admin().Watch(context.get(), options.request);
        v1::WatchEvent event;
        while (stream->Read(&event)) {
            if (!std::exchange(begun, true)) session.recovered();
            print_event(event, options, session);
            options.request.set_resume_token(event.resume_token());
            options.begun = true;
        }
        if (session.succeeded(stream->Finish())) return;
        if (!options.begun || !session.may_pass()) return;
        if (begun) std::cerr << "quorate: it goes on here once a coordinator answers\n";
        wait_for_refresh();
    }
}

}  // namespace

void add_watch_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<WatchOptions>();
    const std::shared_ptr<v1::WatchRequest> request{options, &options->request};
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
    verb->add_flag("--tokens",
                   options->tokens,
                   "in JSON and YAML also, at once and every 10 s, how far the stream is where no "
                   "decision comes: an object with a resume_token alone");
    verb->callback([options, verb, &session] {
        options->tokens = options->tokens && session.prints_data();
        use_tenant(options->request, verb->count("--tenant") > 0, session);
        watch(*options, session);
    });
}

}  // namespace quorate::cli
