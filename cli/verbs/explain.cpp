#include <iostream>
#include <memory>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/verbs.hpp"
#include "core/time/time.hpp"

namespace quorate::cli {
namespace {

struct ExplainOptions {
    std::string endpoint;
    std::string minute;
};

void print_cells(const v1::ExplainResponse& answer) {
    Table table{
        {"REGION", "VERDICT", "STATE", "REASON", "PHASE", "TOTAL MS", "HTTP", "NOTES", "DETAIL"}};
    for (const auto& cell : answer.cells()) {
        std::string notes;
        const auto note = [&notes](bool set, const char* word) {
            if (set) notes += (notes.empty() ? "" : " ") + std::string{word};
        };
        note(cell.retried(), "retried");
        note(cell.slow(), "slow");
        note(cell.late(), "late");
        table.add(
            {cell.region(),
             cell.verdict() + (cell.own_verdict().empty() ? "" : " (" + cell.own_verdict() + ")"),
             cell.region_state(),
             cell.reason().empty() ? "-" : cell.reason(),
             cell.phase().empty() ? "-" : cell.phase(),
             number_text(cell.has_total_ms() ? std::optional{cell.total_ms()} : std::nullopt),
             cell.has_http_status() ? std::to_string(cell.http_status()) : "-",
             notes,
             cell.detail()});
    }
    print(table);
}

void print_explanation(const v1::ExplainResponse& answer) {
    std::cout << answer.tenant() << '/' << answer.endpoint() << ", minute "
              << time_text(answer.minute_us()) << " (" << answer.window_ms() / 1000 << " s): "
              << (terminal_wants_colour() ? painted(answer.decision(), answer.decision())
                                          : answer.decision())
              << (answer.scope().empty() ? "" : " " + answer.scope()) << "\n\n";
    print_cells(answer);
    std::cout << "\nvoters   " << listed(answer.voters()) << "  (coverage "
              << percent_text(answer.coverage()) << " of " << answer.configured_regions()
              << ", quorum " << answer.quorum() << ")\nfailing  " << listed(answer.failing())
              << "\nhealthy  " << listed(answer.healthy()) << "\nsilent   "
              << listed(answer.silent()) << "\nrule     row " << answer.rule_row() << ": "
              << answer.rule_text() << "\nwhy      " << answer.why() << '\n';
    for (const auto& window : answer.windows())
        std::cout << "window   " << printable(window_text(window)) << '\n';
    if (!answer.has_incident()) return;
    const auto& incident = answer.incident();
    std::cout << "incident " << incident.id() << ", " << incident.severity() << ' '
              << incident.scope() << ", since "
              << time_text(incident.has_started_at_us() ? std::optional{incident.started_at_us()}
                                                        : std::nullopt)
              << (incident.marks().empty() ? "" : ", marked " + listed(incident.marks()))
              << " (quorate incidents show " << incident.id() << ")\n";
}

void explain(const ExplainOptions& options, Session& session) {
    v1::ExplainRequest request;
    request.set_endpoint(endpoint_named(options.endpoint, session));
    if (!options.minute.empty()) {
        std::int64_t us = 0;
        if (!read_time("--minute", options.minute, us, session)) return;
        request.set_minute_us(us);
    }
    v1::ExplainResponse answer;
    if (!session.succeeded(session.admin().Explain(session.call().get(), request, &answer))) return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        print_explanation(answer);
}

}  // namespace

void add_explain_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<ExplainOptions>();
    auto* verb = app.add_subcommand(
        "explain", "Shows a minute's cells, region states and the rule row that decided it");
    verb->add_option("ENDPOINT", options->endpoint, "name or tenant/name")->required();
    verb->add_option("--minute",
                     options->minute,
                     "any time within the minute, RFC 3339; the last sealed one if absent");
    verb->callback([options, &session] { explain(*options, session); });
}

}  // namespace quorate::cli
