#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/planner/endpoint_version.hpp"
#include "core/model/endpoint.hpp"

namespace quorate::coordinator {

/// An endpoint as the catalogue has it: its newest version.
struct LivingEndpoint {
    EndpointId id;
    std::uint32_t version = 0;
    UtcMinute valid_from;
    EndpointSpec spec;
    std::vector<RegionId> regions;
    milliseconds interval{0};
};

/// What an endpoint shall be: its spec, with the defaults of the deployment filled in.
struct WantedEndpoint {
    EndpointSpec spec;
    std::vector<RegionId> regions;
    milliseconds interval{0};
};

/// A wanted endpoint and the one that it changes.
struct EndpointChange {
    LivingEndpoint before;
    WantedEndpoint after;
};

struct CatalogueDiff {
    std::vector<WantedEndpoint> created;
    std::vector<EndpointChange> changed;
    std::vector<std::string> unchanged;  ///< tenant/name
    std::vector<LivingEndpoint> deleted;

    bool empty() const { return created.empty() && changed.empty() && deleted.empty(); }
};

/// What has to happen so that the catalogue holds `wanted`. Pure.
/// @param living all living endpoints of the tenants that occur in `wanted`
/// @param prune whether those that are not wanted are deleted
CatalogueDiff diff_catalogue(const std::vector<LivingEndpoint>& living,
                             std::vector<WantedEndpoint> wanted,
                             bool prune);

/// One sentence per tenant of which more than 20 % would be deleted; none: nothing is to be asked.
std::vector<std::string> large_deletions(const std::vector<LivingEndpoint>& living,
                                         const CatalogueDiff& diff);

}  // namespace quorate::coordinator
