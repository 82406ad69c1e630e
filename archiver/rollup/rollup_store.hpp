#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <optional>
#include <set>

#include <pqxx/pqxx>

#include "core/rollup/rollup.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// An endpoint's stretch of time that begins then.
struct RollupKey {
    EndpointId endpoint;
    UtcTime start;
    friend auto operator<=>(const RollupKey&, const RollupKey&) = default;
};
using RollupMap = std::map<RollupKey, Rollup>;

/// The start of the UTC hour, day or month that a time lies in.
UtcTime hour_of(UtcTime time);
UtcTime day_of(UtcTime time);
UtcTime month_of(UtcTime time);

// All functions below run in the caller's transaction and throw what libpqxx throws.

/// Adds the minutes of a shard that its rollups do not have yet, up to `sealed`, of less than two
/// hours and not too many at once, and moves its point. @return up to where it is rolled up now;
/// nothing where no minute is stored
std::optional<UtcTime> roll_up(pqxx::work& work, ShardId shard, UtcMinute sealed);

/// Counts at most `hours_max` stale hours of these shards anew, with their days and months.
/// @return how many there were
std::size_t roll_up_stale(pqxx::work& work, const std::set<ShardId>& shards, std::size_t hours_max);

}  // namespace quorate
