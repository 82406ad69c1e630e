#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/access/access.hpp"
#include "coordinator/admin/admin_server.hpp"
#include "coordinator/catalog/catalogue.hpp"
#include "coordinator/config.hpp"
#include "coordinator/coordinator_metrics.hpp"
#include "coordinator/dispatch/dispatcher.hpp"
#include "coordinator/redis_time.hpp"
#include "coordinator/regions/regions.hpp"
#include "coordinator/runs/runs.hpp"
#include "coordinator/secrets/secrets.hpp"
#include "coordinator/secrets/vault.hpp"
#include "platform/fleet/fleet.hpp"
#include "platform/heartbeat/heartbeat.hpp"
#include "platform/postgres/database.hpp"
#include "platform/redis/client.hpp"
#include "platform/redis/redis_clock.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/telemetry/conditions.hpp"
#include "platform/telemetry/health_server.hpp"
#include "platform/telemetry/log.hpp"
#include "platform/telemetry/metrics.hpp"
#include "platform/telemetry/readiness.hpp"

namespace quorate::coordinator {

/// The coordinator: every long-lived object, in the order of its dependencies, with what it is for.
class App {
public:
    /// Binds its ports. Throws std::runtime_error with one line if one can't be had.
    App(asio::any_io_executor executor, const Config& config, const std::string& version);

    /// Runs until cancelled, then ends open calls and stops within a few seconds. Throws
    /// DeploymentMismatch where the database was set up with another window or number of shards.
    Task<> run();

    /// SIGHUP: takes the keys that are live; a bad file keeps the old config.
    void reload(const std::string& config_file);

    std::uint16_t admin_port() const { return admin_.port(); }
    std::uint16_t health_port() const { return health_.port(); }
    /// Why it is not ready, as `/readyz` says it.
    const Readiness& readiness() const { return readiness_; }

private:
    Task<> prepare();
    Task<> serve();
    Task<> extend();
    Task<> serve_redis();
    std::string trouble() const;
    FleetHooks fleet_hooks();

    Config config_;
    bool nobody_changes_ = false;              // the catalogue, by the last heartbeats
    std::vector<std::string> restart_needed_;  // keys that the file sets otherwise
    SystemClock own_clock_;
    RedisClock clock_;  // Redis's time, which agents and archivers go by
    Logger log_;        // what happened
    Metrics metrics_;   // how much of it
    CoordinatorMetrics counts_;
    Readiness readiness_;        // why we can't work, as /readyz shows it
    Conditions conditions_;      // what these reasons follow from
    Database database_;          // the catalogue
    Database reports_;           // what operators ask for: it must not hold up the planner
    Database forgets_;           // one at a time, as each may take an hour
    Database credentials_;       // who may ask: read in time, however much is asked
    RedisClient redis_;          // the queues of the regions, heartbeats and leases
    PostgresCatalogue stored_;   // what the next asks of it
    Catalogue catalogue_;        // the database's catalogue, in memory
    RedisTime time_;             // sets the clock and tells the catalogue
    DataKeys data_keys_;         // what the tenants' secrets are encrypted by
    Vault vault_;                // these secrets, sealed for the regions that need them
    HeldShards held_;            // the shards that this coordinator may plan
    Dispatcher dispatcher_;      // puts their jobs into the queues
    Regions regions_;            // adds regions, and keeps their agents' users in Redis
    HealthServer health_;        // tells how we are
    Access access_;              // who may ask and order what
    Runs runs_;                  // looks that operators want at once
    Secrets secrets_;            // what operators order of credentials of endpoints
    AdminServer admin_;          // answers operators
    Fleet fleet_;                // this coordinator among the others: which shards are held
    HeartbeatCaller heartbeat_;  // tells somebody else that all this goes on
    TaskGroup services_;         // what lasts until everything else has ended
    TaskGroup tasks_;            // everything else that runs
};

}  // namespace quorate::coordinator
