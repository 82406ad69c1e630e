#include "coordinator/access/caller.hpp"

#include "coordinator/catalog/listing.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::coordinator {
namespace {

std::string listed(const std::set<std::string>& tenants) {
    std::string text;
    for (const auto& tenant : tenants)
        text += (text.empty() ? "" : ", ") + tenant;
    return text;
}

}  // namespace

std::string narrowed_tenant(const Caller& caller, const std::string& named) {
    using enum AccessRefused::Why;
    // What no tenant can be called is not repeated, least of all into the audit log.
    if (!named.empty() && !wire::is_name(named))
        throw BadRequest{std::string{"a tenant's name is "} + wire::kNameRule, "tenant"};
    if (!caller.tenants) return named;
    if (named.empty() && caller.tenants->size() == 1) return *caller.tenants->begin();
    if (named.empty())
        throw AccessRefused{denied,
                            caller.actor.principal + " reaches the tenants " +
                                listed(*caller.tenants) + " alone: name one of them"};
    if (!caller.may_reach(named))
        throw AccessRefused{denied, caller.actor.principal + " may not reach the tenant " + named};
    return named;
}

}  // namespace quorate::coordinator
