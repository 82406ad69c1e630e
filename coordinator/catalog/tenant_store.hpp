#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "coordinator/audit/audit.hpp"

#include "quorate/v1/admin.pb.h"

namespace quorate::coordinator {

/// Tenants by name, in pages, and how many endpoints each has.
/// @param reach those alone; nothing: all. Throws BadRequest.
v1::ListTenantsResponse list_tenants(pqxx::work& work,
                                     const v1::ListTenantsRequest& request,
                                     const std::optional<std::set<std::string>>& reach);

/// Gives a tenant a tier. Throws BadRequest where there is no such tier, NotFound where there is no
/// such tenant.
v1::SetTenantResponse set_tenant(pqxx::work& work,
                                 const v1::SetTenantRequest& request,
                                 const Actor& actor);

}  // namespace quorate::coordinator
