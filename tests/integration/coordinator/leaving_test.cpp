// Endpoints that are deleted or paused, as the catalogue tells a planner of them.
#include <gtest/gtest.h>

#include "tests/integration/coordinator/planning.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::Planning;
using quorate::testing::RedisServer;
using quorate::testing::with_planning;
using std::chrono::seconds;

/// Endpoints of one origin; those from the `living`th on are paused.
std::string crowd(int count, int living) {
    std::string yaml = "endpoints:\n";
    for (int i = 0; i < count; ++i)
        yaml += "  - {name: e" + std::to_string(i) + ", url: 'http://h/', timeout: 1s" +
                (i < living ? "" : ", paused: true") + "}\n";
    return yaml;
}

/// What the planner says of the looks of the ten windows from now on, in order.
std::vector<HeldBack> decided(Planning& planning) {
    std::vector<HeldBack> all;
    std::vector<DueProbe> due;
    auto& planner = planning.catalogue.planner();
    const auto now = planning.lab.clock.now;
    planner.pass(now);
    for (const auto& region : planning.catalogue.regions())
        for (std::uint64_t shard = 0; shard < planning.lab.deployment.shards; ++shard) {
            planner.due(ShardId{shard}, region.id, now, now + seconds{50}, due);
            for (const auto& probe : due)
                all.push_back(planner.held_back(probe));
        }
    return all;
}

/// Ten endpoints, of whose probes every other fits; then `change` leaves four, which all fit.
void expect_that_four_are_not_held_back(const std::string& change, bool prune) {
    Catalogued lab{seconds{5}};
    const RedisServer server;
    lab.apply(crowd(10, 10));
    const PolitenessLimits limits{10 * 3 / 5.0 / 2, 0, 0, 0};
    with_planning(
        lab,
        server,
        [&](Planning& planning) -> Task<> {
            co_await planning.advance(seconds{30});
            const auto before = decided(planning);
            EXPECT_EQ(before.size(), 10U * 3 * 10);
            EXPECT_GT(std::ranges::count(before, HeldBack::origin), 100);
            ApplyOrder order;
            order.actor.principal = "test";
            order.files = {{"e.yaml", change}};
            order.prune = prune;
            order.yes = true;
            const auto applied =
                co_await apply(*lab.database, lab.clock, lab.deployment, std::move(order));
            EXPECT_TRUE(applied.errors.empty());
            co_await planning.advance(seconds{1});  // it is known, and not in force
            const auto known = decided(planning);
            EXPECT_GT(std::ranges::count(known, HeldBack::origin), 0);
            co_await planning.advance(seconds{20});
            const auto after = decided(planning);
            EXPECT_EQ(after, std::vector<HeldBack>(std::size_t{4} * 3 * 10, HeldBack::no));
            const auto executor = co_await asio::this_coro::executor;
            Planning other{lab, planning.redis, executor, limits};
            std::vector<Task<>> services;
            services.push_back(other.catalogue.follow());
            std::function<Task<>()> inner = [&]() -> Task<> {
                co_await other.advance(microseconds{0});
                EXPECT_EQ(decided(other), after) << "a coordinator that began later agrees";
            };
            co_await quorate::testing::beside(std::move(services), std::move(inner));
        },
        limits);
}

TEST(LeavingEndpoints, WhatIsDeletedLeavesItsOriginToOthers) {
    expect_that_four_are_not_held_back(crowd(4, 4), true);
}

TEST(LeavingEndpoints, WhatIsPausedLeavesItsOriginToOthers) {
    expect_that_four_are_not_held_back(crowd(10, 4), false);
}

}  // namespace
}  // namespace quorate::coordinator
