#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/ids.hpp"
#include "core/time/utc_minute.hpp"

/// Every key that Quorate has in Redis, in one place. What is written by one script shares a hash
/// tag (`{…}`), so that it lives on one node of a Cluster. Regions go by name: that is what an
/// agent knows of itself.
namespace quorate::keys {

/// Stream of the region's jobs; field `j` of an entry is the encoded job. Group: `kAgents`.
std::string jobs(std::string_view region);
/// Hash: `until_ms`, up to where (slot time, included) the region's jobs have been enqueued.
std::string planned(std::string_view region);
/// Hash: agent name -> heartbeat (JSON).
std::string agents(std::string_view region);

/// Hash of one verdict-minute of a shard: `cell_field` -> encoded cell, `n:<endpoint_id>` -> how
/// many different cells of the endpoint are in.
std::string minute(ShardId shard, UtcMinute minute);
/// List of `<minute_ms>:<endpoint_id>`, announced once: the last expected cell came in.
std::string done(ShardId shard);
/// String: start in ms of the last minute that the shard's watermark sealed.
std::string sealed(ShardId shard);
/// List of `<minute_ms>:<encoded cell>`: cells that came after their minute was sealed.
std::string late(ShardId shard);

std::string cell_field(EndpointId endpoint, RegionId region);

/// The consumer group of the streams of jobs.
inline constexpr std::string_view kAgents = "agents";

}  // namespace quorate::keys
