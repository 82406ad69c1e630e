#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <pqxx/pqxx>

#include "coordinator/catalog/diff.hpp"
#include "core/base/ids.hpp"

namespace quorate::coordinator {

/// Where an endpoint's cells stand in Redis.
struct CellPlace {
    ShardId shard;
    std::uint32_t cell_slot = 0;  ///< dense within the shard
    friend bool operator==(const CellPlace&, const CellPlace&) = default;
};

/// The `count` smallest numbers that are not in `taken` (ascending, each once), ascending.
std::vector<std::uint32_t> smallest_free(const std::vector<std::uint32_t>& taken,
                                         std::size_t count);

/// A place for each new endpoint, in their order. A shard's slots are given out in the order in
/// which its endpoints are looked at, so that those of one apply whose cells come together stand
/// side by side. The slot of a deleted endpoint is free for one that is in force from the minute on
/// in which the other is not any more: so in each minute a slot names one endpoint at most.
/// @param from the minute that the new ones are in force from
/// Under `lock_catalogue`. Throws what libpqxx throws.
std::vector<CellPlace> place_endpoints(pqxx::work& work,
                                       const std::vector<WantedEndpoint>& created,
                                       std::uint32_t shards,
                                       Window window,
                                       UtcMinute from);

}  // namespace quorate::coordinator
