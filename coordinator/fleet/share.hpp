#pragma once

#include <string>
#include <vector>

#include "platform/redis/peers.hpp"

namespace quorate::coordinator {

/// Those that may plan, by name: the living ones whose catalogue is current. Where there is none,
/// since nobody's Postgres answers, nobody can change the catalogue either, and those plan that
/// have the newest.
std::vector<std::string> planners_of(const PeersView& view);

/// Whether it is certain that the catalogue which `name` has was not changed until the view: nobody
/// who lives has one that is current, or newer.
bool nobody_changes(const std::string& name, const PeersView& view);

}  // namespace quorate::coordinator
