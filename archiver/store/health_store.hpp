#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "archiver/sealing/region_watch.hpp"

namespace quorate {

// How the regions do, over the shards of all archivers. All functions run in the caller's
// transaction and throw what libpqxx throws.

/// Stores what shards saw of minutes, for all archivers to read. What stands already stays.
void store_tallies(pqxx::work& work, const std::vector<ShardTally>& tallies);

/// The regions that are not believed in a minute: what was decided first, by whomever. Where
/// nothing is, it is decided now from the tallies that there are, if all shards have told theirs.
/// @param out_of_time without waiting for them
/// @return nothing where it cannot be decided yet
std::optional<std::vector<RegionId>> decide_regions(pqxx::work& work,
                                                    UtcMinute minute,
                                                    bool out_of_time);

/// A notice `region_fault` that opened or closed.
struct RegionFaultChange {
    bool opened = false;
    std::string region;
    std::string detail;
};

struct Settled {
    std::optional<UtcMinute> until;  ///< up to which all minutes are; nothing: no shard has begun
    std::vector<RegionFaultChange> changes;
};

/// Settles the oldest minutes that all shards have sealed, at most `minutes_max`: writes how the
/// regions did, opens and closes the notices of faulty ones, and forgets the shards' tallies. What
/// was decided about a region stays. For one archiver at a time.
/// @param at when; notices of minutes that were caught up with are told to nobody
Settled settle_minutes(pqxx::work& work,
                       const std::map<RegionId, std::uint32_t>& agents_alive,
                       UtcTime at,
                       Window window,
                       std::size_t minutes_max);

}  // namespace quorate
