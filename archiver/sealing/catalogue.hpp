#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/ids.hpp"
#include "core/decision/rule_params.hpp"
#include "core/maintenance/window_index.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// What an endpoint is from `valid_from` until before `valid_to`, as far as sealing needs it.
struct EndpointVersion {
    EndpointId endpoint;
    ShardId shard;
    std::uint32_t cell_slot = 0;  ///< its place among the cells of the shard
    std::string tenant;
    std::string name;
    UtcMinute valid_from;
    std::optional<UtcMinute> valid_to;  ///< nothing: in force until further notice
    std::vector<RegionId> regions;
    milliseconds interval{0};
    bool paused = false;
    bool deleted = false;  ///< the endpoint was deleted; its last version has `valid_to`
    P1Quorum p1_quorum = P1Quorum::two;
    std::uint64_t hash = 0;  ///< stable_hash of `tenant/name`
    std::uint64_t host = 0;  ///< stable_hash of the host in the URL
    Labels labels{};         ///< where some window asks for any
};

/// Of all endpoints; not all of them hold.
struct CatalogueWindows {
    PlannedWindows maintenance;
    PlannedWindows silences;
};

/// The versions in force at any minute that is not sealed yet: who is expected to say what, and in
/// which windows. A plain value; read anew for each minute. For one thread at a time.
class Catalogue {
public:
    Catalogue() = default;
    Catalogue(std::vector<EndpointVersion> versions, Window window, CatalogueWindows windows = {});

    /// Whether the endpoint is in maintenance in this minute.
    bool in_maintenance(const EndpointVersion& version, UtcMinute minute) const;

    /// The silence that the endpoint's notifications of this minute are under.
    std::optional<std::uint64_t> silence_of(const EndpointVersion& version, UtcMinute minute) const;

    /// The version by which a cell of each of its regions is expected in this minute; nullptr if
    /// none is: unknown, paused, deleted, or not a minute of its interval.
    const EndpointVersion* expected(EndpointId endpoint, UtcMinute minute) const;

    /// As `expected`, of the endpoint that has this slot of the shard in this minute.
    const EndpointVersion* expected(ShardId shard, std::uint32_t cell_slot, UtcMinute minute) const;

    /// The endpoints of a shard, each once, ascending; some may be deleted.
    const std::vector<EndpointId>& endpoints(ShardId shard) const;

    /// How many endpoints there are, those deleted lately included.
    std::size_t endpoint_count() const;

    /// The last version of an endpoint that was deleted before or at `minute`; else nullptr.
    const EndpointVersion* deleted(EndpointId endpoint, UtcMinute minute) const;

    /// The first minute in which anything of the shard is in force; nothing for an empty shard.
    std::optional<UtcMinute> first_minute(ShardId shard) const;

    RuleParams rule_params(const EndpointVersion& version) const;

private:
    Window window_ = Window::minute();
    WindowCalendar maintenance_;
    WindowCalendar silences_;
    std::unordered_map<EndpointId, std::vector<EndpointVersion>> versions_;  // in order
    std::map<ShardId, std::vector<EndpointId>> shards_;
    // A slot of a deleted endpoint is another's from a later minute on.
    std::map<ShardId, std::vector<std::vector<EndpointId>>> slots_;
};

}  // namespace quorate
