#pragma once

#include <string>
#include <utility>

#include "core/time/time.hpp"
#include "tests/simulation/world.hpp"

namespace quorate::simulation {

/// A machine of ours: its clock, and how it reaches the stores. One process of ours lives on it at
/// a time.
struct Host {
    Host(World& world_, std::string name_) : world{world_}, name{std::move(name_)} {}

    World& world;
    std::string name;
    HostClock clock;
    bool redis_cut = false;       ///< what is sent either way vanishes
    bool postgres_cut = false;    ///< likewise
    milliseconds redis_delay{0};  ///< beside the usual
    bool answers_lost = false;    ///< connections break where answers of Redis should come
    milliseconds disk_delay{0};   ///< of each sync
};

}  // namespace quorate::simulation
