#include "coordinator/access/role.hpp"

#include <algorithm>
#include <array>

namespace quorate::coordinator {
namespace {

constexpr std::array kRules{
    MethodRule{"Apply", Role::op, Reach::tenant},
    MethodRule{"ExportEndpoints", Role::viewer, Reach::tenant},
    MethodRule{"ListEndpoints", Role::viewer, Reach::tenant},
    MethodRule{"Explain", Role::viewer, Reach::tenant},
    MethodRule{"Watch", Role::viewer, Reach::tenant},
    MethodRule{"ListIncidents", Role::viewer, Reach::tenant},
    MethodRule{"GetIncident", Role::viewer, Reach::tenant},
    MethodRule{"AckIncident", Role::op, Reach::tenant},
    MethodRule{"Replay", Role::viewer, Reach::tenant},
    MethodRule{"ListUptime", Role::viewer, Reach::tenant},
    MethodRule{"DescribeEndpoint", Role::viewer, Reach::tenant},
    MethodRule{"SetPaused", Role::op, Reach::tenant},
    MethodRule{"Forget", Role::admin, Reach::tenant},
    MethodRule{"ListRegions", Role::viewer, Reach::fleet},
    MethodRule{"AddRegion", Role::admin, Reach::unbound},
    MethodRule{"DrainRegion", Role::admin, Reach::unbound},
    MethodRule{"ResumeRegion", Role::admin, Reach::unbound},
    MethodRule{"RemoveRegion", Role::admin, Reach::unbound},
    MethodRule{"CordonAgent", Role::op, Reach::unbound},
    MethodRule{"UncordonAgent", Role::op, Reach::unbound},
    MethodRule{"ListTenants", Role::viewer, Reach::tenant},
    MethodRule{"SetTenant", Role::admin, Reach::unbound},
    MethodRule{"ListAgents", Role::viewer, Reach::fleet},
    MethodRule{"GetVersion", Role::viewer, Reach::fleet},
    MethodRule{"GetConfig", Role::admin, Reach::unbound},
    MethodRule{"CreateToken", Role::admin, Reach::tenant},
    MethodRule{"ListTokens", Role::admin, Reach::tenant},
    MethodRule{"RevokeToken", Role::admin, Reach::tenant},
    MethodRule{"ListAudit", Role::admin, Reach::tenant},
    MethodRule{"CreateMaintenance", Role::op, Reach::tenant},
    MethodRule{"ListMaintenance", Role::viewer, Reach::tenant},
    MethodRule{"EndMaintenance", Role::op, Reach::tenant},
    MethodRule{"CreateSilence", Role::op, Reach::tenant},
    MethodRule{"ListSilences", Role::viewer, Reach::tenant},
    MethodRule{"EndSilence", Role::op, Reach::tenant},
    MethodRule{"RunNow", Role::op, Reach::tenant},
    MethodRule{"SetSecret", Role::op, Reach::tenant},
    MethodRule{"ListSecrets", Role::viewer, Reach::tenant},
    MethodRule{"DeleteSecret", Role::op, Reach::tenant},
    MethodRule{"RotateSecrets", Role::admin, Reach::tenant},
};

constexpr std::array<std::string_view, 3> kNames{"viewer", "operator", "admin"};

}  // namespace

std::string_view name_of(Role role) {
    return kNames.at(static_cast<std::size_t>(role));
}

std::optional<Role> role_named(std::string_view name) {
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<Role>(found - kNames.begin());
}

std::span<const MethodRule> method_rules() {
    return kRules;
}

const MethodRule* rule_of(std::string_view method) {
    const auto found = std::ranges::find(kRules, method, &MethodRule::method);
    return found == kRules.end() ? nullptr : &*found;
}

}  // namespace quorate::coordinator
