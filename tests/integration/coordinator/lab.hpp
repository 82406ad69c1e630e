#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "coordinator/catalog/apply.hpp"
#include "coordinator/catalog/catalog_store.hpp"
#include "platform/postgres/deployment.hpp"
#include "platform/postgres/migrations.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace quorate::testing {

inline PostgresCluster& cluster() {
    static PostgresCluster shared;
    return shared;
}

/// Runs one coroutine to its end on an executor of its own; throws what it threw.
template <class T>
T run_task(Task<T> task) {
    asio::io_context io{1};
    auto result = asio::co_spawn(io, std::move(task), asio::use_future);
    io.run();
    return result.get();
}

inline constexpr auto kNow = UtcTime{std::chrono::hours{500'000}};  // the start of a verdict-minute

/// A clock that stands until a test moves it.
class StandingClock final : public Clock {
public:
    UtcTime utc_now() const override { return now; }
    SteadyTime steady_now() const override { return SteadyTime{} + now.time_since_epoch(); }
    UtcTime now = kNow;
};

/// A migrated database with three regions; what stands in it is asked for by SQL.
struct Catalogued {
    explicit Catalogued(milliseconds window = std::chrono::seconds{60}, std::uint32_t shards = 64)
        : deployment{*Window::of(window), shards} {
        static int count = 0;
        name = "c" + std::to_string(++count);
        conninfo = cluster().create_database(name);
        DatabaseOptions options;
        options.conninfo = conninfo;
        options.application_name = "test";
        database = std::make_unique<Database>(options);
        migrate(*database);
        database->transact_blocking([&](auto& work) {
            settle_deployment(work, deployment.window, shards);
            coordinator::create_regions(work, {"us-east", "eu-west", "ap-south"});
        });
    }

    coordinator::ApplyOutcome apply(coordinator::ApplyOrder order) {
        order.actor.principal = "test";
        return run_task(coordinator::apply(*database, clock, deployment, std::move(order)));
    }
    coordinator::ApplyOutcome apply(const std::string& yaml, bool prune = false) {
        coordinator::ApplyOrder order;
        order.files = {{"e.yaml", yaml}};
        order.prune = prune;
        return apply(std::move(order));
    }
    std::string sql(const std::string& text) const { return cluster().sql(name, text); }
    /// What the statement fails with where `role` runs it; '' where it may.
    std::string sql_as(const std::string& role, const std::string& text) const {
        try {
            sql("SET ROLE " + role + "; " + text);
        } catch (const std::exception& error) {
            return error.what();
        }
        return {};
    }
    /// All that the catalogue holds, as one text.
    std::string contents() const {
        return sql("SELECT e.id, e.tenant, e.name, e.deleted_at IS NULL, v.version, v.valid_from,"
                   " v.valid_to, v.spec FROM quorate.endpoint e JOIN quorate.endpoint_version v"
                   " ON v.endpoint_id = e.id ORDER BY e.id, v.version") +
               sql("SELECT generation, principal, summary FROM quorate.catalogue_change ORDER BY "
                   "1");
    }

    std::string name;
    std::string conninfo;
    coordinator::Deployment deployment;
    StandingClock clock;
    std::unique_ptr<Database> database;
};

using Names = std::vector<std::string>;

}  // namespace quorate::testing
