#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/dispatch/dispatcher.hpp"
#include "platform/telemetry/metrics.hpp"
#include "tests/integration/coordinator/lab.hpp"
#include "tests/integration/redis/with_client.hpp"

namespace quorate::testing {

using coordinator::Catalogue;
using coordinator::CoordinatorMetrics;
using coordinator::DispatchContext;
using coordinator::Dispatcher;
using coordinator::DueProbe;
using coordinator::PolitenessLimits;
using coordinator::PostgresCatalogue;
using quorate::HeldShards;

/// `count` endpoints with intervals of 5, 10 and 15 s, in turn.
inline std::string fleet(int count) {
    std::string yaml = "endpoints:\n";
    for (int i = 0; i < count; ++i)
        yaml += "  - {name: e" + std::to_string(i) +
                ", url: 'http://h/', timeout: 1s, interval: " + std::to_string(5 * (1 + i % 3)) +
                "s}\n";
    return yaml;
}

/// A catalogue that follows the database, on a clock that the test moves.
struct Planning {
    Planning(Catalogued& lab_,
             RedisClient& redis_,
             asio::any_io_executor executor,
             PolitenessLimits limits = {})
        : lab{lab_},
          redis{redis_},
          stored{*lab.database},
          catalogue{std::move(executor), stored, lab.deployment.window, lab.clock, log, limits} {}

    std::unique_ptr<Dispatcher> dispatcher(HeldShards& held) {
        return std::make_unique<Dispatcher>(
            DispatchContext{catalogue, redis, held, lab.deployment.window, lab.clock, log, counts});
    }
    /// Gives a lease of a shard that lasts as long as the test, under the next epoch.
    void grant(HeldShards& held, ShardId shard) { held.hold({shard, ++epoch}, SteadyTime::max()); }
    void grant_all(HeldShards& held) {
        for (std::uint64_t shard = 0; shard < lab.deployment.shards; ++shard)
            grant(held, ShardId{shard});
    }
    /// What is due in all shards of a region.
    std::vector<CellKey> due(RegionId region, UtcTime from, UtcTime until) {
        std::vector<CellKey> keys;
        std::vector<DueProbe> probes;
        for (std::uint64_t shard = 0; shard < lab.deployment.shards; ++shard) {
            catalogue.planner().due(ShardId{shard}, region, from, until, probes);
            for (const auto& probe : probes)
                keys.push_back({probe.version->endpoint, region, probe.minute});
        }
        return keys;
    }
    /// What must be in the queues when everything between the two was planned.
    std::map<CellKey, int> expected_cells(UtcTime from, UtcTime until) {
        std::map<CellKey, int> cells;
        for (const auto& region : catalogue.regions())
            for (const auto& key : due(region.id, from, until))
                ++cells[key];
        return cells;
    }
    /// Moves the clock and waits until the catalogue is known up to then.
    Task<> advance(microseconds step) {
        lab.clock.now += step;
        catalogue.wake();
        while (catalogue.complete_until() != lab.clock.now) {
            catalogue.wake();
            co_await sleep_for(milliseconds{1});
        }
    }

    Catalogued& lab;
    RedisClient& redis;
    Logger log{"test", LogLevel::error, lab.clock};
    Metrics metrics;
    CoordinatorMetrics counts{metrics};
    PostgresCatalogue stored;
    Catalogue catalogue;
    std::uint64_t epoch = 0;
};

/// Runs `body` with a planning whose catalogue follows.
inline void with_planning(Catalogued& lab,
                          const RedisServer& server,
                          const std::function<Task<>(Planning&)>& body,
                          PolitenessLimits limits = {}) {
    with_client(server, [&](RedisClient& redis) -> Task<> {
        auto executor = co_await asio::this_coro::executor;
        Planning planning{lab, redis, executor, limits};
        std::vector<Task<>> services;
        services.push_back(planning.catalogue.follow());
        std::function<Task<>()> inner = [&] { return body(planning); };
        co_await beside(std::move(services), std::move(inner));
    });
}

}  // namespace quorate::testing
