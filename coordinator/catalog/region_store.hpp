#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <pqxx/pqxx>

#include "coordinator/catalog/catalog_store.hpp"

namespace quorate::coordinator {

/// What is ordered of regions does not fit how they are; says why and what to do.
class RegionRefused : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The ACL user of a region's agents.
struct AgentUser {
    Region region;                ///< also one that was removed
    std::string password_sha256;  ///< 64 lower-case hexadecimal digits
};

/// A region, and whether it was not there before.
struct MadeRegion {
    Region region;
    bool created = false;   ///< or brought back, after it was removed
    bool has_user = false;  ///< of its agents, in `agent_user`
};

/// The region of that name, made where it is missing; nothing where it is missing and there are
/// kRegionsMax already.
std::optional<MadeRegion> make_region(pqxx::work& work, const std::string& name);

/// A region's state, as it is to be.
enum class RegionState : std::uint8_t { active, drained, removed };
std::string_view name_of(RegionState state);

/// Sets the state. @return what it was before. Throws NotFound where there is no such region, or it
/// was removed, and RegionRefused where the one does not follow on the other.
RegionState set_region_state(pqxx::work& work, const std::string& name, RegionState state);

/// Keeps from which minute on the region's state counts.
void date_region_state(pqxx::work& work, const std::string& name, UtcMinute from);

/// Throws RegionRefused where an endpoint is still watched from the region, or names it.
void require_unused(pqxx::work& work, const std::string& name, UtcTime now);

/// Sets the hash of the password of the region's agents.
void store_agent_user(pqxx::work& work, const AgentUser& user);

/// Those of all regions that have one, by id.
std::vector<AgentUser> load_agent_users(pqxx::work& work);

}  // namespace quorate::coordinator
