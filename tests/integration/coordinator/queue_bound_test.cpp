// What stands in Redis while nobody takes it: for an hour, on a clock of Redis that the test moves.
#include <algorithm>

#include <gtest/gtest.h>

#include "platform/redis/fleet.hpp"
#include "tests/integration/coordinator/planning.hpp"
#include "tests/support/movable_clock/movable_clock.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::MovableClock;
using quorate::testing::Planning;
using quorate::testing::RedisServer;
using std::chrono::minutes;
using std::chrono::seconds;

const std::vector<std::string> kRegions{"ap-south", "eu-west", "us-east"};

/// The dispatcher's clock and Redis's, moved together.
constexpr seconds kStep{5};
/// Older entries go, each time that it trims.
constexpr seconds kKept = 2 * seconds{5} + minutes{1};

Task<std::uint64_t> used_memory(RedisClient& redis) {
    RedisArgs command{"INFO", "memory"};
    const auto reply = co_await redis.run(std::move(command));
    const std::string name = "used_memory:";
    co_return std::stoull(reply.text().substr(reply.text().find(name) + name.size()));
}

/// An hour of a dispatcher whose jobs nobody takes.
struct Hour {
    Hour(Planning& planning_, MovableClock& clock_) : planning{planning_}, clock{clock_} {
        planning.grant_all(held);
        dispatcher = planning.dispatcher(held);
    }

    Task<> step() {
        clock.advance(kStep);
        planning.lab.clock.now += kStep;
        planning.catalogue.no_change_before(planning.lab.clock.now);
        co_await dispatcher->tick();
    }

    /// What was queued for slots between two times, against now.
    std::uint64_t due(RegionId region, seconds from, seconds until) {
        const auto now = planning.lab.clock.now;
        return planning.due(region, now + from, now + until).size();
    }

    /// The queue holds all that may be started yet, and nothing that had to go.
    Task<> expect_bound() {
        const auto queues = co_await read_queues(planning.redis, kRegions);
        for (const auto& region : planning.catalogue.regions()) {
            const auto at = std::ranges::find(kRegions, region.name) - kRegions.begin();
            const auto ahead = std::chrono::ceil<seconds>(Dispatcher::kAhead);
            const auto trims = std::chrono::ceil<seconds>(Dispatcher::kTrimEvery);
            const auto entries = queues.at(static_cast<std::size_t>(at)).depth.entries;
            EXPECT_LE(entries, due(region.id, ahead - kKept - trims - 2 * kStep, ahead));
            EXPECT_GE(entries, due(region.id, ahead - kKept + 2 * kStep, ahead));
        }
    }

    double count(MetricFamily<Counter>& counters) const {
        double sum = 0;
        for (const auto& region : kRegions)
            sum += counters.with({region}).value();
        return sum;
    }

    Planning& planning;
    MovableClock& clock;
    HeldShards held;
    std::unique_ptr<Dispatcher> dispatcher;
};

TEST(QueueBound, AnHourWithoutAnyAgentLeavesNoMoreThanCouldStillBeStartedAndRedisFlat) {
    Catalogued lab{seconds{5}};
    MovableClock clock;
    RedisServer server;
    server.stop();
    server.set_environment(clock.variables());
    server.start();
    lab.apply(quorate::testing::fleet(60));
    quorate::testing::with_planning(lab, server, [&](Planning& planning) -> Task<> {
        const auto began = co_await redis_time(planning.redis);
        co_await planning.advance(seconds{30});  // by now all endpoints are in force
        Hour hour{planning, clock};
        for (seconds past{0}; past < minutes{5}; past += kStep)
            co_await hour.step();
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        for (auto past = seconds{minutes{5}}; past < minutes{60}; past += kStep) {
            co_await hour.step();
            co_await hour.expect_bound();
            const auto bytes = co_await used_memory(planning.redis);
            if (past < minutes{10}) first = std::max(first, bytes);
            if (past >= minutes{55}) last = std::max(last, bytes);
        }
        const auto ended = co_await redis_time(planning.redis);
        EXPECT_GE(ended - began, minutes{60});
        const auto enqueued = hour.count(planning.counts.jobs_enqueued);
        const auto trimmed = hour.count(planning.counts.jobs_trimmed);
        EXPECT_GT(enqueued, 70'000);
        EXPECT_GT(trimmed, 0.95 * enqueued);
        EXPECT_LT(static_cast<double>(last), 1.05 * static_cast<double>(first));
    });
}

}  // namespace
}  // namespace quorate::coordinator
