#include "archiver/app.hpp"

#include <atomic>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "archiver/intake/archive_loop.hpp"
#include "archiver/intake/chores.hpp"
#include "archiver/intake/sealers.hpp"
#include "archiver/metrics.hpp"
#include "archiver/retention/retention_store.hpp"
#include "archiver/store/postgres_archive.hpp"
#include "platform/fleet/fleet.hpp"
#include "platform/heartbeat/heartbeat.hpp"
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

namespace {

constexpr milliseconds kLeaveMax{2000};
/// So long an archiver counts as one whose Postgres answers after it did: a restart of Postgres
/// moves no shards.
constexpr std::chrono::seconds kPostgresPatience{5};
/// An archiver whose oldest minute is overdue by more is not well, whatever it says of itself.
constexpr double kLagSecondsMax = 180;

FleetMember member(const ArchiverConfig& config, std::uint16_t health_port, std::string version) {
    FleetMember member;
    member.work = SharedWork::sealing;
    member.name = config.name.empty() ? default_name(asio::ip::host_name(), health_port, "archiver")
                                      : config.name;
    member.version = std::move(version);
    member.shards = config.shards;
    member.lease = kSealLease;
    member.margin = kSealMargin;
    return member;
}

}  // namespace

struct ArchiverApp::Parts {
    Parts(ArchiverConfig with,
          const asio::any_io_executor& executor,
          std::string version,
          std::function<void(SealStep)> at_step)
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
                    .on_reachable = [this](bool reachable) { note_postgres(reachable); },
                    .watched = true}},
          stored{database},
          chores{{.window = window_of(config),
                  .rollup_every = config.rollup_every,
                  .compact_after = config.compact_after,
                  .retention = config.retention},
                 database,
                 redis,
                 clock,
                 log,
                 archiver_metrics},
          loop{
              {.window = window_of(config), .shards = config.shards, .at_step = std::move(at_step)},
              stored,
              chores,
              redis,
              held,
              clock,
              log,
              archiver_metrics},
          fleet{{redis,
                 held,
                 readiness,
                 clock,
                 log,
                 {archiver_metrics.shards_held,
                  archiver_metrics.archivers_alive,
                  archiver_metrics.leases_taken,
                  archiver_metrics.leases_lost},
                 fleet_hooks()},
                member(config, health.port(), std::move(version))},
          heartbeat{config.heartbeat, metrics, clock, log, [this] { return trouble(); }},
          services{executor, 1},
          tasks{executor, 4} {
        redis.on_change([this](bool reachable, const std::string& why) {
            conditions.redis(reachable, why);
            if (reachable) loop.redis_returned();
        });
        metrics.on_exposition([this] { loop.report_lag(); });
    }

    Task<> check_database();
    Task<> archive();
    Task<> serve_redis();
    FleetHooks fleet_hooks();
    void note_postgres(bool reachable);
    bool postgres_answers() const;
    std::string trouble();

    ArchiverConfig config;
    SystemClock clock;      // what everything measures with
    Readiness readiness;    // why /readyz says no
    Metrics metrics;        // what /metrics shows
    Logger log;             // names its component once
    Conditions conditions;  // what the reasons of /readyz follow from
    ArchiverMetrics archiver_metrics;
    HealthServer health;        // binds first: a port in use is said before anything connects
    RedisClient redis;          // cells, announcements, heartbeats
    Database database;          // minutes, incidents, catalogue
    PostgresArchive stored;     // what the loop asks of it
    PostgresChores chores;      // what is done beside sealing
    HeldShards held;            // the shards that this archiver may seal
    ArchiveLoop loop;           // moves the ones into the other
    Fleet fleet;                // this archiver among the others: which shards are held
    HeartbeatCaller heartbeat;  // tells somebody else that all this goes on
    /// When Postgres stopped answering, in steady nanoseconds; 0: it answers, or never did.
    std::atomic<std::int64_t> postgres_lost_at{0};
    TaskGroup services;  // what lasts until the leases are given back
    TaskGroup tasks;     // everything else that runs; ends first
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

/// From there on it takes part among the archivers, and seals what falls to it.
Task<> ArchiverApp::Parts::archive() {
    co_await check_database();
    conditions.prepared(true);
    conditions.leading(false);
    tasks.spawn("fleet", fleet.run());
    co_await loop.run();
}

/// Should it fail, nothing else may go on as if there were a Redis.
Task<> ArchiverApp::Parts::serve_redis() {
    std::exception_ptr failure;
    try {
        co_await redis.serve();
    } catch (...) {
        failure = std::current_exception();
    }
    tasks.cancel();
    if (failure) std::rethrow_exception(failure);
}

FleetHooks ArchiverApp::Parts::fleet_hooks() {
    FleetHooks hooks;
    hooks.complete_beat = [this](PeerBeat& beat) { beat.current = postgres_answers(); };
    hooks.members = sealers_of;
    // From the first time on that all that falls to it is its own: others' shares move later, too.
    hooks.complete = [this] { conditions.leading(!loop.older_seals()); };
    return hooks;
}

/// Called on threads of the database.
void ArchiverApp::Parts::note_postgres(bool reachable) {
    conditions.postgres(reachable);
    const auto now = clock.steady_now().time_since_epoch();
    postgres_lost_at = reachable ? 0 : std::chrono::nanoseconds{now}.count();
}

bool ArchiverApp::Parts::postgres_answers() const {
    const std::chrono::nanoseconds lost_at{postgres_lost_at};
    return lost_at.count() == 0 ||
           clock.steady_now().time_since_epoch() - lost_at < kPostgresPatience;
}

/// Why nobody should be told that all goes on; empty: it does.
std::string ArchiverApp::Parts::trouble() {
    const auto reasons = readiness.reasons();
    if (!reasons.empty()) return fmt::format("{}", fmt::join(reasons, ", "));
    loop.report_lag();
    return archiver_metrics.watermark_lag.value() > kLagSecondsMax ? "minutes are overdue" : "";
}

ArchiverApp::ArchiverApp(ArchiverConfig config,
                         asio::any_io_executor executor,
                         std::string version,
                         std::function<void(SealStep)> at_step)
    : parts_{std::make_unique<Parts>(
          std::move(config), executor, std::move(version), std::move(at_step))} {}

ArchiverApp::~ArchiverApp() = default;

std::uint16_t ArchiverApp::health_port() const {
    return parts_->health.port();
}

const Readiness& ArchiverApp::readiness() const {
    return parts_->readiness;
}

Task<> ArchiverApp::run() {
    auto& parts = *parts_;
    log_event(parts.log,
              LogLevel::info,
              "archiver.started",
              kv("name", parts.fleet.name()),
              kv("window_ms", parts.config.window),
              kv("shards", parts.config.shards));
    parts.tasks.spawn("health", parts.health.serve());
    parts.services.spawn("redis", parts.serve_redis());
    parts.tasks.spawn("archive", parts.archive());
    parts.tasks.spawn("heartbeat", parts.heartbeat.run());
    std::exception_ptr failure;
    try {
        co_await parts.tasks.join();
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await parts.fleet.leave_by(parts.clock.steady_now() + kLeaveMax);
    parts.services.cancel();
    co_await parts.services.join();
    log_event(parts.log, LogLevel::info, "archiver.stopped");
    if (failure) std::rethrow_exception(failure);
}

void ArchiverApp::reload(const std::string& config_file) {
    auto& parts = *parts_;
    reload_config(parts.log, archiver_schema(), config_file, parts.config, [&](const auto&) {
        parts.chores.keep(parts.config.retention);
    });
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
