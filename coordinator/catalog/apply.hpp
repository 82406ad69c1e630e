#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/audit/audit.hpp"
#include "coordinator/catalog/diff.hpp"
#include "coordinator/catalog/listing.hpp"
#include "coordinator/catalog/region_store.hpp"
#include "platform/config/config_error.hpp"
#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/wire/endpoint_file.hpp"

namespace quorate::coordinator {

/// What is fixed for a deployment.
struct Deployment {
    Window window = Window::minute();
    std::uint32_t shards = 64;
};

/// A change takes effect at the first verdict-minute that begins at least this long after its
/// commit, so that planners and archivers know it in time.
inline constexpr milliseconds kChangeLead{5000};

/// Endpoint files that shall be the catalogue.
struct ApplyOrder {
    std::vector<wire::EndpointFileText> files;
    bool prune = false;    ///< delete endpoints absent from the files, in tenants that occur there
    bool yes = false;      ///< even more than 20 % of a tenant
    bool dry_run = false;  ///< say what would happen, change nothing
    bool with_changes = false;                     ///< fill ApplyOutcome::changes
    std::optional<std::set<std::string>> tenants;  ///< no others may occur; nothing: any may
    bool new_tenants = true;                       ///< tenants that are not there are made
    double origin_rate = 0;  ///< above it a warning names the origin; 0: none does
    Actor actor;
};

/// Names are tenant/name, sorted.
struct ApplyOutcome {
    ConfigErrors errors;  ///< where there are some, nothing was changed
    ConfigErrors warnings;
    std::vector<std::string> created;
    std::vector<std::string> changed;
    std::vector<std::string> unchanged;
    std::vector<std::string> deleted;
    /// Where they were asked for: endpoints (tenant/name) as items of an endpoint file (YAML).
    std::vector<AuditChange> changes;
    std::optional<UtcMinute> in_force_from;  ///< of what changed
};

/// Reads the files, checks them, and makes the catalogue what they say, in one transaction: all or
/// nothing. To repeat it changes nothing more. Throws as Database::transact.
Task<ApplyOutcome> apply(Database& database,
                         const Clock& clock,
                         Deployment deployment,
                         ApplyOrder order);

/// Pauses an endpoint, or goes on with it. @return the minute that this is in force from; nothing
/// where it was so already. Throws as Database::transact, and NotFound.
Task<std::optional<UtcMinute>> set_paused(Database& database,
                                          const Clock& clock,
                                          Deployment deployment,
                                          EndpointName endpoint,
                                          bool paused,
                                          Actor actor);

/// A change that is in force from `from` on.
using TimedChange = std::function<void(pqxx::work& work, UtcMinute from)>;

/// Makes a change in a transaction; where that took too long it is rolled back and made again, from
/// a later minute on. Throws as Database::transact.
Task<> change_in_time(Database& database,
                      const Clock& clock,
                      Deployment deployment,
                      TimedChange change);

/// A region's state as it is to be.
struct RegionChange {
    std::string region;
    RegionState state = RegionState::active;
    const char* method = "";  ///< of the admin API, for the audit log
    Actor actor;
};

struct RegionsChanged {
    std::size_t endpoints = 0;  ///< that are watched from other regions than before
    std::optional<UtcMinute> in_force_from;
    bool changed = false;  ///< the region's state
};

/// Drains a region, goes on with it or removes it, and has endpoints watched from the regions that
/// are left to them, all in one transaction. Throws as Database::transact, NotFound, RegionRefused.
Task<RegionsChanged> set_region_state(Database& database,
                                      const Clock& clock,
                                      Deployment deployment,
                                      RegionChange change);

/// Gives endpoints a new version where regions were added since that they are to be watched from.
/// @return how many. Throws as Database::transact.
Task<std::size_t> extend_to_new_regions(Database& database,
                                        const Clock& clock,
                                        Deployment deployment,
                                        Actor actor);

}  // namespace quorate::coordinator
