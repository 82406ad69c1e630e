#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/base/ids.hpp"
#include "platform/redis/coordinators.hpp"

namespace quorate::coordinator {

/// Those that may plan, by name: the living ones whose catalogue is current. Where there is none,
/// since nobody's Postgres answers, nobody can change the catalogue either, and those plan that
/// have the newest.
std::vector<std::string> planners_of(const CoordinatorsView& view);

/// The shards that fall to `name`, of all that there are.
std::set<ShardId> share_of(const std::string& name,
                           const CoordinatorsView& view,
                           std::uint32_t shards);

/// Whether it is certain that the catalogue which `name` has was not changed until the view: nobody
/// who lives has one that is current, or newer.
bool nobody_changes(const std::string& name, const CoordinatorsView& view);

}  // namespace quorate::coordinator
