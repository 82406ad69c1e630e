#include "coordinator/planner/politeness.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/model/http_url.hpp"

namespace quorate::coordinator {
namespace {

/// `share` of all looks, as evenly as whole looks can be; the hash says where an endpoint begins.
bool makes(double share, std::uint64_t hash, std::int64_t look) {
    const auto begin = static_cast<double>(hash >> 11U) * 0x1p-53;
    const auto turn = static_cast<double>(look) * share + begin;
    return turn - std::floor(turn) < share;
}

}  // namespace

std::string origin_of(const std::string& url) {
    const auto parsed = parse_http_url(url);
    if (!parsed) return url;  // the catalogue has none such; a bucket of its own is polite enough
    return (parsed->tls ? "https://" : "http://") + parsed->host + ":" +
           std::to_string(parsed->port);
}

Politeness::Demand::Demand(Demand&& other) noexcept
    : origin_{std::exchange(other.origin_, nullptr)},
      tenant_{std::exchange(other.tenant_, nullptr)},
      per_window_{std::exchange(other.per_window_, 0)},
      counts_{std::exchange(other.counts_, false)} {}

Politeness::Demand& Politeness::Demand::operator=(Demand&& other) noexcept {
    if (this == &other) return *this;
    leave();
    origin_ = std::exchange(other.origin_, nullptr);
    tenant_ = std::exchange(other.tenant_, nullptr);
    per_window_ = std::exchange(other.per_window_, 0);
    counts_ = std::exchange(other.counts_, false);
    return *this;
}

/// Where nobody counts any more it begins from nothing again, so that no rounding is left.
void Politeness::Demand::count(bool counts) {
    if (counts == counts_ || origin_ == nullptr) return;
    counts_ = counts;
    for (auto* bucket : {origin_, tenant_}) {
        bucket->counted += counts ? 1 : -1;
        bucket->demand += counts ? per_window_ : -per_window_;
        if (bucket->counted == 0) bucket->demand = 0;
    }
}

/// What nobody knows any more is cleared away by `bucket`.
void Politeness::Demand::leave() {
    count(false);
    for (auto* bucket : {origin_, tenant_})
        if (bucket != nullptr) --bucket->known;
    origin_ = tenant_ = nullptr;
}

double Politeness::tokens(double per_second) const {
    return per_second * std::chrono::duration<double>(window_.length()).count();
}

double Politeness::tenant_tokens(const std::string& tenant) const {
    const auto known = tiers_.find(tenant);
    if (known == tiers_.end()) return tokens(limits_.team);
    if (known->second == "free") return tokens(limits_.free);
    return tokens(known->second == "enterprise" ? limits_.enterprise : limits_.team);
}

Politeness::Bucket& Politeness::bucket(Buckets& buckets,
                                       const std::string& name,
                                       std::size_t& prune_at) {
    if (buckets.size() >= prune_at && !buckets.contains(name)) {
        std::erase_if(buckets, [](const auto& one) { return one.second.known == 0; });
        prune_at = 2 * buckets.size() + 1024;
    }
    return buckets[name];
}

Politeness::Demand Politeness::demand(const std::string& url,
                                      const std::string& tenant,
                                      double per_window) {
    Demand demand;
    demand.origin_ = &bucket(origins_, origin_of(url), prune_origins_at_);
    demand.origin_->tokens = tokens(limits_.origin);
    demand.tenant_ = &bucket(tenants_, tenant, prune_tenants_at_);
    demand.tenant_->tokens = tenant_tokens(tenant);
    demand.per_window_ = per_window;
    for (auto* bucket : {demand.origin_, demand.tenant_})
        ++bucket->known;
    demand.count(true);
    return demand;
}

HeldBack Politeness::held_back(const Demand& demand, std::uint64_t hash, std::int64_t look) const {
    if (demand.origin_ == nullptr) return HeldBack::no;
    const auto origin = demand.origin_->share();
    const auto tenant = demand.tenant_->share();
    const auto share = std::min(origin, tenant);
    if (share >= 1 || makes(share, hash, look)) return HeldBack::no;
    return origin <= tenant ? HeldBack::origin : HeldBack::tenant;
}

void Politeness::set_limits(PolitenessLimits limits) {
    limits_ = limits;
    for (auto& [name, bucket] : origins_)
        bucket.tokens = tokens(limits_.origin);
    for (auto& [name, bucket] : tenants_)
        bucket.tokens = tenant_tokens(name);
}

void Politeness::set_tiers(TenantTiers tiers) {
    if (tiers == tiers_) return;
    tiers_ = std::move(tiers);
    for (auto& [name, bucket] : tenants_)
        bucket.tokens = tenant_tokens(name);
}

}  // namespace quorate::coordinator
