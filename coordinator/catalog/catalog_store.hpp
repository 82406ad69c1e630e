#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <pqxx/pqxx>

#include "coordinator/catalog/diff.hpp"
#include "coordinator/catalog/listing.hpp"
#include "coordinator/planner/endpoint_version.hpp"
#include "coordinator/planner/politeness.hpp"
#include "core/baseline/baseline.hpp"

namespace quorate::coordinator {

/// The channel on which a committed change of the catalogue is announced; its payload is the
/// generation.
inline constexpr std::string_view kCatalogueChannel = "quorate_catalogue";

// All functions below run in the transaction that they are given; they throw what libpqxx throws.

/// Creates the named regions where they are missing. @return how many were.
std::size_t create_regions(pqxx::work& work, const std::vector<std::string>& names);

/// The tenants whose tier is not the default.
TenantTiers load_tiers(pqxx::work& work);

/// All regions, by name.
std::vector<Region> load_regions(pqxx::work& work);

/// Secrets that endpoints of these tenants may refer to, as `tenant/name`.
/// @param tenants  nothing: of all
std::set<std::string, std::less<>> load_secret_names(
    pqxx::work& work, const std::optional<std::set<std::string>>& tenants);

/// Makes changes of the catalogue come one after the other until the transaction ends, so that
/// generations become visible in their order.
void lock_catalogue(pqxx::work& work);

/// The newest versions of all living endpoints of these tenants; of all tenants if there is none.
std::vector<LivingEndpoint> load_living(pqxx::work& work, const std::vector<std::string>& tenants);

/// The newest version of one. Throws NotFound.
LivingEndpoint load_living_one(pqxx::work& work, const EndpointName& endpoint);

/// Writes a diff, with its catalogue_change row and NOTIFY. Does nothing if the diff is empty.
/// @param earliest first verdict-minute that the change may be in force for; where an endpoint's
///     present version begins later than that, the change takes effect with it
/// @return the minute that it is in force from
UtcMinute write_diff(pqxx::work& work,
                     const CatalogueDiff& diff,
                     const std::string& principal,
                     UtcMinute earliest,
                     std::uint32_t shards,
                     Window window);

/// The catalogue, or what changed in it.
struct CatalogueUpdate {
    std::int64_t generation = 0;        ///< all changes up to this one are in
    std::vector<EndpointId> endpoints;  ///< replaced, each by its versions below; none: forgotten
    std::vector<EndpointVersion> versions;
};

/// Everything that changed after generation `after`; everything if there is none. Versions that
/// ended before `horizon` are left out.
CatalogueUpdate load_catalogue(pqxx::work& work,
                               std::optional<std::int64_t> after,
                               UtcTime horizon);

/// What is usual of an endpoint seen from a region, or that nothing is any more.
struct BaselineChange {
    EndpointId endpoint;
    RegionId region;
    std::optional<Baseline> baseline;
};
struct BaselineChanges {
    std::vector<BaselineChange> baselines;
    std::int64_t until_us = 0;  ///< of Postgres's clock: what was committed before is in
};

/// The baselines that changed since then; some may come again. 0: all there are.
BaselineChanges load_baselines(pqxx::work& work, std::int64_t since_us);

/// The era that each endpoint was last seen to speak.
std::vector<std::pair<EndpointId, Era>> load_eras(pqxx::work& work);

}  // namespace quorate::coordinator
