#include <optional>
#include <utility>

#include "platform/redis/instance.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/resolver.hpp"
#include "region-agent/intake/intake.hpp"
#include "region-agent/intake/shared_holds.hpp"
#include "region-agent/pulse.hpp"
#include "tests/simulation/breaks.hpp"
#include "tests/simulation/logs.hpp"
#include "tests/simulation/nodes.hpp"

namespace quorate::simulation {
namespace {

constexpr std::size_t kConcurrency = 50;

std::string region_name(const Ground& ground, RegionId region) {
    return ground.archive.regions.at(region);
}

/// What region-agent/app.cpp composes, but for what measures the host, tool lists and orders; with
/// a model of the probe engine.
class AgentLife final : public Life {
public:
    AgentLife(Ground& ground, Host& host, RegionId region, const std::string& name)
        : process_{ground.world},
          host_{host},
          clock_{host.clock},
          log_{"agent", log_level_of(ground.world), host.clock, log_sink(ground.world)},
          counts_{metrics_},
          redis_{std::make_shared<RedisLink>(ground.redis, host, process_), milliseconds{2000}},
          reads_{reads_route(ground, host, process_), milliseconds{2000}},
          cells_{redis_},
          jobs_{redis_, reads_, region_name(ground, region), name},
          resolver_{process_.executor(), host.clock, resolver_options()},
          prober_{ground.world, ground.targets, clock_, region, name},
          lag_{clock_},
          busy_{clock_, log_, 1, 1, [] { return CpuTime{}; }},
          check_{process_.executor(), clock_, resolver_, readiness_, log_, SelfCheckOptions{}},
          runner_{prober_,
                  clock_,
                  log_,
                  agent::ProbeSettings{name, "", "", false},
                  {lag_, busy_, check_}},
          holds_{redis_, runner_, clock_, region_name(ground, region)},
          intake_{process_.executor(),
                  jobs_,
                  redis_,
                  runner_,
                  clock_,
                  counts_,
                  log_,
                  agent::IntakeOptions{region_name(ground, region), name, kConcurrency}},
          spool_{agent::SpoolOptions{ground.disks / host.name}},
          outbox_{process_.executor(),
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
                 region_name(ground, region),
                 identity(name, host.clock),
                 [this] { return load(); }} {
        intake_.deliver_to(outbox_);
        pulse_.on_name([this](bool ours) { intake_.name_is_ours(ours); });
        redis_.on_change([this](bool, const std::string&) { intake_.redis_was_away(); });
        reads_.on_change([this](bool, const std::string&) { intake_.look_for_own(); });
        process_.spawn("redis", redis_.serve());
        process_.spawn("reads", reads_.serve());
        process_.spawn("serve", serve());
    }
    ~AgentLife() override { process_.kill(); }

    Process& process() override { return process_; }

private:
    using LagMeter = agent::LagMeter;
    using LoadWatch = agent::LoadWatch;
    using SelfCheck = agent::SelfCheck;
    using SelfCheckOptions = agent::SelfCheckOptions;

    static ResolverOptions resolver_options() {
        ResolverOptions options;
        options.name_servers = {"127.0.0.1"};  // never asked
        return options;
    }

    static Heartbeat identity(const std::string& name, const Clock& clock) {
        Heartbeat heartbeat;
        heartbeat.agent = name;
        heartbeat.instance = random_instance();
        heartbeat.version = "simulated";
        heartbeat.started_at = clock.utc_now();
        return heartbeat;
    }

    agent::Spooling spooling() {
        return {&spool_,
                [this](std::function<void()> work) { return sync(std::move(work)); },
                [this] { return redis_.reachable(); }};
    }

    /// On a disk that may be slow.
    Task<> sync(std::function<void()> /*work*/) { co_await sleep_for(host_.disk_delay); }

    agent::Pulse::Load load() const {
        agent::Pulse::Load load;
        load.in_flight = static_cast<std::uint32_t>(intake_.probing());
        load.probes_total = runner_.probes();
        load.spooled = outbox_.spooled();
        if (clock_.skewed()) load.state = AgentState::skewed;
        if (intake_.cordoned()) load.state = AgentState::cordoned;
        return load;
    }

    Task<> serve() {
        co_await pulse_.first();
        process_.spawn("outbox", outbox_.run());
        process_.spawn("pulse", pulse_.run());
        co_await outbox_.replayed();
        co_await holds_.exchange();
        process_.spawn("holds", holds_.run());
        process_.spawn("intake", intake_.run());
        co_await for_ever();
    }

    Process process_;
    Host& host_;
    agent::RedisClock clock_;
    Logger log_;
    Metrics metrics_;
    agent::AgentMetrics counts_;
    Readiness readiness_;
    RedisClient redis_;
    RedisClient reads_;
    CellBuffer cells_;
    JobConsumer jobs_;
    Resolver resolver_;
    ModelProber prober_;
    LagMeter lag_;
    LoadWatch busy_;
    SelfCheck check_;
    agent::JobRunner runner_;
    agent::SharedHolds holds_;
    agent::Intake intake_;
    agent::Spool spool_;
    agent::Outbox outbox_;
    agent::Pulse pulse_;
};

}  // namespace

std::unique_ptr<Life> start_agent(Ground& ground, Host& host, RegionId region, std::string name) {
    return std::make_unique<AgentLife>(ground, host, region, name);
}

}  // namespace quorate::simulation
