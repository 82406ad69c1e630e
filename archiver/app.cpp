#include "archiver/app.hpp"

#include <exception>
#include <iostream>
#include <string>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "archiver/intake/archive_loop.hpp"
#include "archiver/metrics.hpp"
#include "archiver/retention/retention_store.hpp"
#include "platform/postgres/database.hpp"
#include "platform/postgres/deployment.hpp"
#include "platform/postgres/migrations.hpp"
#include "platform/redis/client.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/telemetry/conditions.hpp"
#include "platform/telemetry/health_server.hpp"
#include "platform/telemetry/reload.hpp"

namespace quorate {

struct ArchiverApp::Parts {
    Parts(ArchiverConfig with, const asio::any_io_executor& executor)
        : config{std::move(with)},
          log{"archiver", log_level(config.log_level), clock},
          conditions{readiness, log},
          archiver_metrics{metrics},
          health{executor,
                 {.address = config.health_address, .port = config.health_port},
                 readiness,
                 metrics},
          redis{executor, redis_options(config.redis)},
          database{{.conninfo = config.postgres_conninfo,
                    .application_name = "quorate-archiver",
                    .connections = 3,
                    .queued_max = 64,
                    .statement_timeout = std::chrono::seconds{15},
                    .on_reachable = [this](bool reachable) { conditions.postgres(reachable); },
                    .watched = true}},
          loop{{.window = window_of(config),
                .shards = config.shards,
                .rollup_every = config.rollup_every,
                .compact_after = config.compact_after,
                .retention = config.retention},
               database,
               redis,
               clock,
               log,
               archiver_metrics},
          tasks{executor, 4} {
        redis.on_change([this](bool reachable, const std::string& why) {
            conditions.redis(reachable, why);
            if (reachable) loop.redis_returned();
        });
        metrics.on_exposition([this] { loop.report_lag(); });
    }

    Task<> check_database();
    Task<> archive();

    ArchiverConfig config;
    SystemClock clock;      // what everything measures with
    Readiness readiness;    // why /readyz says no
    Metrics metrics;        // what /metrics shows
    Logger log;             // names its component once
    Conditions conditions;  // what the reasons of /readyz follow from
    ArchiverMetrics archiver_metrics;
    HealthServer health;  // binds first: a port in use is said before anything connects
    RedisClient redis;    // cells, announcements, heartbeats
    Database database;    // minutes, incidents, catalogue
    ArchiveLoop loop;     // moves the ones into the other
    TaskGroup tasks;      // ends first
};

/// Waits for Postgres and for a schema of this version, then refuses a database that is not ours.
Task<> ArchiverApp::Parts::check_database() {
    bool said = false;
    for (;;) {
        try {
            co_await require_schema_async(database);
            conditions.schema(true);
            auto check = [this](pqxx::work& work) {
                settle_deployment(work, window_of(config), config.shards);
            };
            co_await database.transact(check);
            co_return;
        } catch (const PostgresUnavailable&) {  // readiness says so
        } catch (const SchemaMismatch& error) {
            conditions.schema(false);
            if (!std::exchange(said, true))
                log_event(log, LogLevel::error, "schema.mismatched", kv("detail", error.what()));
        }
        co_await sleep_for(std::chrono::seconds{1});
    }
}

/// One archiver of a deployment works at a time; the others stand by for its lock.
Task<> ArchiverApp::Parts::archive() {
    co_await check_database();
    conditions.prepared(true);
    auto on_change = [this](bool leading) { conditions.leading(leading); };
    auto work = [this] { return loop.run(); };
    co_await database.lead(
        static_cast<std::int64_t>(AdvisoryLock::archiver), std::move(on_change), std::move(work));
}

ArchiverApp::ArchiverApp(ArchiverConfig config, asio::any_io_executor executor)
    : parts_{std::make_unique<Parts>(std::move(config), executor)} {}

ArchiverApp::~ArchiverApp() = default;

std::uint16_t ArchiverApp::health_port() const {
    return parts_->health.port();
}

Task<> ArchiverApp::run() {
    auto& parts = *parts_;
    log_event(parts.log,
              LogLevel::info,
              "archiver.started",
              kv("window_ms", parts.config.window),
              kv("shards", parts.config.shards));
    parts.tasks.spawn("health", parts.health.serve());
    parts.tasks.spawn("redis", parts.redis.serve());
    parts.tasks.spawn("archive", parts.archive());
    std::exception_ptr failure;
    try {
        co_await parts.tasks.join();
    } catch (...) {
        failure = std::current_exception();
    }
    log_event(parts.log, LogLevel::info, "archiver.stopped");
    if (failure) std::rethrow_exception(failure);
}

void ArchiverApp::reload(const std::string& config_file) {
    auto level = [&] { return load_config(archiver_schema(), config_file).log_level; };
    reload_log_level(parts_->log, level);
}

void migrate_database(const ArchiverConfig& config) {
    Database database{{.conninfo = config.postgres_conninfo,
                       .application_name = "quorate-archiver-migrate",
                       .connections = 1}};
    const auto applied = migrate(database);
    for (const auto version : applied)
        std::cout << "applied migration " << version << '\n';
    std::cout << "the database's schema has version " << schema_version() << '\n';
}

namespace {

std::string mebibytes(std::uint64_t bytes) {
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024 * 1024));
}

/// Calls `may_go(database, partition)` for those that may be dropped and prints the sum that it
/// says.
template <class MayGo>
void for_each_partition(const ArchiverConfig& config, const char* total, MayGo may_go) {
    Database database{{.conninfo = config.postgres_conninfo,
                       .application_name = "quorate-archiver-retention",
                       .connections = 1}};
    const auto reports = database.transact_blocking(
        [&config](auto& work) { return report_partitions(work, config.retention); });
    std::uint64_t sum = 0;
    for (const auto& partition : reports) {
        std::cout << partition.name << "  " << mebibytes(partition.bytes) << "  ";
        if (partition.kept_because)
            std::cout << "kept: " << *partition.kept_because << '\n';
        else
            sum += may_go(database, partition);
    }
    std::cout << mebibytes(sum) << ' ' << total << '\n';
}

}  // namespace

void show_partitions(const ArchiverConfig& config) {
    for_each_partition(config, "would be free", [](auto&, const PartitionReport& partition) {
        std::cout << "would be dropped\n";
        return partition.bytes;
    });
}

void drop_partitions(const ArchiverConfig& config) {
    for_each_partition(
        config, "are free", [&config](Database& database, const PartitionReport& partition) {
            const auto bytes = database.transact_blocking(
                [&](auto& work) { return drop_partition(work, partition.name, config.retention); });
            std::cout << "dropped\n";
            return bytes;
        });
}

}  // namespace quorate
