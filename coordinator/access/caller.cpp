#include "coordinator/access/caller.hpp"

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
