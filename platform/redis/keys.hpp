#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/ids.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// What processes share by leases on the shards: coordinators plan, archivers seal.
enum class SharedWork : std::uint8_t { planning, sealing };

}  // namespace quorate

/// Every key that Quorate has in Redis, in one place. What is written by one script shares a hash
/// tag (`{…}`), so that it lives on one node of a Cluster. What an agent writes carries its region:
/// in the tag by name, for streams that a region has for itself; behind a shard's tag by id, which
/// is shorter. So a Redis ACL by patterns can keep an agent to the keys of its own region.
namespace quorate::keys {

/// Stream of the region's jobs; field `j` of an entry is the encoded job. Group: `kAgents`.
std::string jobs(std::string_view region);
/// Hash: shard -> milliseconds, up to where (slot time, included) the shard's jobs of this region
/// have been enqueued.
std::string planned(std::string_view region);
/// Hash: shard -> epoch of the lease whose holder alone may enqueue; only ever raised.
std::string fence(std::string_view region);
/// Hash: shard -> jobs of this region that were never enqueued, as their minute was sealed by then.
std::string missed(std::string_view region);
/// Stream: endpoints whose servers asked to be left alone, as the region's agents learned it.
std::string holds(std::string_view region);
/// String: what a tool list says (manifest_text), under its full hash, until an archiver has it.
std::string manifest(std::string_view region, std::string_view full_hash);
/// List of encoded jobs that operators want done at once; whoever takes one removes it.
std::string orders(std::string_view region);
/// String: the encoded record of what became of one of them, until whoever waits has read it.
/// Agents only write it.
std::string answer(std::string_view region, std::string_view id);
/// Hash: agent name -> heartbeat (JSON).
std::string agents(std::string_view region);
/// Hash: `missed`, `duplicates`, `held_back`: what agents counted whose heartbeats are gone.
std::string counts(std::string_view region);
/// String: the region's agents that are to take no jobs, a line each; none: it is not there. Agents
/// only read it.
std::string cordoned(std::string_view region);

/// Hash: `holder`, `epoch`, `until_ms` (Redis's time): which coordinator may plan the shard, or
/// which archiver seal it. It has no expiry, so that the epoch stays.
std::string lease(SharedWork work, ShardId shard);
/// Hash: name -> `<at_ms> <instance> <JSON>`, the heartbeats of those who share this work.
std::string heartbeats(SharedWork work);

/// Slots of a block: its cells take 8,100 of the 8,192 bytes that Redis's allocator gives for them.
inline constexpr std::uint32_t kBlockSlots = 300;

/// String: the cells of the slots `block * kBlockSlots` and up, each wire::kCellBytes long; zeros
/// where there is none.
std::string cells(ShardId shard, RegionId region, UtcMinute minute, std::uint32_t block);
/// String: a byte per slot of the shard, 1 where the region's cell is in, else 0.
std::string presence(ShardId shard, RegionId region, UtcMinute minute);
/// What stands before and behind the region's id in the keys of `presence`.
std::pair<std::string, std::string> presence_of_regions(ShardId shard, UtcMinute minute);
/// Hash: slot -> fixed bytes and details of a cell that has some.
std::string details(ShardId shard, RegionId region, UtcMinute minute);
/// List of `<minute_ms>:<runs>`, each slot announced once: the last expected cell came in, and it
/// was this region's. A run is 6 bytes, big-endian: first slot u32, count u16.
std::string done(ShardId shard, RegionId region);
/// List of encoded records: the region's cells that came after their minute was sealed.
std::string late(ShardId shard, RegionId region);
/// String: start in ms of the last minute that the shard's watermark sealed. Agents only read it.
std::string sealed(ShardId shard);

/// The consumer group of the streams of jobs.
inline constexpr std::string_view kAgents = "agents";

}  // namespace quorate::keys
