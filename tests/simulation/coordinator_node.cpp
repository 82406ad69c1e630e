#include <utility>

#include "coordinator/dispatch/dispatcher.hpp"
#include "coordinator/fleet/share.hpp"
#include "coordinator/redis_time.hpp"
#include "platform/fleet/fleet.hpp"
#include "tests/simulation/logs.hpp"
#include "tests/simulation/nodes.hpp"

namespace quorate::simulation {
namespace {

/// What coordinator/app.cpp composes, but for the admin API, credentials and what follows the
/// database alone.
class CoordinatorLife final : public Life {
public:
    CoordinatorLife(Ground& ground, Host& host)
        : process_{ground.world},
          clock_{host.clock},
          log_{"coordinator", log_level_of(ground.world), host.clock, log_sink(ground.world)},
          counts_{metrics_},
          redis_{std::make_shared<RedisLink>(ground.redis, host, process_), milliseconds{2000}},
          source_{ground.postgres, ground.catalogue, host, process_},
          catalogue_{process_.executor(), source_, ground.window, clock_, log_},
          time_{redis_, clock_, catalogue_, counts_},
          dispatcher_{coordinator::DispatchContext{
              catalogue_, redis_, held_, ground.window, clock_, log_, counts_}},
          fleet_{FleetContext{redis_,
                              held_,
                              readiness_,
                              clock_,
                              log_,
                              FleetMetrics{counts_.shards_held,
                                           counts_.coordinators_alive,
                                           counts_.leases_taken,
                                           counts_.leases_lost},
                              hooks()},
                 member(ground, host)} {
        process_.spawn("redis", redis_.serve());
        process_.spawn("serve", serve());
    }
    ~CoordinatorLife() override { process_.kill(); }

    Process& process() override { return process_; }

private:
    static FleetMember member(const Ground& ground, const Host& host) {
        FleetMember member;
        member.work = SharedWork::planning;
        member.name = host.name;
        member.version = "simulated";
        member.shards = ground.shards;
        return member;
    }

    FleetHooks hooks() {
        FleetHooks hooks;
        hooks.complete_beat = [this](PeerBeat& beat) {
            if (catalogue_.complete_until()) beat.generation = catalogue_.generation();
            beat.current = catalogue_.current();
        };
        hooks.members = coordinator::planners_of;
        hooks.seen = [this](const PeersView& view, UtcTime asked_at) {
            if (coordinator::nobody_changes(fleet_.name(), view))
                catalogue_.no_change_before(asked_at);
        };
        hooks.clock_measured = [this](const ClockOffset& measured) { time_.note(measured); };
        return hooks;
    }

    Task<> serve() {
        co_await time_.learn();
        process_.spawn("catalogue", catalogue_.follow());
        process_.spawn("fleet", fleet_.run());
        process_.spawn("plan", dispatcher_.run());
        co_await for_ever();
    }

    Process process_;
    RedisClock clock_;
    Logger log_;
    Metrics metrics_;
    coordinator::CoordinatorMetrics counts_;
    Readiness readiness_;
    RedisClient redis_;
    CatalogueClient source_;
    coordinator::Catalogue catalogue_;
    coordinator::RedisTime time_;
    HeldShards held_;
    coordinator::Dispatcher dispatcher_;
    Fleet fleet_;
};

}  // namespace

std::unique_ptr<Life> start_coordinator(Ground& ground, Host& host) {
    return std::make_unique<CoordinatorLife>(ground, host);
}

}  // namespace quorate::simulation
