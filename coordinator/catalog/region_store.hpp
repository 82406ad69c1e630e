#pragma once

#include <optional>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "coordinator/catalog/catalog_store.hpp"

namespace quorate::coordinator {

/// The ACL user of a region's agents.
struct AgentUser {
    Region region;
    std::string password_sha256;  ///< 64 lower-case hexadecimal digits
};

/// A region, and whether it was not there before.
struct MadeRegion {
    Region region;
    bool created = false;
    bool has_user = false;  ///< of its agents, in `agent_user`
};

/// The region of that name, made where it is missing; nothing where it is missing and there are
/// kRegionsMax already.
std::optional<MadeRegion> make_region(pqxx::work& work, const std::string& name);

/// Sets the hash of the password of the region's agents.
void store_agent_user(pqxx::work& work, const AgentUser& user);

/// Those of all regions that have one, by id.
std::vector<AgentUser> load_agent_users(pqxx::work& work);

}  // namespace quorate::coordinator
