#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "core/base/lru_cache.hpp"
#include "core/model/cell.hpp"
#include "core/time/time.hpp"

namespace quorate::agent {

/// What this agent last told of each endpoint beside the fixed part of its cells, so that a plain
/// UP goes with details only where they say something new. In memory alone: a new life of the agent
/// tells everything once. Above `endpoints_max` the least recently seen are forgotten; with more
/// endpoints than that in turn, every cell goes with details.
class DetailsMemory {
public:
    /// After at most this time the details of an endpoint are told again, and not much sooner.
    static constexpr std::chrono::hours kRepeat{1};
    static constexpr std::size_t kEndpointsMax = 200'000;  ///< some 150 bytes each

    explicit DetailsMemory(std::size_t endpoints_max = kEndpointsMax) : told_{endpoints_max} {}

    /// Whether this cell goes with its details; it counts as told then.
    bool due(const Cell& cell, SteadyTime now);

private:
    struct Told {
        std::size_t what = 0;  ///< a hash
        SteadyTime again_at;
    };
    LruCache<EndpointId, Told, std::hash<EndpointId>> told_;
};

}  // namespace quorate::agent
