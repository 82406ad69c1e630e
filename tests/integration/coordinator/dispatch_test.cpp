#include <random>

#include <gtest/gtest.h>

#include "coordinator/dispatch/dispatcher.hpp"
#include "platform/telemetry/metrics.hpp"
#include "tests/integration/coordinator/lab.hpp"
#include "tests/integration/coordinator/queued_jobs.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::kNow;
using quorate::testing::RedisServer;
using std::chrono::seconds;

const std::vector<std::string> kRegions{"ap-south", "eu-west", "us-east"};

std::string fleet(int count) {
    std::string yaml = "endpoints:\n";
    for (int i = 0; i < count; ++i)
        yaml += "  - {name: e" + std::to_string(i) +
                ", url: 'http://h/', timeout: 1s, interval: " + std::to_string(5 * (1 + i % 3)) +
                "s}\n";
    return yaml;
}

/// A catalogue that follows the database, on a clock that the test moves.
struct Planning {
    Planning(Catalogued& lab_, RedisClient& redis_, asio::any_io_executor executor)
        : lab{lab_},
          redis{redis_},
          catalogue{std::move(executor), *lab.database, lab.deployment.window, lab.clock, log} {}

    Dispatcher dispatcher() {
        return {catalogue, redis, lab.deployment.window, lab.clock, log, counts};
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
    Catalogue catalogue;
};

/// Runs `body` with a planning whose catalogue follows.
void with_planning(Catalogued& lab,
                   const RedisServer& server,
                   const std::function<Task<>(Planning&)>& body) {
    quorate::testing::with_client(server, [&](RedisClient& redis) -> Task<> {
        auto executor = co_await asio::this_coro::executor;
        Planning planning{lab, redis, executor};
        TaskGroup group{executor, 1};
        group.spawn("catalogue", planning.catalogue.follow());
        std::exception_ptr failure;
        try {
            co_await body(planning);
        } catch (...) {
            failure = std::current_exception();
        }
        group.cancel();
        co_await group.join();
        if (failure) std::rethrow_exception(failure);
    });
}

/// One tick. Where Redis went away under it the dispatcher begins anew, as `run` makes it.
Task<> tick(Planning& planning, std::unique_ptr<Dispatcher>& dispatcher) {
    bool failed = false;
    try {
        co_await dispatcher->tick();
    } catch (const RedisUnavailable&) {
        failed = true;
    }
    if (failed) dispatcher = std::make_unique<Dispatcher>(planning.dispatcher());
}

/// What must be in the queues when everything up to `until` was planned.
std::map<CellKey, int> expected_cells(const Planning& planning, UtcTime until) {
    std::map<CellKey, int> cells;
    for (const auto& region : planning.catalogue.regions())
        for (const auto& probe : planning.catalogue.planner().due(region.id, kNow, until))
            ++cells[{probe.version->endpoint, region.id, probe.minute}];
    return cells;
}

TEST(Dispatch, AnyTicksRestartsAndRivalsEnqueueEachJobOnce) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        auto one = std::make_unique<Dispatcher>(planning.dispatcher());
        auto two = std::make_unique<Dispatcher>(planning.dispatcher());
        co_await planning.advance(microseconds{1});
        co_await tick(planning, one);  // the first tick ever: from here on nothing may be missing
        for (int i = 0; i < 60; ++i) {
            const milliseconds step{1 + random() % 1500};
            co_await planning.advance(step);
            // A rival works from what it knew: it is refused, reads again and goes on.
            if (random() % 3 == 0) co_await tick(planning, two);
            co_await tick(planning, one);
            if (random() % 5 == 0) one = std::make_unique<Dispatcher>(planning.dispatcher());
            if (i == 20) server.kill();
            if (i == 20) server.start();
            if (i == 40) server.stop();
            if (i == 40) server.start();
        }
        co_await planning.advance(milliseconds{1});
        co_await tick(planning, one);
        co_await tick(planning, one);
        const auto until = std::chrono::floor<milliseconds>(lab.clock.now + Dispatcher::kAhead);
        EXPECT_EQ(quorate::testing::count_by_cell(quorate::testing::queued_jobs(server, kRegions)),
                  expected_cells(planning, until));
    });
}

TEST(Dispatch, JobsCarryTheEraThatTheirEndpointWasLastSeenToSpeak) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(3));
    lab.sql(
        "INSERT INTO quorate.endpoint_state (endpoint_id, shard, last_minute, decision, scope,"
        " cells, voters, since, flapping, era, state)"
        " SELECT id, shard, now(), 1, 0, 3, 3, now(), false,"
        " CASE name WHEN 'e0' THEN 2 WHEN 'e1' THEN 3 END, '{}' FROM quorate.endpoint");
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        auto dispatcher = planning.dispatcher();
        co_await planning.advance(seconds{30});
        co_await dispatcher.tick();
        co_await planning.advance(seconds{30});
        co_await dispatcher.tick();
    });
    std::map<std::string, std::size_t> jobs;
    for (const auto& job : quorate::testing::queued_jobs(server, kRegions)) {
        ++jobs[job.name];
        const auto seen = job.name == "e0"   ? std::optional{Era::legacy}
                          : job.name == "e1" ? std::optional{Era::sse}
                                             : std::nullopt;
        EXPECT_EQ(job.era_hint, seen) << job.id;
    }
    EXPECT_EQ(jobs.size(), 3U);
}

TEST(Dispatch, APointThatAClockAheadLeftIsResetAndPlanningGoesOn) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        co_await planning.advance(seconds{30});  // by now all endpoints are in force
        // Ahead of Redis's clock as well, whatever the date.
        const auto wrong = std::chrono::floor<milliseconds>(
            std::max(lab.clock.now, SystemClock{}.utc_now()) + std::chrono::hours{1});
        for (const auto& region : kRegions) {
            JobQueue queue{planning.redis, region};
            std::vector<Job> none;
            const auto left = co_await queue.enqueue(std::move(none), std::nullopt, wrong);
            EXPECT_TRUE(left.taken);
        }
        auto dispatcher = planning.dispatcher();
        co_await dispatcher.tick();
        const auto until = lab.clock.now + Dispatcher::kAhead;
        std::map<CellKey, int> expected;
        for (const auto& region : planning.catalogue.regions())
            for (const auto& probe :
                 planning.catalogue.planner().due(region.id, lab.clock.now, until))
                ++expected[{probe.version->endpoint, region.id, probe.minute}];
        EXPECT_FALSE(expected.empty());
        EXPECT_EQ(quorate::testing::count_by_cell(quorate::testing::queued_jobs(server, kRegions)),
                  expected);
        for (const auto& region : kRegions) {
            JobQueue queue{planning.redis, region};
            const auto planned = co_await queue.planned_until();
            EXPECT_EQ(planned, until);
        }
    });
}

TEST(Dispatch, APointAFewSecondsAheadIsLeftAlone) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        co_await planning.advance(seconds{30});
        const UtcTime ahead = lab.clock.now + Dispatcher::kTooFar;
        JobQueue queue{planning.redis, kRegions.front()};
        std::vector<Job> none;
        co_await queue.enqueue(std::move(none), std::nullopt, ahead);
        auto dispatcher = planning.dispatcher();
        co_await dispatcher.tick();
        const auto planned = co_await queue.planned_until();
        EXPECT_EQ(planned, ahead);
        EXPECT_TRUE(quorate::testing::queued_jobs(server, {kRegions.front()}).empty());
    });
}

}  // namespace
}  // namespace quorate::coordinator
