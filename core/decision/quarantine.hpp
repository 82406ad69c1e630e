#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "core/decision/sealed_cell.hpp"

namespace quorate {

/// What one region saw in one minute, over any number of endpoints and shards.
struct RegionTally {
    static constexpr std::size_t kHostsMax = 3;

    std::uint32_t voters = 0;      ///< endpoints with a vote in the region
    std::uint32_t fails = 0;       ///< of these, FAIL
    std::uint32_t lone_fails = 0;  ///< of these, where the region alone FAILs
    /// The smallest distinct stable hashes of the hosts of the lone fails, ascending. Three are
    /// enough to tell whether there are three, so what shards publish stays small.
    std::array<std::uint64_t, kHostsMax> hosts{};
    std::uint8_t host_count = 0;
    friend bool operator==(const RegionTally&, const RegionTally&) = default;
};

using RegionTallies = std::map<RegionId, RegionTally>;

/// The region that FAILs while at least one other votes and no other FAILs. Such an
/// endpoint-minute waits for the quarantine of that region; every other one seals at once.
std::optional<RegionId> lone_fail(std::span<const SealedCell> cells);

/// Counts one endpoint-minute. `host` is the stable hash of the host in the endpoint's URL.
void tally(RegionTallies& tallies, std::span<const SealedCell> cells, std::uint64_t host);

/// Adds the counts of another shard; commutative and associative.
void merge_into(RegionTallies& tallies, const RegionTallies& other);

/// At least 5 lone fails, on at least 3 hosts, and at least half of the region's voters.
bool is_quarantined(const RegionTally& tally);

/// The cells as they came, before any was turned into UNKNOWN(region_fault): what is counted.
void as_came(std::span<SealedCell> cells);

/// Turns the region's lone FAIL into UNKNOWN(region_fault) where its region is quarantined.
/// @return whether a cell was turned
bool quarantine(std::span<SealedCell> cells, std::span<const RegionId> quarantined);

}  // namespace quorate
