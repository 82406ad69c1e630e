#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace quorate::coordinator {

/// What somebody may do; each may do what those before it may. The names are stored.
enum class Role : std::uint8_t {
    viewer,  ///< reads
    op,      ///< `operator`: also changes endpoints, plans windows, says what is known of incidents
    admin,   ///< also makes tenants, regions and credentials, forgets, and reads the audit log
};
std::string_view name_of(Role role);
std::optional<Role> role_named(std::string_view name);

/// What a method reaches.
enum class Reach : std::uint8_t {
    tenant,   ///< one tenant's own: who is bound to tenants reaches theirs
    fleet,    ///< what belongs to no tenant, read
    unbound,  ///< what concerns all tenants: for those alone who are bound to none
};

struct MethodRule {
    std::string_view method;  ///< of the admin API, such as `Apply`
    Role least;
    Reach reach;
};

/// Every method of the admin API. The one place that says who may call what.
std::span<const MethodRule> method_rules();

/// Nothing where there is no such method: then nobody may.
const MethodRule* rule_of(std::string_view method);

}  // namespace quorate::coordinator
