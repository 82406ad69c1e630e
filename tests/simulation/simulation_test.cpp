#include "tests/simulation/simulation.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include <unistd.h>

#include "platform/runtime/sleep.hpp"
#include "tests/simulation/virtual_time.hpp"

namespace quorate::simulation {
namespace {

Outcome outcome_of(std::uint64_t seed, Break broken = Break::none) {
    const auto disks = std::filesystem::temp_directory_path() /
                       ("quorate-simulation-test-" + std::to_string(::getpid()));
    Simulation simulation{{seed, broken, false, disks}};
    return simulation.run();
}

TEST(Simulation, TheSameSeedDoesTheSameAgain) {
    const auto first = outcome_of(11);
    const auto again = outcome_of(11);
    EXPECT_EQ(first.trace, again.trace);
    EXPECT_EQ(first.violations, again.violations);
    EXPECT_NE(outcome_of(12).trace, first.trace);
}

TEST(Simulation, AFailingSeedFailsInTheSameWayAgain) {
    const auto first = outcome_of(3, Break::ack_before_write);
    const auto again = outcome_of(3, Break::ack_before_write);
    EXPECT_FALSE(first.violations.empty());
    EXPECT_EQ(first.violations, again.violations);
    EXPECT_EQ(first.trace, again.trace);
}

TEST(Simulation, ASeedIsAsLargeAsItIsToBe) {
    const auto outcome = outcome_of(1);
    EXPECT_GE(outcome.minutes, Simulation::kEndpoints * Simulation::kWindows / 2);
    EXPECT_GT(outcome.looks, outcome.minutes);
    std::uint64_t faults = 0;
    for (const auto& [fault, count] : outcome.faults)
        faults += count;
    EXPECT_GE(faults, 5U);
}

/// What a process's coroutines see of time.
TEST(World, TimersRunOnSimulatedTimeAndAPausedProcessLagsBehind) {
    World world{1};
    Process process{world};
    std::vector<SteadyTime> woken;
    const auto sleeps = [&]() -> Task<> {
        for (;;) {
            co_await sleep_for(std::chrono::seconds{10});
            woken.push_back(world.now());
        }
    };
    process.spawn("sleeps", sleeps());
    const SteadyTime begin;
    world.at(begin + std::chrono::seconds{15}, [&] { process.pause(); });
    world.at(begin + std::chrono::seconds{70}, [&] { process.resume(); });
    world.run_until(begin + std::chrono::seconds{85});
    EXPECT_EQ(woken,
              (std::vector{begin + std::chrono::seconds{10},
                           begin + std::chrono::seconds{70},
                           begin + std::chrono::seconds{80}}));
    process.kill();
}

TEST(World, AKilledProcessDoesNothingMore) {
    World world{1};
    Process process{world};
    int woken = 0;
    const auto sleeps = [&]() -> Task<> {
        for (;;) {
            co_await sleep_for(std::chrono::seconds{1});
            ++woken;
        }
    };
    process.spawn("sleeps", sleeps());
    world.run_until(SteadyTime{std::chrono::milliseconds{2500}});
    process.kill();
    world.run_until(SteadyTime{std::chrono::seconds{9}});
    EXPECT_EQ(woken, 2);
}

}  // namespace
}  // namespace quorate::simulation
