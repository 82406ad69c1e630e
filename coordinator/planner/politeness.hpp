#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/model/job.hpp"

namespace quorate::coordinator {

/// Probes per second over all regions, on average over a window; 0: as many as there are.
struct PolitenessLimits {
    double origin = 0;      ///< of one origin: scheme, host and port (RFC 6454)
    double free = 0;        ///< of one tenant of the tier `free`
    double team = 0;        ///< of one tenant of the tier `team`, which a tenant has by default
    double enterprise = 0;  ///< of one tenant of the tier `enterprise`
};

/// Scheme, host and port of an endpoint's URL, as a URL.
std::string origin_of(const std::string& url);

/// Tenants whose tier is not `team`, with their tier.
using TenantTiers = std::unordered_map<std::string, std::string>;

/// Who may be asked how often. Each origin and each tenant is a bucket that a window fills with
/// `limit x window` tokens; a probe takes one. Where more probes are due than there are tokens, the
/// bucket gives the same part of its looks to each endpoint, evenly spread over time, and all
/// regions of a look go together: a minute is seen by all of them or by none. Which look is held
/// back follows from the catalogue alone, so coordinators agree without asking each other, also
/// where one has another's shards. Pure.
class Politeness {
public:
    Politeness(Window window, PolitenessLimits limits) : window_{window}, limits_{limits} {}

    struct Bucket {
        double demand = 0;        ///< probes due in a window
        double tokens = 0;        ///< that a window brings; 0: no limit
        std::size_t counted = 0;  ///< demands that make up `demand`
        std::size_t known = 0;    ///< with those that don't count

        /// Which part of the looks is made.
        double share() const { return tokens <= 0 || demand <= tokens ? 1 : tokens / demand; }
    };

    /// The probes of one endpoint, which count in its two buckets while it lives and as long as it
    /// is told so; moved like a pointer. The Politeness must outlive it.
    class Demand {
    public:
        Demand() = default;
        Demand(Demand&& other) noexcept;
        Demand& operator=(Demand&& other) noexcept;
        ~Demand() { leave(); }

        void count(bool counts);
        bool counts() const { return counts_; }

    private:
        friend class Politeness;
        void leave();
        Bucket* origin_ = nullptr;
        Bucket* tenant_ = nullptr;
        double per_window_ = 0;
        bool counts_ = false;
    };

    /// One that counts.
    /// @param url of the endpoint. @param per_window its probes in a window, over all regions
    Demand demand(const std::string& url, const std::string& tenant, double per_window);

    /// Whether the endpoint's n-th look is held back, and for whom.
    /// @param hash spreads endpoints: stable_hash of `tenant/name`
    HeldBack held_back(const Demand& demand, std::uint64_t hash, std::int64_t look) const;

    void set_tiers(TenantTiers tiers);
    void set_limits(PolitenessLimits limits);
    const PolitenessLimits& limits() const { return limits_; }

private:
    double tokens(double per_second) const;
    double tenant_tokens(const std::string& tenant) const;

    Window window_;
    PolitenessLimits limits_;
    TenantTiers tiers_;
    using Buckets = std::unordered_map<std::string, Bucket>;
    static Bucket& bucket(Buckets& buckets, const std::string& name, std::size_t& prune_at);

    Buckets origins_;  // with empty ones at most twice as many as are in use
    Buckets tenants_;
    std::size_t prune_origins_at_ = 1024;
    std::size_t prune_tenants_at_ = 1024;
};

}  // namespace quorate::coordinator
