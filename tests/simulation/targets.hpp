#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.hpp"
#include "core/time/time.hpp"
#include "probe/prober.hpp"
#include "tests/simulation/host.hpp"
#include "tests/simulation/world.hpp"

namespace quorate::simulation {

/// What a server is like, seen from a region.
enum class Health : std::uint8_t { up, slow, refuses, hangs };

/// A time in which a server is not well.
struct Trouble {
    UtcTime from;
    UtcTime until;
    Health health = Health::refuses;
    std::vector<RegionId> regions;  ///< from where; empty: from all
};

/// A look that was made, as it truly was.
struct Look {
    UtcTime began;    ///< by the world's clock
    UtcTime started;  ///< as the agent says it
    Verdict verdict = Verdict::unknown;
    std::string agent;
};

/// The servers that are watched, and what was seen of them.
class Targets {
public:
    /// An endpoint's URL names it.
    static std::string url_of(EndpointId endpoint);
    static EndpointId endpoint_of(const std::string& url);

    void trouble(EndpointId endpoint, Trouble trouble) {
        troubles_[endpoint].push_back(std::move(trouble));
    }
    Health health(EndpointId endpoint, RegionId region, UtcTime at) const;
    bool is_down(EndpointId endpoint, RegionId region, UtcTime at) const;

    void seen(EndpointId endpoint, RegionId region, Look look) {
        looks_[{endpoint, region}].push_back(std::move(look));
    }
    const std::vector<Look>& looks(EndpointId endpoint, RegionId region) const;
    std::size_t look_count() const;

private:
    std::map<EndpointId, std::vector<Trouble>> troubles_;
    std::map<std::pair<EndpointId, RegionId>, std::vector<Look>> looks_;
};

/// The probe engine of an agent, without sockets: what it finds is the truth about its target,
/// after the time that it would take to find it.
class ModelProber final : public Prober {
public:
    /// @param clock what the agent stamps with
    ModelProber(
        World& world, Targets& targets, const Clock& clock, RegionId region, std::string agent)
        : world_{world},
          targets_{targets},
          clock_{clock},
          region_{region},
          agent_{std::move(agent)} {}

    Task<> probe(ProbeRequest request, ProbeReport& report) override;

private:
    Task<AttemptReport> attempt(EndpointId endpoint, milliseconds timeout);

    World& world_;
    Targets& targets_;
    const Clock& clock_;
    RegionId region_;
    std::string agent_;
};

}  // namespace quorate::simulation
