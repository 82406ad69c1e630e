#include "region-agent/app.hpp"

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "platform/redis/instance.hpp"
#include "platform/runtime/within.hpp"
#include "platform/telemetry/reload.hpp"

namespace quorate::agent {
namespace {

constexpr std::size_t kServicesMax = 16;
constexpr std::size_t kDescriptorsBeside = 100;  // Redis, name servers, health, landmarks
constexpr std::size_t kFileCallsMax = 4;
constexpr const char* kRedisUnreachable = "redis_unreachable";
constexpr const char* kNameInUse = "name_in_use";
// A drain must end 20 s after SIGTERM: probes get the first part, then cells and jobs go to Redis.
constexpr std::chrono::seconds kProbesEndMax{14};
constexpr std::chrono::seconds kFlushMax{3};
constexpr std::chrono::seconds kGiveBackMax{2};

ResolverOptions resolver_options(const Config& config) {
    ResolverOptions options;
    options.name_servers = config.name_servers;
    return options;
}

ProbeEngineOptions engine_options(const Config& config, const std::string& version) {
    ProbeEngineOptions options;
    options.user_agent = "quorate/" + version;
    if (!config.contact_url.empty()) options.user_agent += " (+" + config.contact_url + ")";
    options.client_version = version;
    return options;
}

/// Name servers of the system are judged only where landmarks say that there ought to be a network:
/// an agent of a laboratory may have none.
SelfCheckOptions self_check_options(const Config& config, const Resolver& resolver) {
    SelfCheckOptions options;
    for (const auto& text : config.landmarks)
        if (auto landmark = parse_landmark(text)) options.landmarks.push_back(*std::move(landmark));
    if (!config.name_servers.empty() || !config.landmarks.empty())
        options.name_servers = resolver.name_servers();
    options.bind_address = config.bind_address;
    options.every = config.self_check_every;
    return options;
}

Heartbeat identity(const Config& config, const std::string& version, const Clock& clock) {
    Heartbeat heartbeat;
    heartbeat.agent = config.name;
    heartbeat.instance = random_instance();
    heartbeat.version = version;
    heartbeat.started_at = clock.utc_now();
    return heartbeat;
}

/// The resolver counts by itself, knowing nothing of metrics.
void show(const ResolverCounts& counts, const AgentMetrics& metrics) {
    const auto raise = [](const Counter& counter, std::uint64_t to) {
        counter.add(static_cast<double>(to) - counter.value());
    };
    raise(metrics.dns_cache_hits, counts.hits);
    raise(metrics.dns_cache_misses, counts.misses);
    raise(metrics.dns_cache_joined, counts.joined);
    raise(metrics.dns_cache_evictions, counts.evictions);
    metrics.dns_cache_entries.set(static_cast<double>(counts.entries));
}

std::uint64_t whole(const Counter& counter) {
    return static_cast<std::uint64_t>(counter.value());
}

CellBufferLimits buffer_limits(const Config& config) {
    CellBufferLimits limits;
    limits.minute_ttl = std::chrono::ceil<std::chrono::seconds>(config.cells_expire_after);
    return limits;
}

}  // namespace

App::App(asio::any_io_executor executor, const Config& config, const std::string& version)
    : config_{config},
      clock_{own_clock_},
      log_{"agent", log_level(config.log_level), own_clock_},
      counts_{metrics_},
      redis_{executor, redis_options(config.redis)},
      reads_{executor, redis_options(config.redis)},
      orders_reads_{executor, redis_options(config.redis)},
      cells_{redis_, buffer_limits(config)},
      jobs_{redis_, reads_, config.region, config.name},
      resolver_{executor, own_clock_, resolver_options(config)},
      engine_{clock_, tls_, resolver_, engine_options(config, version)},
      strongroom_{config.credential_keys},
      lag_{clock_},
      busy_{clock_, log_, config.load_max},
      check_{executor, clock_, resolver_, readiness_, log_, self_check_options(config, resolver_)},
      runner_{engine_,
              clock_,
              log_,
              {config.name, config.ca_file, config.bind_address, config.allow_private_addresses},
              {lag_, busy_, check_}},
      holds_{redis_, runner_, clock_, config.region},
      manifests_{redis_, counts_, config.region},
      intake_{executor,
              jobs_,
              redis_,
              runner_,
              clock_,
              counts_,
              log_,
              {config.region, config.name, config.concurrency, config.tenant_share}},
      orders_{executor,
              redis_,
              orders_reads_,
              runner_,
              counts_,
              log_,
              config.region,
              [this] {
                  return !intake_.looked_around() || intake_.stands_aside() || intake_.stopping();
              }},
      files_{1, kFileCallsMax},
      outbox_{executor,
              cells_,
              jobs_,
              counts_,
              log_,
              [this](const std::string& entry) { intake_.forget(entry); },
              {},
              spooling()},
      pulse_{redis_,
             clock_,
             counts_,
             config.region,
             identity(config, version, own_clock_),
             [this] { return load(); }},
      health_{executor,
              {.address = config.health_address, .port = config.health_port},
              readiness_,
              metrics_},
      services_{executor, kServicesMax} {
    tls_.trusting(config.ca_file);  // a file that can't be read is refused at the start
    runner_.open_credentials_by(strongroom_);
    runner_.keep_lists_on(manifests_);
    outbox_.write_first([this] { return manifests_.write(); });
    intake_.deliver_to(outbox_);
    watch_redis();
    pulse_.on_name([this](bool ours) { note_name(ours); });
    metrics_.on_exposition([this] { refresh_gauges(); });
    const auto needed = config.concurrency + kDescriptorsBeside;
    const auto limit = descriptors_now().limit;
    if (limit < needed)
        log_event(
            log_, LogLevel::warn, "descriptors.scarce", kv("limit", limit), kv("needed", needed));
    log_event(log_,
              LogLevel::info,
              "agent.started",
              kv("version", version),
              kv("region", config.region),
              kv("agent_id", config.name),
              kv("health_port", health_.port()),
              kv("credential_keys", fmt::format("{}", fmt::join(strongroom_.ids(), ","))));
}

/// Opens the spool, if there is to be one.
std::optional<Spooling> App::spooling() {
    if (config_.spool_directory.empty()) return std::nullopt;
    spool_.emplace(SpoolOptions{config_.spool_directory, config_.spool_bytes_max});
    if (!spool_->empty() || spool_->torn_files() > 0)
        log_event(log_,
                  LogLevel::info,
                  "spool.found",
                  kv("cells", spool_->records()),
                  kv("torn_files", spool_->torn_files()));
    return Spooling{&*spool_,
                    [this](std::function<void()> work) { return files_.run(std::move(work)); },
                    [this] { return redis_.reachable(); }};
}

void App::refresh_gauges() {
    const auto count = [](const Gauge& gauge, std::size_t number) {
        gauge.set(static_cast<double>(number));
    };
    count(counts_.jobs_waiting, intake_.waiting());
    count(counts_.jobs_without_room, intake_.waiting_for_room());
    count(counts_.probes_in_flight, intake_.probing());
    count(counts_.holds, runner_.holds());
    count(counts_.outbox_cells, outbox_.size());
    count(counts_.outbox_held_up, outbox_.held_up());
    count(counts_.manifest_bytes, manifests_.bytes());
    count(counts_.spool_cells, outbox_.spooled());
    count(counts_.spool_bytes, outbox_.spool_bytes());
    count(counts_.redis_commands, redis_.waiting());
    show(resolver_.counts(), counts_);
    counts_.lag_seconds.set(std::chrono::duration<double>(lag_.worst()).count());
    counts_.load_ratio.set(busy_.load());
    count(counts_.overloaded, busy_.overloaded() ? 1 : 0);
    count(counts_.cordoned, intake_.cordoned() ? 1 : 0);
    count(counts_.blind, check_.blind() ? 1 : 0);
    count(counts_.landmarks_reached, check_.findings().landmarks_reached);
    count(counts_.name_servers_answering, check_.findings().name_servers_answering);
    count(counts_.descriptors_open, check_.findings().descriptors.open);
    count(counts_.descriptors_limit, check_.findings().descriptors.limit);
}

Pulse::Load App::load() const {
    Pulse::Load load;
    load.in_flight = static_cast<std::uint32_t>(intake_.probing());
    load.probes_total = runner_.probes();
    load.missed_total = whole(counts_.refused.with({name_of(Reason::missed_window)}));
    load.duplicates_total = whole(counts_.recorded.with({"duplicate"}));
    for (const auto* whom : {"origin", "tenant", "server"})
        load.held_back_total += whole(counts_.held_back.with({whom}));
    load.spooled = outbox_.spooled();
    load.lag = lag_.worst();
    load.load = busy_.load();
    if (busy_.overloaded()) load.state = AgentState::overloaded;
    if (check_.blind()) load.state = AgentState::blind;
    if (clock_.skewed()) load.state = AgentState::skewed;
    if (intake_.cordoned()) load.state = AgentState::cordoned;
    if (intake_.stopping()) load.state = AgentState::draining;
    return load;
}

void App::watch_redis() {
    readiness_.set(kRedisUnreachable);  // until it was reached
    redis_.on_change([this, told = false](bool reachable, const std::string& why) mutable {
        intake_.redis_was_away();
        if (reachable)
            readiness_.clear(kRedisUnreachable);
        else
            readiness_.set(kRedisUnreachable);
        if (reachable && std::exchange(told, false))
            log_event(log_, LogLevel::info, "readiness.regained", kv("reason", kRedisUnreachable));
        told = !reachable;
        if (!reachable)
            log_event(log_,
                      LogLevel::warn,
                      "readiness.lost",
                      kv("reason", kRedisUnreachable),
                      kv("detail", why));
    });
    reads_.on_change([this](bool, const std::string&) { intake_.look_for_own(); });
}

/// One that was killed leaves its name behind for a moment: no news until that is over.
void App::note_name(bool ours) {
    intake_.name_is_ours(ours);
    if (ours) {
        name_taken_since_.reset();
        if (readiness_.clear(kNameInUse))
            log_event(log_, LogLevel::info, "readiness.regained", kv("reason", kNameInUse));
        return;
    }
    const auto now = own_clock_.steady_now();
    if (!name_taken_since_) name_taken_since_ = now;
    if (now - *name_taken_since_ < 2 * Pulse::kSilenceMax) return;
    if (readiness_.set(kNameInUse))
        log_event(log_,
                  LogLevel::warn,
                  "readiness.lost",
                  kv("reason", kNameInUse),
                  kv("detail", "another living agent of the region is called " + config_.name));
}

Task<> App::run() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer ended{executor, asio::steady_timer::time_point::max()};
    std::exception_ptr failure;
    services_.spawn("redis", redis_.serve());
    services_.spawn("reads", reads_.serve());
    services_.spawn("orders_reads", orders_reads_.serve());
    services_.spawn("health", health_.serve());
    services_.spawn("lag", lag_.run());
    services_.spawn("load", busy_.run());
    services_.spawn("self_check", check_.run());
    services_.spawn("serve", serve());
    TaskGroup watcher{executor, 1};
    watcher.spawn("watch", watch(ended, failure));

    co_await asio::this_coro::throw_if_cancelled(false);
    co_await ended.async_wait(asio::as_tuple(asio::use_awaitable));
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await drain();
    services_.cancel();
    co_await watcher.join();
    log_event(log_, LogLevel::info, "agent.stopped");
    if (failure) std::rethrow_exception(failure);
}

/// Waits for the first heartbeat, so that others know us before we hold jobs, and until the cells
/// that an earlier life left are recorded, lest their jobs are taken again; then works.
Task<> App::serve() {
    co_await pulse_.first();
    services_.spawn("outbox", outbox_.run());
    services_.spawn("pulse", pulse_.run());
    co_await outbox_.replayed();
    co_await holds_.exchange();  // before the first probe
    services_.spawn("holds", holds_.run());
    services_.spawn("intake", intake_.run());
    services_.spawn("orders", orders_.run());
}

/// Ends when the services have ended, which they do by themselves only if one failed.
Task<> App::watch(asio::steady_timer& ended, std::exception_ptr& failure) {
    try {
        co_await services_.join();
    } catch (...) {
        failure = std::current_exception();
    }
    ended.cancel();
}

Task<> App::drain() {
    log_event(log_,
              LogLevel::info,
              "agent.draining",
              kv("jobs_waiting", intake_.waiting()),
              kv("probes_in_flight", intake_.probing()));
    const auto begun = own_clock_.steady_now();
    const auto patience = services_.cancelled() ? std::chrono::seconds{0} : kProbesEndMax;
    std::string trouble;
    std::size_t given_back = 0;
    try {
        co_await intake_.drain(begun + patience);
        auto written = outbox_.emptied();
        const auto written_by = own_clock_.steady_now() + kFlushMax;
        const bool all = co_await done_within(written_by, std::move(written));
        if (!all) trouble = "cells could not be written";
        const auto parked = outbox_.park();
        if (parked > 0) trouble += "; those in the spool go out at the next start";
        if (!redis_.reachable()) throw RedisUnavailable{"Redis is away: jobs stay pending"};
        auto returned = intake_.give_back();
        const auto returned_by = own_clock_.steady_now() + kGiveBackMax;
        const auto count = co_await within(returned_by, std::move(returned));
        given_back = count.value_or(0);
        auto farewell = pulse_.end();
        co_await done_within(returned_by, std::move(farewell));
    } catch (const std::exception& error) {
        trouble = error.what();
    }
    log_event(log_,
              trouble.empty() ? LogLevel::info : LogLevel::warn,
              "agent.drained",
              kv("jobs_given_back", given_back),
              kv("cells_left", outbox_.size()),
              kv("elapsed_ms", own_clock_.steady_now() - begun),
              kv("detail", trouble));
}

void App::reload(const std::string& config_file) {
    reload_config(log_, config_schema(), config_file, config_, [this](const auto&) {
        busy_.set_load_max(config_.load_max);
        intake_.set_tenant_share(config_.tenant_share);
    });
}

}  // namespace quorate::agent
