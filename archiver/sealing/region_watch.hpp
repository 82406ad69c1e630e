#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "archiver/sealing/catalogue.hpp"
#include "core/decision/quarantine.hpp"

namespace quorate {

/// What one region saw of one minute, over all endpoints.
struct RegionHealth {
    RegionId region;
    RegionTally tally;
    bool quarantined = false;
};

/// Minutes across endpoints: how many FAIL in a region where no other region sees it, and whether
/// the region is therefore not believed. An endpoint-minute in which exactly one of several voters
/// FAILs is held until that is decided, once per minute: when all endpoints have reported, or when
/// the minute is out of time and all that came was counted. Pure.
class RegionWatch {
public:
    /// Counts an endpoint-minute; each once. `host` is the stable hash of the host in its URL.
    void count(UtcMinute minute, std::span<const SealedCell> cells, std::uint64_t host);

    /// Counts an endpoint-minute that has to wait, and keeps it.
    void hold(UtcMinute minute,
              EndpointId endpoint,
              std::span<const SealedCell> cells,
              std::uint64_t host);
    bool holds(UtcMinute minute, EndpointId endpoint) const;

    /// The regions that are not believed in this minute; nothing while that is open.
    const std::vector<RegionId>* decided(UtcMinute minute) const;

    /// Decides the minutes of which all endpoints have reported, and which hold something.
    /// @return them, ascending
    std::vector<UtcMinute> decide(const Catalogue& catalogue, std::span<const ShardId> shards);
    /// Decides a minute with what was counted so far, if it is not yet.
    void decide(UtcMinute minute);

    /// What a decision of an earlier life was.
    void restore(UtcMinute minute, std::vector<RegionId> quarantined);

    /// The endpoints that are held in a minute, ascending.
    std::vector<EndpointId> held(UtcMinute minute) const;
    /// Takes one out: it is sealed.
    void release(UtcMinute minute, EndpointId endpoint);
    std::size_t held() const;

    std::vector<RegionHealth> health(UtcMinute minute) const;

    void clear() { minutes_.clear(); }
    /// Forgets all minutes up to this one.
    void forget_until(UtcMinute minute) {
        minutes_.erase(minutes_.begin(), minutes_.upper_bound(minute));
    }

private:
    struct Minute {
        RegionTallies tallies;
        std::size_t reported = 0;
        std::optional<std::size_t> expected;  // counted when it is first asked for
        std::set<EndpointId> held;
        std::optional<std::vector<RegionId>> quarantined;  // once decided
    };
    bool complete(Minute& of,
                  UtcMinute minute,
                  const Catalogue& catalogue,
                  std::span<const ShardId> shards) const;

    std::map<UtcMinute, Minute> minutes_;
};

}  // namespace quorate
