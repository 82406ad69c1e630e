// What operators change of regions, agents and tenants: drain, remove, cordon, tier.
#include "cli/verbs/fleet_changes.hpp"

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

std::string endpoints_text(std::uint32_t count) {
    return std::to_string(count) + (count == 1 ? " endpoint is" : " endpoints are");
}

template <class Response>
std::string from_text(const Response& answer) {
    return answer.has_in_force_from_us() ? " from " + time_text(answer.in_force_from_us()) + " on"
                                         : std::string{};
}

void drain(const std::string& name, Session& session) {
    v1::DrainRegionRequest request;
    request.set_name(name);
    v1::DrainRegionResponse answer;
    if (!session.succeeded(session.admin().DrainRegion(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else if (!answer.changed())
        std::cout << "region " << name << " is drained already\n";
    else
        std::cout << endpoints_text(answer.endpoints_changed()) << " not watched from " << name
                  << from_text(answer)
                  << "; quorate regions says drained once no job of it is left\n";
}

void resume(const std::string& name, Session& session) {
    v1::ResumeRegionRequest request;
    request.set_name(name);
    v1::ResumeRegionResponse answer;
    if (!session.succeeded(session.admin().ResumeRegion(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else if (!answer.changed())
        std::cout << "region " << name << " is active already\n";
    else
        std::cout << endpoints_text(answer.endpoints_changed()) << " watched from " << name
                  << " again" << from_text(answer) << '\n';
}

void remove(const std::string& name, Session& session) {
    v1::RemoveRegionRequest request;
    request.set_name(name);
    v1::RemoveRegionResponse answer;
    if (!session.succeeded(session.admin().RemoveRegion(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        std::cout << "region " << name << (answer.changed() ? " removed" : " was removed before")
                  << '\n';
}

struct AgentOptions {
    std::string agent;
    std::string region;
};

void cordon(const AgentOptions& options, Session& session) {
    v1::CordonAgentRequest request;
    request.set_agent(options.agent);
    request.set_region(options.region);
    v1::CordonAgentResponse answer;
    if (!session.succeeded(session.admin().CordonAgent(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        std::cout << "agent " << options.agent << " of " << answer.region()
                  << (answer.changed() ? " takes no more jobs, and ends those that it has\n"
                                       : " is cordoned already\n");
}

void uncordon(const AgentOptions& options, Session& session) {
    v1::UncordonAgentRequest request;
    request.set_agent(options.agent);
    request.set_region(options.region);
    v1::UncordonAgentResponse answer;
    if (!session.succeeded(session.admin().UncordonAgent(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        std::cout << "agent " << options.agent << " of " << answer.region()
                  << (answer.changed() ? " takes jobs again\n" : " is not cordoned\n");
}

void list_tenants(Session& session) {
    v1::ListTenantsRequest request;
    v1::ListTenantsResponse all;
    do {
        v1::ListTenantsResponse page;
        if (!session.succeeded(session.admin().ListTenants(session.call().get(), request, &page)))
            return;
        request.set_page_token(page.next_page_token());
        all.MergeFrom(page);
    } while (!request.page_token().empty());
    if (session.prints_data()) {
        print_data(to_json(all).as_object()["tenants"], session.output);
        return;
    }
    Table table{{"TENANT", "TIER", "ENDPOINTS", "SINCE"}};
    for (const auto& row : all.tenants())
        table.add({row.name(),
                   row.tier(),
                   std::to_string(row.endpoints()),
                   time_text(row.created_at_us())});
    print(table);
}

struct TenantOptions {
    std::string name;
    std::string tier;
};

void set_tenant(const TenantOptions& options, Session& session) {
    v1::SetTenantRequest request;
    request.set_name(options.name);
    request.set_tier(options.tier);
    v1::SetTenantResponse answer;
    if (!session.succeeded(session.admin().SetTenant(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else if (answer.changed())
        std::cout << "tenant " << options.name << " is of tier " << options.tier << ", was "
                  << answer.tier_before() << '\n';
    else
        std::cout << "tenant " << options.name << " is of tier " << options.tier << " already\n";
}

template <class Change>
void add_region_change(CLI::App* verb, Change change, Session& session) {
    auto name = std::make_shared<std::string>();
    verb->add_option("REGION", *name, "its name")->required();
    verb->callback([name, change, &session] { change(*name, session); });
}

template <class Change>
void add_agent_change(CLI::App* verb,
                      std::shared_ptr<const std::string> region,
                      Change change,
                      Session& session) {
    auto options = std::make_shared<AgentOptions>();
    verb->add_option("AGENT", options->agent, "its name")->required();
    verb->add_option("--region", options->region, "where several have an agent of that name");
    verb->callback([options, region = std::move(region), change, &session] {
        if (options->region.empty()) options->region = *region;
        change(*options, session);
    });
}

constexpr const char* kDrainHelp =
    "Plans nothing more for a region and watches no endpoint from it; what is queued is still done";

}  // namespace

void add_region_changes(CLI::App& regions, Session& session) {
    add_region_change(regions.add_subcommand("drain", kDrainHelp), drain, session);
    add_region_change(
        regions.add_subcommand("resume", "Goes on with a drained region"), resume, session);
    add_region_change(
        regions.add_subcommand("remove", "Takes out a drained region; what it saw stays"),
        remove,
        session);
}

void add_agent_changes(CLI::App& agents,
                       std::shared_ptr<const std::string> region,
                       Session& session) {
    add_agent_change(
        agents.add_subcommand("cordon", "Has an agent take no more jobs; it ends those it has"),
        region,
        cordon,
        session);
    add_agent_change(agents.add_subcommand("uncordon", "Has an agent take jobs again"),
                     std::move(region),
                     uncordon,
                     session);
}

void add_drain_verb(CLI::App& app, Session& session) {
    add_region_change(app.add_subcommand("drain", kDrainHelp), drain, session);
}

void add_tenants_verb(CLI::App& app, Session& session) {
    auto* verb = app.add_subcommand("tenants", "Lists the tenants; sets the tier of one");
    verb->require_subcommand(0, 1);
    const auto* list = verb->add_subcommand("list", "Lists the tenants");
    auto options = std::make_shared<TenantOptions>();
    auto* set = verb->add_subcommand(
        "set",
        "Sets a tenant's tier, which says how long its history is kept and how often it is probed");
    set->add_option("NAME", options->name, "the tenant")->required();
    set->add_option("--tier", options->tier, "free, team or enterprise")
        ->required()
        ->check(CLI::IsMember({"free", "team", "enterprise"}));
    set->callback([options, &session] { set_tenant(*options, session); });
    verb->callback([verb, list, &session] {
        if (verb->get_subcommands().empty() || verb->got_subcommand(list)) list_tenants(session);
    });
}

}  // namespace quorate::cli
