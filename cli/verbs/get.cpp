#include <iostream>
#include <memory>

#include <boost/json/array.hpp>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

/// Few round trips, and answers of some hundred kilobytes.
constexpr std::uint32_t kPageSize = 2000;

struct GetOptions {
    v1::ListEndpointsRequest request;
    bool watch = false;
};

/// Follows the pages to the last one.
bool list_all(const GetOptions& options, Session& session, v1::ListEndpointsResponse& all) {
    auto request = options.request;
    request.set_without_history(options.watch);
    request.set_page_size(kPageSize);
    do {
        v1::ListEndpointsResponse page;
        if (!session.succeeded(session.admin().ListEndpoints(session.call().get(), request, &page)))
            return false;
        request.set_page_token(page.next_page_token());
        all.MergeFrom(page);
    } while (!request.page_token().empty());
    return true;
}

/// A view that refreshes leaves the figures over days out: they read a month of minutes.
void print_endpoints(const v1::ListEndpointsResponse& all, bool with_history) {
    std::vector<std::string> headings{"ENDPOINT", "STATE", "SCOPE", "SINCE", "COVERAGE"};
    if (with_history) headings.insert(headings.end(), {"P95 24H", "UPTIME 30D"});
    headings.insert(headings.end(), {"LAST MINUTE", "URL"});
    Table table{headings};
    const auto time_of = [](bool has, std::int64_t us) {
        return time_text(has ? std::optional{us} : std::nullopt);
    };
    const auto ratio_of = [](bool has, double ratio) {
        return percent_text(has ? std::optional{ratio} : std::nullopt);
    };
    for (const auto& row : all.endpoints()) {
        std::vector<std::string> cells{
            row.tenant() == "default" ? row.endpoint() : row.tenant() + "/" + row.endpoint(),
            row.state() + (row.flapping() ? " (flapping)" : ""),
            row.scope(),
            time_of(row.has_since_us(), row.since_us()),
            ratio_of(row.has_coverage(), row.coverage())};
        if (with_history) {
            cells.push_back(row.has_p95_ms_24h() ? number_text(row.p95_ms_24h()) + " ms" : "-");
            cells.push_back(ratio_of(row.has_uptime_30d(), row.uptime_30d()));
        }
        cells.push_back(time_of(row.has_last_minute_us(), row.last_minute_us()));
        cells.push_back(row.url());
        table.add(std::move(cells));
    }
    print(table);
}

bool show_once(const GetOptions& options, Session& session) {
    v1::ListEndpointsResponse all;
    if (!list_all(options, session, all)) return false;
    begin_view(options.watch);
    if (session.prints_data())
        print_data(to_json(all).as_object()["endpoints"], session.output);
    else
        print_endpoints(all, !options.watch);
    std::cout.flush();
    return true;
}

}  // namespace

void add_get_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<GetOptions>();
    auto* verb = app.add_subcommand("get", "Shows the endpoints and the state each is in");
    add_filter(*verb, std::shared_ptr<v1::ListEndpointsRequest>{options, &options->request});
    add_watch(*verb, options->watch);
    verb->callback([options, verb, &session] {
        use_tenant(options->request, verb->count("--tenant") > 0, session);
        repeat(options->watch, session, [&] { return show_once(*options, session); });
    });
}

}  // namespace quorate::cli
