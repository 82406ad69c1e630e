#include <iostream>
#include <memory>

#include "cli/json.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/verbs.hpp"
#include "platform/config/yaml.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::cli {
namespace {

constexpr std::uint32_t kPage = 2000;

/// All pages are there before the first line is written: what can't be had whole is not written.
void export_endpoints(v1::ExportEndpointsRequest request, Session& session) {
    request.set_page_size(kPage);
    std::string items;
    do {
        v1::ExportEndpointsResponse page;
        if (!session.succeeded(
                session.admin().ExportEndpoints(session.call().get(), request, &page)))
            return;
        for (const auto& item : page.endpoints())
            items += item;
        request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    const auto text = items.empty() ? "endpoints: []\n" : "endpoints:\n" + items;
    if (session.output != OutputFormat::json) {
        std::cout << text << std::flush;  // YAML it is anyway
        return;
    }
    // JSON is YAML too: apply reads it back as well.
    ConfigErrors errors;
    if (const auto tree = parse_yaml(text, "the catalogue", errors))
        print_data(wire::to_json_value(*tree), session.output);
    else
        session.fail(format_errors(errors));
}

}  // namespace

void add_export_verb(CLI::App& app, Session& session) {
    auto request = std::make_shared<v1::ExportEndpointsRequest>();
    auto* verb = app.add_subcommand(
        "export",
        "Writes the catalogue as an endpoint file, which apply reads back without a change");
    add_filter(*verb, request);
    verb->callback([request, verb, &session] {
        use_tenant(*request, verb->count("--tenant") > 0, session);
        export_endpoints(*request, session);
    });
}

}  // namespace quorate::cli
