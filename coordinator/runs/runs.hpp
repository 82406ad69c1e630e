#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "coordinator/audit/audit.hpp"
#include "coordinator/catalog/catalogue.hpp"
#include "coordinator/catalog/listing.hpp"
#include "coordinator/secrets/vault.hpp"
#include "core/model/cell.hpp"
#include "platform/redis/client.hpp"
#include "platform/redis/orders.hpp"

namespace quorate::coordinator {

/// What runs work with; everything outlives them.
struct RunsContext {
    Database& database;
    RedisClient& redis;
    Catalogue& catalogue;
    Vault& vault;
    Window window;
    const Clock& clock;
};

/// What one region saw.
struct Look {
    std::string region;
    std::optional<Cell> cell;
    std::string unanswered;  ///< why there is none
};

struct RunResult {
    EndpointSpec spec;
    std::vector<Look> looks;  ///< by the regions' names
};

/// So many runs are under way, or one of the endpoint is.
class RunsBusy : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Looks at an endpoint from all of its regions at once, on an operator's order. All on one
/// executor.
class Runs {
public:
    static constexpr std::size_t kMax = 16;  ///< at a time, each of another endpoint
    static constexpr std::ptrdiff_t kOfTenantMax = 4;
    static constexpr milliseconds kPoll{100};
    /// An agent begins within this time, or nobody does: it may be busy, or look at the endpoint
    /// already for a minute.
    static constexpr std::chrono::seconds kBeginsWithin{10};
    /// The way there and back.
    static constexpr std::chrono::seconds kTravel{2};

    explicit Runs(RunsContext context) : context_{context} {}

    /// The endpoint as it was applied last, be it paused, or in force only from the next minute on.
    /// Throws NotFound, RunsBusy, PostgresUnavailable; RedisUnavailable where it is away when the
    /// looks are ordered.
    Task<RunResult> run(EndpointName endpoint, Actor actor);

private:
    Job job_for(const EndpointVersion& version, const Region& region, UtcTime now) const;
    Task<> give(std::vector<Job> jobs, std::vector<Look>& looks);
    Task<std::vector<std::optional<std::string>>> answers_to(std::vector<OrderName> names);
    Task<> collect(const std::vector<Job>& jobs, std::vector<Look>& looks);

    RunsContext context_;
    std::set<std::string> running_;  // tenant/name
};

}  // namespace quorate::coordinator
