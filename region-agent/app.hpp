#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/client.hpp"
#include "platform/redis/job_consumer.hpp"
#include "platform/runtime/blocking_pool.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/telemetry/health_server.hpp"
#include "platform/telemetry/log.hpp"
#include "platform/telemetry/metrics.hpp"
#include "platform/telemetry/readiness.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/probe.hpp"
#include "probe/resolver.hpp"
#include "region-agent/agent_metrics.hpp"
#include "region-agent/config.hpp"
#include "region-agent/credentials/strongroom.hpp"
#include "region-agent/intake/intake.hpp"
#include "region-agent/intake/job_runner.hpp"
#include "region-agent/intake/orders.hpp"
#include "region-agent/intake/shared_holds.hpp"
#include "region-agent/outbox/manifest_shelf.hpp"
#include "region-agent/outbox/outbox.hpp"
#include "region-agent/pulse.hpp"
#include "region-agent/redis_clock.hpp"
#include "region-agent/selfcheck/lag_meter.hpp"
#include "region-agent/selfcheck/load_watch.hpp"
#include "region-agent/selfcheck/self_check.hpp"

namespace quorate::agent {

/// The agent: every long-lived object, in the order of its dependencies, with what it is for.
class App {
public:
    /// Binds its port. Throws std::runtime_error with one line if it can't be had, if a name server
    /// or the file of authorities can't be read, or if the spool's folder can't be used.
    App(asio::any_io_executor executor, const Config& config, const std::string& version);

    /// Runs until cancelled, then drains within 20 s: running probes end, their cells are written,
    /// jobs that were not started go back to the queue.
    Task<> run();

    /// SIGHUP: takes what may change while running (`log.level`); a bad file keeps the old config.
    void reload(const std::string& config_file);

    std::uint16_t health_port() const { return health_.port(); }
    /// Why it is not ready, as `/readyz` says it.
    const Readiness& readiness() const { return readiness_; }
    /// What the next heartbeat says.
    Pulse::Load load() const;
    /// It leaves jobs to another agent of its region: see Intake.
    bool stands_aside() const { return intake_.stands_aside(); }

private:
    Task<> serve();
    Task<> watch(asio::steady_timer& ended, std::exception_ptr& failure);
    Task<> drain();
    void watch_redis();
    void note_name(bool ours);
    void refresh_gauges();
    std::optional<Spooling> spooling();

    Config config_;
    SystemClock own_clock_;
    RedisClock clock_;  // Redis's time, which slots are read against
    Logger log_;        // what happened
    Metrics metrics_;   // how much of it
    AgentMetrics counts_;
    Readiness readiness_;  // why we can't work
    std::optional<SteadyTime> name_taken_since_;
    RedisClient redis_;           // everything but reads of jobs
    RedisClient reads_;           // reads of jobs: they block
    RedisClient orders_reads_;    // reads of orders: likewise
    CellBuffer cells_;            // the open verdict-minutes in Redis
    JobConsumer jobs_;            // our side of the region's queue
    TlsContexts tls_;             // what probes trust
    Resolver resolver_;           // what probes ask for addresses
    ProbeEngine engine_;          // looks at servers
    Strongroom strongroom_;       // opens the credentials of jobs
    LagMeter lag_;                // how far we run behind
    LoadWatch busy_;              // whether we are too busy to measure
    SelfCheck check_;             // whether we see at all
    JobRunner runner_;            // a job in, a cell out
    SharedHolds holds_;           // what servers asked of any agent of the region
    ManifestShelf manifests_;     // tool lists that are new, on their way to the archive
    Intake intake_;               // takes jobs and has them run
    Orders orders_;               // looks that operators want at once
    BlockingPool files_;          // calls on files that block
    std::optional<Spool> spool_;  // cells that can't reach Redis
    Outbox outbox_;               // writes cells, acknowledges jobs
    Pulse pulse_;                 // says that we live
    HealthServer health_;         // tells how we are
    TaskGroup services_;          // everything that runs
};

}  // namespace quorate::agent
