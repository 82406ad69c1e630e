// Coordinators on a Redis Cluster of which one master is away: what others serve goes on.
#include "tests/integration/redis/cluster.hpp"

#include <chrono>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/coordinator/processes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::apply_now;
using quorate::testing::Catalogued;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::http_get;
using quorate::testing::ready;
using quorate::testing::RedisCluster;
using quorate::testing::region_at;
using quorate::testing::RunningApp;
using std::chrono::seconds;

constexpr std::size_t kEndpoints = 100;

/// The jobs in the queue of a region whose master is there, and was there at first.
std::vector<Job> jobs_of(RedisCluster& cluster, const std::string& region) {
    std::vector<Job> jobs;
    auto& server = cluster.server(RedisCluster::first_owner(keys::jobs(region)));
    quorate::testing::with_client(server, [&](RedisClient& client) -> Task<> {
        RedisArgs command{"XRANGE", keys::jobs(region), "-", "+"};
        const auto reply = co_await client.run(std::move(command));
        for (const auto& entry : reply.list())
            jobs.push_back(*wire::decode_job(entry.list().at(1).list().at(1).text()));
    });
    return jobs;
}

/// A coordinator with one region on each master, of which one dies.
struct Broken {
    explicit Broken(std::size_t dead_master) : dead{dead_master}, app{config()} {
        EXPECT_TRUE(comes_to_hold([&] { return ready(app.health_port()); }));
        std::string yaml = "endpoints:\n";
        for (std::size_t i = 0; i < kEndpoints; ++i)
            yaml += "  - {name: e" + std::to_string(i) +
                    ", url: 'http://h/', timeout: 1s, regions: [" + regions[0] + ", " + regions[1] +
                    ", " + regions[2] + "]}\n";
        first = apply_now(lab, yaml);
        EXPECT_TRUE(comes_to_hold([&] { return clock.utc_now() > first.start() + seconds{5}; }));
        EXPECT_TRUE(comes_to_hold([&] { return worst_lag() < 1; }));
    }

    Config config() const {
        auto made = config_for(lab, cluster.server((dead + 1) % 3).url());
        made.redis.cluster = true;
        made.regions = regions;
        return made;
    }
    /// How far the region's planning is behind, in seconds, as the metrics have it.
    double lag(const std::string& region) {
        const auto metrics = http_get(app.health_port(), "/metrics");
        const auto name = "quorate_coordinator_planning_lag_seconds{region=\"" + region + "\"} ";
        const auto at = metrics.find(name);
        return at == std::string::npos ? 1e9 : std::stod(metrics.substr(at + name.size()));
    }
    double worst_lag() { return std::max({lag(regions[0]), lag(regions[1]), lag(regions[2])}); }
    /// Every endpoint whose shard's lease can be had was ordered in this region once in each minute
    /// up to `last`.
    void expect_that_the_others_went_on(const std::string& region, UtcMinute last) {
        std::map<EndpointId, std::map<UtcMinute, int>> minutes;
        for (const auto& job : jobs_of(cluster, region))
            if (RedisCluster::first_owner(keys::lease(SharedWork::planning, job.shard)) != dead)
                ++minutes[job.key.endpoint][job.key.minute];
        EXPECT_GT(minutes.size(), kEndpoints / 3);
        for (const auto& [endpoint, seen] : minutes)
            for (auto minute = first; minute <= last; minute = minute.plus(1, window))
                EXPECT_EQ(seen.count(minute) == 0 ? 0 : seen.at(minute), 1)
                    << region << " " << endpoint.value() << " " << minute.epoch_ms();
    }

    std::size_t dead;
    SystemClock clock;
    Catalogued lab{seconds{5}};
    Window window = lab.deployment.window;
    mutable RedisCluster cluster;
    std::vector<std::string> regions{region_at(0), region_at(1), region_at(2)};
    RunningApp app;
    UtcMinute first = UtcMinute::from_epoch_ms(0);
};

/// `quorate queues` and its sisters name what is not known, and show the rest.
void expect_that_operators_see_the_rest(Broken& broken) {
    const auto& away = broken.regions[broken.dead];
    const auto& other = broken.regions[(broken.dead + 1) % RedisCluster::kMasters];
    const auto run = [&broken](const std::string& verb) {
        const auto ran =
            run_cli({verb, "--server", "127.0.0.1:" + std::to_string(broken.app.admin_port())});
        EXPECT_EQ(ran.status, 0) << ran.err;
        EXPECT_NE(ran.err.find("warning: the "), std::string::npos) << verb << ran.err;
        return ran;
    };
    for (const std::string verb : {"queues", "regions"}) {
        const auto ran = run(verb);
        EXPECT_NE(ran.err.find("state of region " + away + " not known now: "), std::string::npos)
            << ran.err;
        EXPECT_EQ(ran.err.find("region " + other), std::string::npos) << ran.err;
        const auto row = [&ran](const std::string& region) {
            const auto at = ran.out.find(region);
            return ran.out.substr(at, ran.out.find('\n', at) - at);
        };
        EXPECT_NE(row(away).find('?'), std::string::npos) << ran.out;
        EXPECT_EQ(row(other).find('?'), std::string::npos) << ran.out;
    }
    const auto agents = run("agents");
    EXPECT_NE(agents.err.find("the agents of region " + away + " not known now: "),
              std::string::npos)
        << agents.err;
}

void expect_that_one_master_stops_its_own_alone(std::size_t dead) {
    Broken broken{dead};
    broken.cluster.server(dead).kill();
    const auto killed_at = broken.clock.utc_now();
    // Leases were renewed several times since, and two windows began.
    const auto last = UtcMinute::containing(killed_at, broken.window).plus(3, broken.window);
    EXPECT_TRUE(comes_to_hold([&] { return broken.clock.utc_now() > last.start() + seconds{5}; }));
    for (std::size_t master = 0; master < RedisCluster::kMasters; ++master)
        if (master != dead) broken.expect_that_the_others_went_on(broken.regions[master], last);
    EXPECT_GT(broken.lag(broken.regions[dead]), 10) << "nothing is planned there, and that is told";
    EXPECT_TRUE(ready(broken.app.health_port()));
    expect_that_operators_see_the_rest(broken);

    broken.cluster.server(dead).start();
    EXPECT_TRUE(comes_to_hold([&] { return broken.worst_lag() < 1; }));
    const auto now = UtcMinute::containing(broken.clock.utc_now(), broken.window);
    std::size_t again = 0;
    for (const auto& job : jobs_of(broken.cluster, broken.regions[dead]))
        again += job.key.minute >= now ? 1 : 0;
    EXPECT_GT(again, 0U);
}

TEST(FleetInACluster, AMasterThatDiesStopsItsOwnRegionAndItsOwnShardsAlone) {
    const auto heartbeats = RedisCluster::first_owner(keys::heartbeats(SharedWork::planning));
    expect_that_one_master_stops_its_own_alone((heartbeats + 1) % RedisCluster::kMasters);
}

TEST(FleetInACluster, TheMasterOfTheHeartbeatsStopsNoMoreThanAnyOther) {
    expect_that_one_master_stops_its_own_alone(
        RedisCluster::first_owner(keys::heartbeats(SharedWork::planning)));
}

}  // namespace
}  // namespace quorate::coordinator
