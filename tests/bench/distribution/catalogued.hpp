#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "coordinator/catalog/catalogue.hpp"
#include "coordinator/coordinator_metrics.hpp"
#include "coordinator/dispatch/dispatcher.hpp"
#include "platform/postgres/database.hpp"
#include "platform/redis/client.hpp"
#include "platform/telemetry/metrics.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace quorate::bench {

/// A clock that a measurement moves; steady time goes with it.
class MovedClock final : public Clock {
public:
    UtcTime utc_now() const override { return now; }
    SteadyTime steady_now() const override { return SteadyTime{} + now.time_since_epoch(); }
    UtcTime now{std::chrono::hours{500'000}};  // the start of a verdict-minute
};

struct CatalogueSize {
    std::size_t endpoints = 100'000;
    std::size_t regions = 5;
};

/// The names of so many regions, sorted.
std::vector<std::string> region_names(std::size_t count);

/// A private Postgres whose catalogue holds so many endpoints, one of many origins each. They were
/// applied at `clock`'s time and are in force.
class CatalogueServer {
public:
    CatalogueServer(CatalogueSize size, const Clock& clock);
    Database& database() { return *database_; }

private:
    testing::PostgresCluster postgres_;
    std::unique_ptr<Database> database_;
};

/// What a coordinator plans with: the catalogue, followed from Postgres, and the leases of all
/// shards, which last as long as this does.
struct PlanningCoordinator {
    PlanningCoordinator(asio::any_io_executor executor,
                        CatalogueServer& server,
                        RedisClient& redis,
                        const Clock& clock);

    /// Runs `body` once the catalogue was loaded, while it is followed.
    Task<> run(std::function<Task<>()> body);

    Logger log;
    Metrics metrics;
    coordinator::CoordinatorMetrics counts{metrics};
    coordinator::PostgresCatalogue stored;
    coordinator::Catalogue catalogue;
    HeldShards held;
    coordinator::Dispatcher dispatcher;
};

}  // namespace quorate::bench
