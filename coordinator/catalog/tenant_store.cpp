#include "coordinator/catalog/tenant_store.hpp"

#include <algorithm>
#include <array>

#include "coordinator/audit/audit.hpp"
#include "coordinator/catalog/listing.hpp"
#include "coordinator/catalog/sql.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::array<std::string_view, 3> kTiers{"free", "team", "enterprise"};

}  // namespace

v1::ListTenantsResponse list_tenants(pqxx::work& work,
                                     const v1::ListTenantsRequest& request,
                                     const std::optional<std::set<std::string>>& reach) {
    const auto size = page_size(request.page_size(), 500, 5000);
    std::optional<std::string> bound;
    if (reach) bound = sql::array(std::vector<std::string>{reach->begin(), reach->end()});
    v1::ListTenantsResponse page;
    for (const auto& row : work.exec_params(
             "SELECT t.name, t.tier, " + sql::micros("t.created_at") +
                 ", (SELECT count(*) FROM quorate.endpoint e WHERE e.tenant = t.name"
                 " AND e.deleted_at IS NULL) FROM quorate.tenant t"
                 " WHERE ($1::text[] IS NULL OR t.name = ANY ($1::text[]))"
                 " AND t.name COLLATE \"C\" > $2 ORDER BY t.name COLLATE \"C\" LIMIT $3",
             bound,
             request.page_token(),
             static_cast<std::int64_t>(size) + 1)) {
        if (page.tenants_size() == static_cast<int>(size)) {
            page.set_next_page_token(page.tenants(page.tenants_size() - 1).name());
            break;
        }
        auto& tenant = *page.add_tenants();
        tenant.set_name(row[0].c_str());
        tenant.set_tier(row[1].c_str());
        tenant.set_created_at_us(row[2].as<std::int64_t>());
        tenant.set_endpoints(row[3].as<std::uint64_t>());
    }
    return page;
}

v1::SetTenantResponse set_tenant(pqxx::work& work,
                                 const v1::SetTenantRequest& request,
                                 const Actor& actor) {
    if (std::ranges::find(kTiers, request.tier()) == kTiers.end())
        throw BadRequest{"a tier is free, team or enterprise", "tier"};
    const auto found = work.exec_params(
        "SELECT tier FROM quorate.tenant WHERE name = $1 FOR UPDATE", request.name());
    if (found.empty())
        throw NotFound{"there is no tenant " + request.name() +
                       ": an admin's first apply makes it"};
    v1::SetTenantResponse response;
    response.set_tier_before(found[0][0].c_str());
    if (response.tier_before() == request.tier()) return response;
    work.exec_params0(
        "UPDATE quorate.tenant SET tier = $2 WHERE name = $1", request.name(), request.tier());
    write_audit(work,
                actor,
                {.method = "SetTenant",
                 .target = request.name(),
                 .tenants = {request.name()},
                 .changes = {{request.name(),
                              "tier: " + response.tier_before() + "\n",
                              "tier: " + request.tier() + "\n"}}});
    response.set_changed(true);
    return response;
}

}  // namespace quorate::coordinator
