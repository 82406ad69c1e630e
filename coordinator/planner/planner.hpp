#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "coordinator/planner/endpoint_version.hpp"
#include "coordinator/planner/politeness.hpp"
#include "core/baseline/baseline.hpp"
#include "core/model/job.hpp"
#include "core/schedule/schedule.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate::coordinator {

/// The secrets that an endpoint refers to, and what for.
struct WantedCredentials {
    std::string tenant;
    std::vector<CredentialUse> uses;  ///< at least one
    std::string binding;              ///< credential_binding of its jobs
};

/// What is kept of a version of an endpoint: when it is looked at, and what its jobs have in common
/// already encoded.
struct PlannedVersion {
    EndpointId endpoint;
    std::uint32_t version = 0;
    UtcMinute valid_from;
    std::optional<UtcMinute> valid_to;
    std::vector<RegionId> regions;  ///< in the order of the regions' names
    std::uint64_t hash = 0;         ///< stable_hash of `tenant/name`
    std::int64_t every = 1;         ///< windows from look to look
    milliseconds span{0};
    milliseconds budget{0};
    std::optional<milliseconds> latency_slo;
    std::string job;                                       ///< wire::encode_job_of_endpoint
    Politeness::Demand demand;                             ///< of its origin and its tenant's share
    std::shared_ptr<const WantedCredentials> credentials;  ///< null: none

    bool in_force(UtcMinute minute) const {
        return valid_from <= minute && (!valid_to || minute < *valid_to);
    }
    bool ended_by(UtcTime time) const { return valid_to && valid_to->start() <= time; }
};

/// What earlier minutes of an endpoint tell whoever looks at it from a region.
struct Learned {
    std::optional<Era> era;
    std::optional<Baseline> baseline;
};

/// One probe that is to be made: which version of an endpoint and when.
struct DueProbe {
    const PlannedVersion* version = nullptr;  ///< the planner's; until that is changed
    UtcMinute minute;
    milliseconds slot{0};

    UtcTime slot_time() const { return minute.start() + slot; }
};

/// Which probes are due when, for every endpoint, region and verdict-minute. Pure: it has neither
/// clock nor connection. Splitting a span of time gives the same probes as asking for all of it, so
/// a planner that remembers how far it came neither loses nor repeats one.
///
/// It knows the versions of all shards, so that any can be taken over at once, and sorts those of a
/// shard by their slots when this is first asked for, or again after a change of it.
class Planner {
public:
    explicit Planner(Window window, PolitenessLimits limits = {})
        : window_{window}, politeness_{window, limits} {}
    // What counts in the politeness's buckets must not outlive them, nor change hands.
    Planner(const Planner&) = delete;
    Planner& operator=(const Planner&) = delete;

    /// So long a version is kept after its end: its last windows may still have to be made up for.
    static milliseconds kept_after_end(Window window) {
        return 3 * window.length() + std::chrono::minutes{1};
    }

    /// Replaces everything known of an endpoint by these versions of it; none: forgets it.
    void set(EndpointId endpoint, const std::vector<EndpointVersion>& versions);

    /// Time goes on: versions that ended leave their origin and tenant to others, those that ended
    /// long ago are forgotten. Costs in proportion to what ended.
    void pass(UtcTime now);

    /// The probes of a shard in a region whose slot lies in `(from, until]`, in the order of their
    /// slots; `out` holds nothing else afterwards. Costs in proportion to their number, whatever
    /// the number of endpoints.
    void due(
        ShardId shard, RegionId region, UtcTime from, UtcTime until, std::vector<DueProbe>& out);

    /// How many `due` would find.
    std::size_t count(ShardId shard, RegionId region, UtcTime from, UtcTime until);

    /// Frees the sorted slots of all shards but these.
    void keep(const std::set<ShardId>& shards);

    /// Whether the probe is not to be made, to spare its origin or its tenant's share.
    HeldBack held_back(const DueProbe& probe) const;
    void set_limits(PolitenessLimits limits) { politeness_.set_limits(limits); }
    const PolitenessLimits& limits() const { return politeness_.limits(); }
    void set_tiers(TenantTiers tiers) { politeness_.set_tiers(std::move(tiers)); }

    /// The latest start of a probe; afterwards its window is missed.
    UtcTime latest_start(const DueProbe& probe) const;
    /// When the probe's minute is sealed at the latest; a job for it is of no use then.
    UtcTime sealed_by(const DueProbe& probe) const { return watermark(probe.minute, window_); }

    /// Appends the bytes of a probe's job, all but what its region's jobs have in common. Once in
    /// 24 h it says that the era is to be detected anew. What is held back says so. It is slow over
    /// the lower of the endpoint's SLO and what follows from the baseline.
    void append_job(const DueProbe& probe, const Learned& learned, std::string& bytes) const;

    /// Endpoints of these shards that are neither paused nor deleted.
    std::size_t endpoints(const std::set<ShardId>& shards) const;

private:
    struct Entry {
        milliseconds slot;
        const PlannedVersion* version;
    };
    using Slots = std::vector<Entry>;
    /// Windows from look to look, then which of them, then the slots.
    using Plan = std::map<std::int64_t, std::map<std::int64_t, Slots>>;
    /// Of an endpoint, by the time when they come into force. Those of a pause are left out.
    using Versions = std::vector<PlannedVersion>;
    struct Shard {
        std::unordered_map<EndpointId, Versions> endpoints;
        std::size_t counted = 0;  ///< endpoints that have a version which has not ended
        bool sorted = false;
        std::unordered_map<RegionId, Plan> plans;
    };

    PlannedVersion planned(const EndpointVersion& version);
    void forget(EndpointId endpoint);
    void count_one(Shard& shard, Versions& versions) const;
    bool detects_era_anew(const DueProbe& probe) const;
    static void sort(Shard& shard);
    template <class Visit>
    void visit(ShardId shard, RegionId region, UtcTime from, UtcTime until, const Visit& seen);

    Window window_;
    Politeness politeness_;  // outlives the endpoints below
    std::unordered_map<ShardId, Shard> shards_;
    std::unordered_map<EndpointId, ShardId> shard_of_;
    UtcTime now_;  // as `pass` told it
    /// When something of an endpoint ends, or has ended long ago; what was replaced since may be
    /// among them.
    std::multimap<UtcTime, EndpointId> ends_;
};

/// In the order of what they are for; none where the endpoint refers to no secret.
std::vector<CredentialUse> credential_uses(const EndpointSpec& spec);

/// Of a version whose jobs have `common` in common; null: it refers to no secret.
std::shared_ptr<const WantedCredentials> wanted_credentials(const EndpointVersion& version,
                                                            const Job& common);

/// What all jobs of a version have in common; the rest is left as it is made.
Job common_job(const EndpointVersion& version, Window window);

}  // namespace quorate::coordinator
