#include "coordinator/app.hpp"

#include <exception>
#include <utility>

#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/ranges.h>

#include "coordinator/fleet/share.hpp"
#include "platform/postgres/deployment.hpp"
#include "platform/postgres/migrations.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/telemetry/reload.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::size_t kTasksMax = 16;
constexpr milliseconds kPrepareAgain{1000};
constexpr milliseconds kLeaveMax{2000};
/// A coordinator that plans later than this is not well, whatever it says of itself.
constexpr std::chrono::seconds kPlanningLagMax{60};

DatabaseOptions database_options(const Config& config) {
    DatabaseOptions options;
    options.conninfo = config.postgres_conninfo;
    options.application_name = "quorate-coordinator";
    options.queued_max = 2 * Calls::kCallsMax;
    options.watched = true;
    return options;
}

DatabaseOptions single_options(const Config& config) {
    auto options = database_options(config);
    options.connections = 1;
    return options;
}

DatabaseOptions watched(DatabaseOptions options, Conditions& conditions) {
    options.on_reachable = [&](bool reachable) { conditions.postgres(reachable); };
    return options;
}

FleetMember member(const Config& config, std::uint16_t admin_port, const std::string& version) {
    FleetMember member;
    member.work = SharedWork::planning;
    member.name = config.name.empty()
                      ? default_name(asio::ip::host_name(), admin_port, "coordinator")
                      : config.name;
    member.version = version;
    member.shards = config.shards;
    return member;
}

FleetMetrics fleet_metrics(const CoordinatorMetrics& counts) {
    return {counts.shards_held, counts.coordinators_alive, counts.leases_taken, counts.leases_lost};
}

}  // namespace

App::App(asio::any_io_executor executor, const Config& config, const std::string& version)
    : config_{config},
      clock_{own_clock_},
      log_{"coordinator", log_level(config.log_level), own_clock_},
      counts_{metrics_},
      conditions_{readiness_, log_},
      database_{watched(database_options(config), conditions_)},
      reports_{database_options(config)},
      forgets_{single_options(config)},
      credentials_{single_options(config)},
      redis_{executor, redis_options(config.redis)},
      stored_{database_},
      catalogue_{executor, stored_, config_.deployment().window, clock_, log_, config.politeness},
      time_{redis_, clock_, catalogue_, counts_},
      data_keys_{config.secrets},
      vault_{executor, {database_, data_keys_, clock_, log_, counts_}},
      dispatcher_{
          {catalogue_, redis_, held_, config_.deployment().window, clock_, log_, counts_, &vault_}},
      regions_{executor,
               {database_,
                redis_,
                catalogue_,
                config_.deployment(),
                clock_,
                log_,
                counts_,
                [this] { return fleet_.announce_current(); },
                [this] { vault_.wake(); },
                [this] { return nobody_changes_; }}},
      health_{executor,
              {.address = config.health_address, .port = config.health_port},
              readiness_,
              metrics_},
      access_{executor, {credentials_, reports_, own_clock_, log_, counts_}, config.access()},
      runs_{{reports_, redis_, catalogue_, vault_, config_.deployment().window, clock_}},
      secrets_{{reports_, data_keys_, own_clock_, log_, [this] { vault_.wake(); }}},
      admin_{executor,
             {config.grpc_address, config.grpc_port, config.grpc_tls},
             {reports_,
              forgets_,
              redis_,
              catalogue_,
              config_.deployment(),
              version,
              clock_,
              log_,
              counts_,
              regions_,
              access_,
              secrets_,
              runs_,
              vault_,
              [this] { return fleet_.announce_current(); },
              [this] {
                  return RunningConfig{
                      fleet_.name(), shown_values(config_schema(), config_), restart_needed_};
              }},
             readiness_},
      fleet_{{redis_, held_, readiness_, clock_, log_, fleet_metrics(counts_), fleet_hooks()},
             member(config, admin_.port(), version)},
      heartbeat_{config.heartbeat, metrics_, own_clock_, log_, [this] { return trouble(); }},
      services_{executor, 1},
      tasks_{executor, kTasksMax} {
    redis_.on_change([this](bool reachable, const std::string& why) {
        conditions_.redis(reachable, why);
        if (reachable) regions_.wake();
    });
    data_keys_.wrapping().check();
    conditions_.leading(true);  // coordinators share the work: none stands by
    metrics_.on_exposition([this] {
        counts_.generation.set(static_cast<double>(catalogue_.generation()));
        counts_.endpoints.set(static_cast<double>(catalogue_.planner().endpoints(held_.ids())));
    });
    log_event(log_,
              LogLevel::info,
              "coordinator.started",
              kv("version", version),
              kv("name", fleet_.name()),
              kv("admin_port", admin_.port()),
              kv("admin_tls", config.grpc_tls.on()),
              kv("health_port", health_.port()));
}

Task<> App::run() {
    services_.spawn("redis", serve_redis());
    tasks_.spawn("health", health_.serve());
    tasks_.spawn("heartbeat", heartbeat_.run());
    tasks_.spawn("serve", serve());
    std::exception_ptr failure;
    try {
        co_await tasks_.join();
    } catch (...) {
        failure = std::current_exception();
    }
    // Calls still run on this executor and use what is above; they end before it goes.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await admin_.stop();
    co_await fleet_.leave_by(clock_.steady_now() + kLeaveMax);
    services_.cancel();
    co_await services_.join();
    log_event(log_, LogLevel::info, "coordinator.stopped");
    if (failure) std::rethrow_exception(failure);
}

/// Should it fail, nothing else may go on as if there were a Redis.
Task<> App::serve_redis() {
    std::exception_ptr failure;
    try {
        co_await redis_.serve();
    } catch (...) {
        failure = std::current_exception();
    }
    tasks_.cancel();
    if (failure) std::rethrow_exception(failure);
}

/// Why nobody should be told that all goes on; empty: it does.
std::string App::trouble() const {
    const auto reasons = readiness_.reasons();
    if (!reasons.empty()) return fmt::format("{}", fmt::join(reasons, ", "));
    return dispatcher_.lag() > kPlanningLagMax ? "jobs are planned late" : "";
}

Task<> App::serve() {
    co_await prepare();
    conditions_.prepared(true);
    tasks_.spawn("access", access_.follow());
    tasks_.spawn("secrets", vault_.follow());
    tasks_.spawn("tls files", admin_.check_files());
    co_await time_.learn();
    tasks_.spawn("catalogue", catalogue_.follow());
    auto wake = [this](std::string_view /*generation*/) { catalogue_.wake(); };
    tasks_.spawn("listen", database_.listen(std::string{kCatalogueChannel}, std::move(wake)));
    tasks_.spawn("fleet", fleet_.run());
    tasks_.spawn("plan", dispatcher_.run());
    tasks_.spawn("agent users", regions_.keep_users());
    tasks_.spawn("extend", extend());
}

/// Those plan whose catalogue is current, and where nobody can change it those with the newest.
FleetHooks App::fleet_hooks() {
    FleetHooks hooks;
    hooks.complete_beat = [this](PeerBeat& beat) {
        if (catalogue_.complete_until()) beat.generation = catalogue_.generation();
        beat.current = catalogue_.current();
    };
    hooks.members = planners_of;
    hooks.seen = [this](const PeersView& view, UtcTime asked_at) {
        const bool before = std::exchange(nobody_changes_, nobody_changes(fleet_.name(), view));
        if (nobody_changes_) catalogue_.no_change_before(asked_at);
        if (nobody_changes_ && !before) regions_.wake();
    };
    hooks.clock_measured = [this](const ClockOffset& measured) { time_.note(measured); };
    return hooks;
}

/// Settles what must stand in the database before anything runs; waits for it, and for a schema of
/// this version.
Task<> App::prepare() {
    const auto deployment = config_.deployment();
    bool said = false;
    for (;;) {
        try {
            co_await require_schema_async(database_);
            conditions_.schema(true);
            auto settle = [deployment, regions = config_.regions](auto& work) {
                settle_deployment(work, deployment.window, deployment.shards);
                return create_regions(work, regions);
            };
            const auto created = co_await database_.transact(std::move(settle));
            log_event(log_, LogLevel::info, "catalogue.prepared", kv("regions_created", created));
            co_return;
        } catch (const PostgresUnavailable&) {  // readiness tells
        } catch (const SchemaMismatch& error) {
            conditions_.schema(false);
            if (!std::exchange(said, true))
                log_event(log_, LogLevel::error, "schema.mismatched", kv("detail", error.what()));
        }
        co_await sleep_for(kPrepareAgain);
    }
}

/// Endpoints that are watched from all regions get those that are new.
Task<> App::extend() {
    const Actor ourselves{"coordinator", "coordinator", "regions of the config"};
    for (;;) {
        try {
            co_await fleet_.announce_current();
            const auto changed =
                co_await extend_to_new_regions(database_, clock_, config_.deployment(), ourselves);
            if (changed > 0)
                log_event(
                    log_, LogLevel::info, "catalogue.extended", kv("endpoints_changed", changed));
            catalogue_.wake();
            co_return;
        } catch (const PostgresUnavailable&) {  // readiness tells
        } catch (const RedisUnavailable&) {     // likewise
        } catch (const RedisError&) {           // the dispatcher tells
        }
        co_await sleep_for(kPrepareAgain);
    }
}

void App::reload(const std::string& config_file) {
    reload_config(log_, config_schema(), config_file, config_, [this](auto& restart_needed) {
        catalogue_.planner().set_limits(config_.politeness);
        access_.set_options(config_.access());
        restart_needed_ = restart_needed;
    });
}

}  // namespace quorate::coordinator
