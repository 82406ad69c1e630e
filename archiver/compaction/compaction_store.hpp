#pragma once

#include <cstddef>
#include <set>
#include <stdexcept>
#include <string>

#include <pqxx/pqxx>

#include "core/base/ids.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// The minutes of an endpoint that should be packed cannot be, or would not come back the same.
struct CompactionRefused : std::runtime_error {
    CompactionRefused(EndpointId of, const std::string& why)
        : std::runtime_error{why}, endpoint{of} {}
    EndpointId endpoint;
};

/// Which minutes may be packed, and how many at a time.
struct CompactionBounds {
    Window window = Window::minute();
    UtcTime before;                    ///< blocks that end by then
    std::size_t blocks_max = 50;       ///< in one transaction
    std::size_t endpoints_max = 5000;  ///< looked at
    std::set<ShardId> shards;          ///< of endpoints of these
};

struct CompactionOutcome {
    std::size_t blocks = 0;
    std::size_t minutes = 0;
    EndpointId last{0};       ///< the last endpoint that was looked at
    bool is_end = false;      ///< there is none behind it
    milliseconds overdue{0};  ///< by how much the oldest of the blocks was past the bound
};

/// Packs the oldest block of each endpoint behind `after` whose minutes are all old enough, in
/// rollups, and of no stale hour: writes it, compares what comes out of it with the minutes, and
/// deletes these. In the caller's transaction, which must not be committed where it throws.
/// @param without endpoints to be left alone
/// Throws CompactionRefused, and what libpqxx throws.
CompactionOutcome compact(pqxx::work& work,
                          const CompactionBounds& bounds,
                          EndpointId after,
                          const std::set<EndpointId>& without);

}  // namespace quorate
