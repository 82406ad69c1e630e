#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "archiver/sealing/catalogue.hpp"
#include "core/decision/quarantine.hpp"

namespace quorate {

/// What one shard saw of one minute, once all of its endpoints have reported or it is out of time.
struct ShardTally {
    UtcMinute minute;
    ShardId shard;
    RegionTallies tallies;
};

/// Minutes across endpoints: how many FAIL in a region where no other region sees it. An
/// endpoint-minute in which exactly one of several voters FAILs is held until it is decided, once
/// per minute and from the tallies of all shards, whether its region is believed. Counts the shards
/// of one archiver; what others counted is in the database, where the decision is made. Pure.
class RegionWatch {
public:
    /// Counts an endpoint-minute; each once. `host` is the stable hash of the host in its URL.
    void count(UtcMinute minute,
               ShardId shard,
               std::span<const SealedCell> cells,
               std::uint64_t host);

    /// Counts an endpoint-minute that has to wait, and keeps it.
    void hold(const EndpointVersion& version, UtcMinute minute, std::span<const SealedCell> cells);
    bool holds(UtcMinute minute, EndpointId endpoint) const;

    /// The regions that are not believed in this minute; nothing while that is open.
    const std::vector<RegionId>* decided(UtcMinute minute) const;
    void decide(UtcMinute minute, std::vector<RegionId> quarantined);

    /// The minutes that hold something, ascending.
    std::vector<UtcMinute> waiting() const;
    /// The minutes of which anything was counted, ascending.
    std::vector<UtcMinute> counted() const;

    /// Whether all endpoints of the shard that are expected in the minute have reported.
    bool complete(UtcMinute minute, ShardId shard, const Catalogue& catalogue);
    /// What was counted of those of these shards whose tally was not told yet.
    std::vector<ShardTally> untold(UtcMinute minute, std::span<const ShardId> shards) const;
    /// Notes that a tally stands in the database.
    void told(const ShardTally& tally) { minutes_[tally.minute].shards[tally.shard].told = true; }

    /// The endpoints that are held in a minute, ascending.
    std::vector<EndpointId> held(UtcMinute minute) const;
    /// Takes one out: it is sealed.
    void release(UtcMinute minute, EndpointId endpoint);
    std::size_t held() const;

    void clear() { minutes_.clear(); }
    /// Forgets a shard that is another's now.
    void forget(ShardId shard);
    /// Forgets all minutes up to this one.
    void forget_until(UtcMinute minute) {
        minutes_.erase(minutes_.begin(), minutes_.upper_bound(minute));
    }

private:
    struct Shard {
        RegionTallies tallies;
        std::size_t reported = 0;
        std::optional<std::size_t> expected;  // counted when it is first asked for
        bool told = false;
    };
    struct Minute {
        std::map<ShardId, Shard> shards;
        std::map<EndpointId, ShardId> held;
        std::optional<std::vector<RegionId>> quarantined;  // once decided
    };

    std::map<UtcMinute, Minute> minutes_;
};

}  // namespace quorate
