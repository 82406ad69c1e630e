#include "tests/simulation/faults.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "platform/redis/keys.hpp"
#include "tests/simulation/simulation.hpp"

namespace quorate::simulation {
namespace {

using Kind = Place::Kind;

/// One fault that begins now.
class Beginning {
public:
    Beginning(Simulation& simulation, Fault fault)
        : simulation_{simulation}, world_{simulation.world()}, fault_{fault} {}

    bool begin() {
        switch (fault_) {
            case Fault::agent_crash:
                return crash(Kind::agent);
            case Fault::agent_pause:
                return pause(Kind::agent);
            case Fault::archiver_crash:
                return crash(Kind::archiver);
            case Fault::archiver_pause:
                return pause(Kind::archiver);
            case Fault::coordinator_crash:
                return crash(Kind::coordinator);
            case Fault::coordinator_pause:
                return pause(Kind::coordinator);
            case Fault::redis_partition:
                return flag(any_place(), &Host::redis_cut, 2'000, 15'000);
            case Fault::redis_stall:
                return stall_redis();
            case Fault::redis_restart:
                return restart_redis();
            case Fault::redis_last_second_lost:
                return lose_last_second();
            case Fault::redis_all_lost:
                return lose_all();
            case Fault::lease_lost:
                return lose_lease();
            case Fault::answers_lost:
                return flag(any_place(), &Host::answers_lost, 200, 3'000);
            case Fault::late_delivery:
                return delay();
            case Fault::job_doubled:
                return double_jobs();
            case Fault::postgres_partition:
                return flag(place_of(chance().one_in(3) ? Kind::coordinator : Kind::archiver),
                            &Host::postgres_cut,
                            2'000,
                            15'000);
            case Fault::postgres_down:
                return stop_postgres();
            case Fault::postgres_answers_lost:
                return of_postgres(&PostgresServer::answers_lost, 500, 5'000);
            case Fault::postgres_read_only:
                return of_postgres(&PostgresServer::read_only, 1'000, 10'000);
            case Fault::slow_disk:
                return slow_disk();
            case Fault::clock_jump:
                return move_clock();
            case Fault::redis_clock_jump:
                return move_redis_clock();
        }
        return false;
    }

private:
    Chance& chance() { return world_.chance(); }

    Place* place_of(Kind kind) { return chance().of(simulation_.places(kind)); }
    Place* any_place() {
        return chance().of(simulation_.places(
            chance().of(std::vector{Kind::agent, Kind::agent, Kind::archiver, Kind::coordinator})));
    }

    void tell(const std::string& what) {
        world_.tell("fault " + std::string{name_of(fault_)} + " " + what);
    }

    /// Ends what began now.
    /// @param least, most in milliseconds
    void heal(std::int64_t least, std::int64_t most, std::function<void()> heals) {
        const auto left =
            std::chrono::floor<milliseconds>(simulation_.healed_by() - world_.utc_now());
        const auto lasts = std::min(milliseconds{chance().between(least, most)}, left);
        world_.in(lasts, [this_fault = fault_, &world = world_, heals = std::move(heals)] {
            world.tell("healed " + std::string{name_of(this_fault)});
            heals();
        });
    }

    bool crash(Kind kind) {
        auto* place = place_of(kind);
        if (!place->life) return false;
        tell(place->host.name);
        place->life.reset();
        heal(300, 12'000, [&simulation = simulation_, place] { simulation.start(*place); });
        return true;
    }

    bool pause(Kind kind) {
        auto* place = place_of(kind);
        if (!place->life || place->life->process().paused()) return false;
        tell(place->host.name);
        place->life->process().pause();
        heal(1'000, 20'000, [place, life = place->life.get()] {
            if (place->life.get() == life) life->process().resume();
        });
        return true;
    }

    bool flag(Place* place, bool Host::*which, std::int64_t least, std::int64_t most) {
        auto& host = place->host;
        if (host.*which) return false;
        tell(host.name);
        host.*which = true;
        heal(least, most, [&host, which] { host.*which = false; });
        return true;
    }

    bool of_postgres(bool PostgresServer::*which, std::int64_t least, std::int64_t most) {
        auto& postgres = simulation_.postgres();
        if (postgres.*which) return false;
        tell("");
        postgres.*which = true;
        heal(least, most, [&postgres, which] { postgres.*which = false; });
        return true;
    }

    bool stop_postgres() {
        auto& postgres = simulation_.postgres();
        if (!postgres.up()) return false;
        tell("");
        postgres.stop();
        heal(500, 12'000, [&postgres] { postgres.start(); });
        return true;
    }

    bool stall_redis() {
        auto& redis = simulation_.redis();
        if (!redis.up() || redis.stalled()) return false;
        tell("");
        redis.stall();
        heal(500, 6'000, [&redis] { redis.go_on(); });
        return true;
    }

    /// @param keys what the disk has; nothing: all
    bool crash_redis(std::optional<ModelRedis::Keys> keys) {
        auto& redis = simulation_.redis();
        if (!redis.up()) return false;
        tell("");
        redis.stop();
        heal(200, 6'000, [&simulation = simulation_, keys = std::move(keys)]() mutable {
            if (keys) simulation.redis_forgot();
            simulation.redis().start(std::move(keys));
        });
        return true;
    }

    bool restart_redis() { return crash_redis(std::nullopt); }
    bool lose_all() { return crash_redis(ModelRedis::Keys{}); }

    bool lose_last_second() {
        auto& redis = simulation_.redis();
        if (!redis.up()) return false;
        const auto lost = chance().between(milliseconds{50}, milliseconds{1'000});
        world_.in(lost, [*this, keys = redis.redis().snapshot()]() mutable {
            crash_redis(std::move(keys));
        });
        return true;
    }

    bool lose_lease() {
        const auto work = chance().one_in(2) ? SharedWork::planning : SharedWork::sealing;
        const ShardId shard{chance().below(Simulation::kShards)};
        tell(std::to_string(shard.value()));
        simulation_.redis().redis().run({"DEL", keys::lease(work, shard)});
        return true;
    }

    bool delay() {
        auto& host = any_place()->host;
        if (host.redis_delay != milliseconds{0}) return false;
        tell(host.name);
        host.redis_delay = chance().between(milliseconds{200}, milliseconds{2'500});
        heal(1'000, 10'000, [&host] { host.redis_delay = milliseconds{0}; });
        return true;
    }

    /// Jobs of a region stand in its queue twice.
    bool double_jobs() {
        auto& redis = simulation_.redis().redis();
        const auto& region = chance().of(simulation_.ground().catalogue.regions);
        const auto* stream = redis.stream_at(keys::jobs(region.name));
        if (stream == nullptr || stream->entries.empty()) return false;
        tell(region.name);
        std::vector<RedisArgs> copies;
        for (const auto& [id, fields] : stream->entries)
            copies.push_back({"XADD", keys::jobs(region.name), "*", fields.at(0), fields.at(1)});
        for (const auto& copy : copies)
            redis.run(copy);
        return true;
    }

    bool slow_disk() {
        auto& postgres = simulation_.postgres();
        if (postgres.commit_delay != milliseconds{0}) return false;
        tell("");
        const auto slow = chance().between(milliseconds{200}, milliseconds{3'000});
        postgres.commit_delay = slow;
        auto& host = place_of(Kind::agent)->host;
        host.disk_delay = slow;
        heal(2'000, 15'000, [&postgres, &host] {
            postgres.commit_delay = milliseconds{0};
            host.disk_delay = milliseconds{0};
        });
        return true;
    }

    bool move_clock() {
        auto& host = any_place()->host;
        tell(host.name);
        const auto right = host.clock.error();
        const auto wrong =
            microseconds{chance().one_in(2) ? chance().between(-3'000'000, 3'000'000)
                                            : chance().between(-90'000'000, 90'000'000)};
        host.clock.set_error(wrong);
        heal(2'000, 40'000, [&host, right] { host.clock.set_error(right); });
        return true;
    }

    bool move_redis_clock() {
        auto& clock = simulation_.redis().clock();
        tell("");
        clock.set_error(microseconds{chance().between(-3'000'000, 3'000'000)});
        heal(2'000, 40'000, [&clock] { clock.set_error(microseconds{0}); });
        return true;
    }

    Simulation& simulation_;
    World& world_;
    Fault fault_;
};

}  // namespace

bool begin_fault(Simulation& simulation, Fault fault) {
    return Beginning{simulation, fault}.begin();
}

}  // namespace quorate::simulation
