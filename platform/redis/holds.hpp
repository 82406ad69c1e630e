#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/ids.hpp"
#include "core/time/time.hpp"
#include "platform/redis/client.hpp"

namespace quorate {

/// A server asked that an endpoint be left alone (429 with Retry-After, RFC 9110 section 10.2.3).
struct Hold {
    EndpointId endpoint;
    std::uint64_t url = 0;  ///< stable_hash of the endpoint's URL then: it holds for no other
    UtcTime until;          ///< Redis's clock
    friend bool operator==(const Hold&, const Hold&) = default;
};

/// What was told of a region since a place in the order of telling.
struct HoldsPage {
    std::vector<Hold> holds;
    std::string last;  ///< the place behind them, for the next read
};

/// So many stand in Redis for each region, the last ones; all of them at most this long after the
/// last was told.
inline constexpr std::size_t kHoldsKept = 10'000;
inline constexpr std::chrono::seconds kHoldsKeptFor{2 * 3600};

/// Tells the agents of a region, also those that start later. Throws as RedisClient::run.
Task<> tell_holds(RedisClient& client, std::string region, std::vector<Hold> holds);

/// What was told behind `after`, an earlier page's `last`, or empty for all; at most 1,000 in one
/// page. What can't be read is left out. Throws as RedisClient::run.
Task<HoldsPage> read_holds(RedisClient& client, std::string region, std::string after);

}  // namespace quorate
