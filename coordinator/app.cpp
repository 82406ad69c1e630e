#include "coordinator/app.hpp"

#include <exception>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "platform/postgres/deployment.hpp"
#include "platform/postgres/migrations.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/telemetry/reload.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::size_t kTasksMax = 16;
constexpr milliseconds kPrepareAgain{1000};

DatabaseOptions database_options(const Config& config) {
    DatabaseOptions options;
    options.conninfo = config.postgres_conninfo;
    options.application_name = "quorate-coordinator";
    options.queued_max = 2 * Calls::kCallsMax;
    return options;
}

DatabaseOptions watched(DatabaseOptions options, Conditions& conditions) {
    options.on_reachable = [&](bool reachable) { conditions.postgres(reachable); };
    return options;
}

}  // namespace

App::App(asio::any_io_executor executor, const Config& config, const std::string& version)
    : config_{config},
      log_{"coordinator", log_level(config.log_level), clock_},
      counts_{metrics_},
      conditions_{readiness_, log_},
      database_{watched(database_options(config), conditions_)},
      reports_{database_options(config)},
      redis_{executor, {.address = *parse_redis_url(config.redis_url)}},
      catalogue_{executor, database_, config_.deployment().window, clock_, log_},
      dispatcher_{catalogue_, redis_, config_.deployment().window, clock_, log_, counts_},
      health_{executor,
              {.address = config.health_address, .port = config.health_port},
              readiness_,
              metrics_},
      admin_{executor,
             {config.grpc_address, config.grpc_port},
             {reports_, redis_, catalogue_, config_.deployment(), version, clock_, log_, counts_}},
      tasks_{executor, kTasksMax} {
    redis_.on_change(
        [this](bool reachable, const std::string& why) { conditions_.redis(reachable, why); });
    metrics_.on_exposition([this] {
        counts_.generation.set(static_cast<double>(catalogue_.generation()));
        counts_.endpoints.set(static_cast<double>(catalogue_.planner().endpoints()));
    });
    log_event(log_,
              LogLevel::info,
              "coordinator.started",
              kv("version", version),
              kv("admin_port", admin_.port()),
              kv("health_port", health_.port()));
}

Task<> App::run() {
    tasks_.spawn("health", health_.serve());
    tasks_.spawn("redis", redis_.serve());
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
    log_event(log_, LogLevel::info, "coordinator.stopped");
    if (failure) std::rethrow_exception(failure);
}

Task<> App::serve() {
    co_await prepare();
    conditions_.prepared(true);
    tasks_.spawn("catalogue", catalogue_.follow());
    auto wake = [this](std::string_view /*generation*/) { catalogue_.wake(); };
    tasks_.spawn("listen", database_.listen(std::string{kCatalogueChannel}, std::move(wake)));
    tasks_.spawn("plan", plan());
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
            const auto extended = co_await extend_to_new_regions(database_, clock_, deployment);
            log_event(log_,
                      LogLevel::info,
                      "catalogue.prepared",
                      kv("regions_created", created),
                      kv("endpoints_changed", extended));
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

Task<> App::plan() {
    auto on_change = [this](bool leading) {
        counts_.leading.set(leading ? 1 : 0);
        conditions_.leading(leading);
    };
    auto work = [this] { return dispatcher_.run(); };
    co_await database_.lead(static_cast<std::int64_t>(AdvisoryLock::coordinator_planner),
                            std::move(on_change),
                            std::move(work));
}

void App::reload(const std::string& config_file) {
    reload_log_level(log_, [&] { return load_config(config_schema(), config_file).log_level; });
}

}  // namespace quorate::coordinator
