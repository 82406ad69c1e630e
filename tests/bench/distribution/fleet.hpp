#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "platform/wire/cell_record.hpp"

namespace quorate::bench {

struct FleetOptions {
    std::size_t endpoints = 100'000;
    std::uint32_t regions = 5;
    std::uint32_t shards = 64;
    std::uint32_t spread_ms = 0;  ///< mean of how much later than another a probe ends
    double details = 0.0;         ///< share of cells that go with details
};

/// What an agent writes at once: cells of one region, in the order in which they came.
using Flush = std::vector<CellToRecord>;

/// Endpoints as the catalogue places them, and what their agents write in a minute: one agent per
/// region, cells in the planner's slot order, 200 at once or what came in 100 ms.
class Fleet {
public:
    explicit Fleet(FleetOptions options);

    /// The flushes of the n-th minute, by time.
    std::vector<Flush> minute(std::int64_t number) const;

private:
    struct Endpoint {
        EndpointId id;
        std::uint64_t hash = 0;
        ShardId shard;
        std::uint32_t slot = 0;
    };
    struct Ended {
        double at_ms;
        const Endpoint* endpoint;
    };
    std::vector<Ended> probes(std::uint32_t region, std::int64_t number) const;
    CellToRecord record(const Endpoint& endpoint, std::uint32_t region, UtcMinute minute) const;

    FleetOptions options_;
    RegionMask mask_;
    std::vector<Endpoint> endpoints_;
};

}  // namespace quorate::bench
