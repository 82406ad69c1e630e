#pragma once

#include <cstddef>
#include <vector>

#include "archiver/sealing/seal_plan.hpp"
#include "archiver/store/json.hpp"

namespace quorate::bench {

struct SealedFleetOptions {
    std::size_t endpoints = 2500;
    std::size_t regions = 5;
};

/// Endpoints 1 to so many, their cells, and what the archiver carries from minute to minute.
class SealedFleet {
public:
    explicit SealedFleet(SealedFleetOptions options);

    /// The cells of an endpoint in a minute: one endpoint in two hundred has a failing region, one
    /// cell in fifty tells details, as about once an hour, and all do in the first minute.
    std::vector<Cell> cells(std::size_t endpoint, UtcMinute minute) const;

    /// The cells of a minute of the endpoints `[first, last)`, counted from 0.
    using Received = std::vector<std::vector<Cell>>;
    Received received(UtcMinute minute, std::size_t first, std::size_t last) const;
    /// Seals them.
    SealPlan seal(UtcMinute minute, std::size_t first, Received received) const;
    /// Takes over what a stored plan changed.
    void commit(SealPlan& plan);

    std::size_t size() const { return versions_.size(); }
    const RegionNames& names() const { return names_; }
    const std::vector<EndpointVersion>& versions() const { return versions_; }

private:
    std::vector<EndpointVersion> versions_;
    Catalogue catalogue_;
    ProgressMap progress_;
    RegionNames names_;
};

/// The n-th minute of the benchmark: in the present month.
UtcMinute bench_minute(std::int64_t number);

}  // namespace quorate::bench
