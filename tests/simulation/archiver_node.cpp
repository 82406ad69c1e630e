#include <optional>
#include <utility>

#include "archiver/intake/archive_loop.hpp"
#include "archiver/intake/sealers.hpp"
#include "platform/fleet/fleet.hpp"
#include "tests/simulation/breaks.hpp"
#include "tests/simulation/logs.hpp"
#include "tests/simulation/nodes.hpp"

namespace quorate::simulation {
namespace {

/// As of archiver/app.cpp: so long one whose Postgres is away counts as one whose Postgres answers.
constexpr std::chrono::seconds kPostgresPatience{5};

/// What archiver/app.cpp composes, but for what is done beside sealing.
class ArchiverLife final : public Life {
public:
    ArchiverLife(Ground& ground, Host& host)
        : process_{ground.world},
          clock_{host.clock},
          log_{"archiver", log_level_of(ground.world), host.clock, log_sink(ground.world)},
          counts_{metrics_},
          redis_{archiver_route(ground, host, process_), milliseconds{2000}},
          archive_{archive_client(ground, host, process_)},
          loop_{options(ground), *archive_, chores_, redis_, held_, host.clock, log_, counts_},
          fleet_{FleetContext{redis_,
                              held_,
                              readiness_,
                              host.clock,
                              log_,
                              FleetMetrics{counts_.shards_held,
                                           counts_.archivers_alive,
                                           counts_.leases_taken,
                                           counts_.leases_lost},
                              hooks()},
                 member(ground, host)} {
        redis_.on_change([this](bool reachable, const std::string&) {
            if (reachable) loop_.redis_returned();
        });
        archive_->client().on_reachable = [this](bool reachable) {
            if (reachable)
                postgres_lost_at_.reset();
            else if (!postgres_lost_at_)
                postgres_lost_at_ = clock_.steady_now();
        };
        process_.spawn("redis", redis_.serve());
        process_.spawn("fleet", fleet_.run());
        process_.spawn("archive", loop_.run());
    }
    ~ArchiverLife() override { process_.kill(); }

    Process& process() override { return process_; }

private:
    static ArchiveOptions options(const Ground& ground) {
        ArchiveOptions options;
        options.window = ground.window;
        options.shards = ground.shards;
        options.at_step = [](SealStep) {};
        return options;
    }

    static FleetMember member(const Ground& ground, const Host& host) {
        FleetMember member;
        member.work = SharedWork::sealing;
        member.name = host.name;
        member.version = "simulated";
        member.shards = ground.shards;
        member.lease = kSealLease;
        member.margin = kSealMargin;
        return member;
    }

    FleetHooks hooks() {
        FleetHooks hooks;
        hooks.complete_beat = [this](PeerBeat& beat) {
            beat.current =
                !postgres_lost_at_ || clock_.steady_now() - *postgres_lost_at_ < kPostgresPatience;
        };
        hooks.members = sealers_of;
        return hooks;
    }

    Process process_;
    const Clock& clock_;
    Logger log_;
    Metrics metrics_;
    ArchiverMetrics counts_;
    Readiness readiness_;
    RedisClient redis_;
    std::optional<SteadyTime> postgres_lost_at_;
    std::unique_ptr<ArchiveClient> archive_;
    NoChores chores_;
    HeldShards held_;
    ArchiveLoop loop_;
    Fleet fleet_;
};

}  // namespace

std::unique_ptr<Life> start_archiver(Ground& ground, Host& host) {
    return std::make_unique<ArchiverLife>(ground, host);
}

}  // namespace quorate::simulation
