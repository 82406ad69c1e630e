#pragma once

#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "core/base/ids.hpp"
#include "core/time/time.hpp"

/// Agents that are to take no jobs, as operators said.
namespace quorate::coordinator {

struct Cordon {
    RegionId region;
    std::string agent;
    std::string reason;
    std::string by;
    UtcTime since;
};

/// Of one region; more are refused, since agents read all of them twice a second.
inline constexpr std::size_t kCordonsMax = 256;

/// All, by region and agent.
std::vector<Cordon> load_cordons(pqxx::work& work);

/// @return whether it was none before. Throws RegionRefused at the bound.
bool add_cordon(pqxx::work& work, const Cordon& cordon);

/// @return whether it was one.
bool remove_cordon(pqxx::work& work, RegionId region, const std::string& agent);

}  // namespace quorate::coordinator
