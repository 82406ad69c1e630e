#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bounded_file.hpp"
#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/fleet_changes.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

void warn_of(const std::string& what, const std::string& why) {
    if (!why.empty())
        std::cerr << "warning: " << what << " not known now: " << printable(why) << '\n';
}

/// What is counted of a region, or that nobody knows it now.
std::string count_text(const v1::Region& row, std::uint64_t count) {
    return row.unavailable().empty() ? std::to_string(count) : "?";
}

void print_regions(const v1::ListRegionsResponse& answer) {
    Table table{{"REGION",
                 "STATE",
                 "AGENTS ALIVE",
                 "QUEUED",
                 "TAKEN",
                 "IN FLIGHT",
                 "PLANNED UNTIL",
                 "CREDENTIALS KEY"}};
    for (const auto& row : answer.regions())
        table.add({row.name(),
                   row.state(),
                   count_text(row, row.agents_alive()),
                   count_text(row, row.queue_depth()),
                   count_text(row, row.pending()),
                   count_text(row, row.in_flight()),
                   time_text(row.has_planned_until_us() ? std::optional{row.planned_until_us()}
                                                        : std::nullopt),
                   row.credentials_key().empty() ? "-" : row.credentials_key()});
    print(table);
    if (answer.coordinators().empty()) return;
    std::cout << '\n';
    Table planners{{"COORDINATOR", "ALIVE", "LAST SEEN", "SHARDS", "CATALOGUE", "VERSION"}};
    for (const auto& row : answer.coordinators())
        planners.add(
            {row.name(),
             row.alive() ? "yes" : "no",
             time_text(row.has_last_seen_us() ? std::optional{row.last_seen_us()} : std::nullopt),
             std::to_string(row.shards_held()),
             std::to_string(row.catalogue_generation()) +
                 (row.catalogue_current() ? "" : " (cut off from Postgres)"),
             row.version()});
    print(planners);
}

bool list_regions(bool watch, Session& session) {
    v1::ListRegionsResponse answer;
    if (!session.succeeded(session.admin().ListRegions(session.call().get(), {}, &answer)))
        return false;
    begin_view(watch);
    for (const auto& row : answer.regions())
        warn_of("the state of region " + row.name(), row.unavailable());
    warn_of("the coordinators", answer.coordinators_unavailable());
    if (session.prints_data()) {
        print_data(to_json(answer).as_object()["regions"], session.output);
        return true;
    }
    print_regions(answer);
    std::cout.flush();
    return true;
}

struct ListOptions {
    std::string region;
    bool watch = false;
};

void print_queues(const std::vector<v1::Region>& rows) {
    const auto ms = [](bool known, double value) {
        return known ? number_text(value, 0) + " ms" : std::string{"-"};
    };
    Table table{{"REGION",
                 "QUEUED",
                 "TAKEN",
                 "OLDEST",
                 "PLANNED UNTIL",
                 "PLANNING LAG",
                 "AGENTS",
                 "IN FLIGHT",
                 "MISSED",
                 "DUPLICATES",
                 "HELD BACK",
                 "SPOOLED"}};
    for (const auto& row : rows)
        table.add({row.name(),
                   count_text(row, row.queue_depth()),
                   count_text(row, row.pending()),
                   ms(row.has_oldest_age_ms(), row.oldest_age_ms()),
                   time_text(row.has_planned_until_us() ? std::optional{row.planned_until_us()}
                                                        : std::nullopt),
                   ms(row.has_planning_lag_ms(), row.planning_lag_ms()),
                   count_text(row, row.agents_alive()),
                   count_text(row, row.in_flight()),
                   count_text(row, row.missed_total() + row.unplanned_total()),
                   count_text(row, row.duplicates_total()),
                   count_text(row, row.held_back_total()),
                   count_text(row, row.spooled())});
    print(table);
}

bool list_queues(const ListOptions& options, Session& session) {
    const auto& region = options.region;
    v1::ListRegionsResponse answer;
    if (!session.succeeded(session.admin().ListRegions(session.call().get(), {}, &answer)))
        return false;
    auto rows = std::vector<v1::Region>{answer.regions().begin(), answer.regions().end()};
    if (!region.empty())
        std::erase_if(rows, [&region](const auto& row) { return row.name() != region; });
    if (rows.empty() && !region.empty()) {
        session.fail("there is no region " + region);
        return false;
    }
    begin_view(options.watch);
    for (const auto& row : rows)
        warn_of("the state of region " + row.name(), row.unavailable());
    if (session.prints_data()) {
        boost::json::array list;
        for (const auto& row : rows)
            list.push_back(to_json(row));
        print_data(list, session.output);
        return true;
    }
    print_queues(rows);
    std::cout.flush();
    return true;
}

struct AddOptions {
    std::string name;
    bool no_redis_user = false;
    bool new_password = false;
    std::string public_key_file;
};

void print_added(const v1::AddRegionResponse& answer, const std::string& name) {
    std::cout << "region " << name << (answer.created() ? " added" : " was there already");
    if (answer.endpoints_changed() > 0)
        std::cout << "; " << answer.endpoints_changed()
                  << (answer.endpoints_changed() == 1 ? " endpoint is" : " endpoints are")
                  << " watched from it from now on";
    std::cout << '\n';
    if (!answer.redis_password().empty())
        std::cout << "Its agents' Redis user, shown this once:\n  user      " << answer.redis_user()
                  << "\n  password  " << answer.redis_password() << '\n';
    else if (!answer.redis_user().empty())
        std::cout << "Its agents' Redis user " << answer.redis_user()
                  << " keeps its password; --new-password gives it another\n";
    if (!answer.credentials_key().empty())
        std::cout << "Credentials of its jobs are sealed for the key " << answer.credentials_key()
                  << (answer.credentials_key_changed() ? " from now on\n" : "\n");
}

void add_region(const AddOptions& options, Session& session) {
    v1::AddRegionRequest request;
    request.set_name(options.name);
    request.set_without_redis_user(options.no_redis_user);
    request.set_new_password(options.new_password);
    if (!options.public_key_file.empty()) {
        const auto key = read_bounded(options.public_key_file);
        if (key.view().find("PRIVATE KEY") != std::string_view::npos)
            throw std::runtime_error{
                options.public_key_file +
                " holds a private key, which stays with the agents; its public "
                "key: openssl pkey -in FILE -pubout"};
        request.set_public_key(std::string{key.view()});
    }
    v1::AddRegionResponse answer;
    if (!session.succeeded(session.admin().AddRegion(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        print_added(answer, options.name);
}

bool list_agents(const ListOptions& options, Session& session) {
    v1::ListAgentsRequest request;
    request.set_region(options.region);
    v1::ListAgentsResponse answer;
    if (!session.succeeded(session.admin().ListAgents(session.call().get(), request, &answer)))
        return false;
    begin_view(options.watch);
    for (const auto& row : answer.unavailable())
        warn_of("the agents of region " + row.region(), row.detail());
    if (session.prints_data()) {
        print_data(to_json(answer).as_object()["agents"], session.output);
        return true;
    }
    Table table{{"AGENT",
                 "REGION",
                 "ALIVE",
                 "STATE",
                 "LAST SEEN",
                 "IN FLIGHT",
                 "LOAD",
                 "LAG",
                 "CLOCK OFFSET",
                 "PROBES",
                 "VERSION"}};
    for (const auto& row : answer.agents())
        table.add(
            {row.name(),
             row.region(),
             row.alive() ? "yes" : "no",
             row.cordoned() && row.state() != "cordoned"
                 ? row.state() + (row.state().empty() ? "cordoned" : ", cordoned")
                 : row.state(),
             time_text(row.has_last_seen_us() ? std::optional{row.last_seen_us()} : std::nullopt),
             std::to_string(row.in_flight()),
             percent_text(row.load()),
             number_text(row.lag_ms()) + " ms",
             number_text(row.clock_offset_ms()) + " ms",
             std::to_string(row.probes_total()),
             row.version()});
    print(table);
    std::cout.flush();
    return true;
}

}  // namespace

void add_regions_verb(CLI::App& app, Session& session) {
    auto* verb = app.add_subcommand("regions",
                                    "Lists the regions, their queues and agents, and the "
                                    "coordinators that plan them; adds, drains and removes one");
    verb->require_subcommand(0, 1);
    auto watch = std::make_shared<bool>(false);
    add_watch(*verb, *watch);
    auto* list = verb->add_subcommand("list", "Lists the regions");
    add_watch(*list, *watch);
    auto options = std::make_shared<AddOptions>();
    auto* add = verb->add_subcommand(
        "add",
        "Adds a region, watches from it what is watched from all regions, and makes a Redis user "
        "for its agents that reaches this region alone");
    add->add_option("NAME", options->name, "lower-case letters, digits and hyphens")->required();
    auto* without = add->add_flag(
        "--no-redis-user", options->no_redis_user, "where agents share a user, as on one machine");
    add->add_flag("--new-password", options->new_password, "also where they have a user already")
        ->excludes(without);
    add->add_option("--public-key",
                    options->public_key_file,
                    "of its agents (X25519, PEM): credentials in jobs are sealed for it from now "
                    "on; also replaces the one that the region has")
        ->type_name("FILE");
    add->callback([options, &session] { add_region(*options, session); });
    add_region_changes(*verb, session);
    verb->callback([verb, list, watch, &session] {
        if (verb->get_subcommands().empty() || verb->got_subcommand(list))
            repeat(*watch, session, [&] { return list_regions(*watch, session); });
    });
}

void add_queues_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<ListOptions>();
    auto* verb = app.add_subcommand(
        "queues",
        "Shows the regions' queues: what waits and since when, how far is planned, and what the "
        "agents missed, did twice, held back to spare a server, or keep on disk");
    verb->add_option("--region", options->region, "only this region's");
    add_watch(*verb, options->watch);
    verb->callback([options, &session] {
        repeat(options->watch, session, [&] { return list_queues(*options, session); });
    });
}

void add_agents_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<ListOptions>();
    auto* verb = app.add_subcommand("agents", "Lists the agents; has one take no more jobs");
    verb->add_option("--region", options->region, "only this region's");
    add_watch(*verb, options->watch);
    verb->require_subcommand(0, 1);
    auto* list_verb = verb->add_subcommand("list", "Lists the agents");
    list_verb->add_option("--region", options->region, "only this region's");
    add_watch(*list_verb, options->watch);
    add_agent_changes(*verb, {options, &options->region}, session);
    verb->callback([verb, list_verb, options, &session] {
        if (verb->get_subcommands().empty() || verb->got_subcommand(list_verb))
            repeat(options->watch, session, [&] { return list_agents(*options, session); });
    });
}

void add_version_verb(CLI::App& app, Session& session) {
    auto* verb = app.add_subcommand("version", "The version of this program");
    verb->callback([&session] {
        if (session.prints_data())
            print_data({{"version", QUORATE_VERSION}}, session.output);
        else
            std::cout << "quorate " << QUORATE_VERSION << '\n';
    });
}

}  // namespace quorate::cli
