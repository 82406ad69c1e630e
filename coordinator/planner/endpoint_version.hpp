#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.hpp"
#include "core/model/credentials.hpp"
#include "core/model/endpoint.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate::coordinator {

/// A configured region.
struct Region {
    RegionId id;
    std::string name;
    std::string state = "active";  ///< `active` or `drained`, as the table of regions has it
    std::optional<UtcMinute> in_force_from{};  ///< of the state; nothing: it always was so

    /// Endpoints are watched from it.
    bool active() const { return state == "active"; }
    friend bool operator==(const Region&, const Region&) = default;
};

/// What an endpoint is in the verdict-minutes `[valid_from, valid_to)`.
struct EndpointVersion {
    EndpointId endpoint;
    ShardId shard;
    std::uint32_t cell_slot = 0;  ///< its place among the cells of the shard
    std::uint32_t version = 0;
    UtcMinute valid_from;
    std::optional<UtcMinute> valid_to;  ///< nothing: until further notice
    std::vector<RegionId> regions;      ///< in the order of the regions' names
    milliseconds interval{0};           ///< a multiple of the window
    EndpointSpec spec;

    bool in_force(UtcMinute minute) const {
        return valid_from <= minute && (!valid_to || minute < *valid_to);
    }
    friend bool operator==(const EndpointVersion&, const EndpointVersion&) = default;
};

/// What a secret of an endpoint is for.
struct CredentialUse {
    CredentialKind kind = CredentialKind::header;
    std::string header;  ///< its name
    std::string prefix;  ///< of the header's value: `Bearer `
    std::string secret;  ///< its name
};

}  // namespace quorate::coordinator
