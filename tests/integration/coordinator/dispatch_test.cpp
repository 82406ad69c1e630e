#include <deque>
#include <random>

#include <gtest/gtest.h>

#include "platform/redis/convert.hpp"
#include "platform/redis/shard_leases.hpp"
#include "tests/integration/coordinator/planning.hpp"
#include "tests/integration/coordinator/queued_jobs.hpp"
#include "tests/integration/redis/watched.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::eventually;
using quorate::testing::fleet;
using quorate::testing::is_answering;
using quorate::testing::kNow;
using quorate::testing::Planning;
using quorate::testing::RedisServer;
using quorate::testing::with_planning;
using std::chrono::seconds;

const std::vector<std::string> kRegions{"ap-south", "eu-west", "us-east"};

/// A coordinator as far as it plans.
struct Rival {
    explicit Rival(Planning& planning_) : planning{planning_} { restart(); }
    void restart() { dispatcher = planning.dispatcher(held); }
    Task<> tick() { return dispatcher->tick(); }
    Planning& planning;
    HeldShards held;
    std::unique_ptr<Dispatcher> dispatcher;
};

TEST(Dispatch, AnyTicksRestartsRivalsAndTakeOversEnqueueEachJobOnce) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        std::deque<Rival> rivals;
        for (int i = 0; i < 3; ++i)
            rivals.emplace_back(planning);
        planning.grant_all(rivals[0].held);
        co_await planning.advance(microseconds{1});
        co_await rivals[0].tick();  // the first tick ever: from here on nothing may be missing
        for (int i = 0; i < 60; ++i) {
            const milliseconds step{1 + random() % 1500};
            co_await planning.advance(step);
            // A shard changes hands, and its holder does not know: it is refused.
            for (std::uint64_t shard = 0; shard < lab.deployment.shards; ++shard)
                if (random() % 8 == 0) planning.grant(rivals[random() % 3].held, ShardId{shard});
            for (auto& rival : rivals) {
                if (random() % 3 == 0) continue;  // it is paused
                if (random() % 5 == 0) rival.restart();
                co_await rival.tick();
            }
            if (i == 20) server.kill();
            if (i == 20) server.start();
            if (i == 40) server.stop();
            if (i == 40) server.start();
        }
        const auto returned = [&planning] { return is_answering(planning.redis); };
        EXPECT_TRUE(co_await eventually(returned)) << "on a busy machine the steps were faster";
        co_await planning.advance(milliseconds{1});
        planning.grant_all(rivals[1].held);
        for (int i = 0; i < 2; ++i)
            for (auto& rival : rivals)
                co_await rival.tick();
        EXPECT_GT(planning.counts.fence_refusals.value(), 0);
        const auto until = std::chrono::floor<milliseconds>(lab.clock.now + Dispatcher::kAhead);
        EXPECT_EQ(quorate::testing::count_by_cell(quorate::testing::queued_jobs(server, kRegions)),
                  planning.expected_cells(kNow, until));
    });
}

TEST(Dispatch, AfterRedisLostItsDataNothingGoesInUntilTheLeaseWasRenewed) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        Rival rival{planning};
        planning.grant_all(rival.held);
        co_await planning.advance(seconds{30});
        co_await rival.tick();
        EXPECT_FALSE(quorate::testing::queued_jobs(server, kRegions).empty());
        RedisArgs flush{"FLUSHALL"};
        co_await planning.redis.run(std::move(flush));
        co_await planning.advance(seconds{5});
        co_await rival.tick();
        EXPECT_TRUE(quorate::testing::queued_jobs(server, kRegions).empty());
        EXPECT_TRUE(rival.held.in_force(lab.clock.steady_now()).empty());
        planning.grant_all(rival.held);
        co_await rival.tick();
        const auto until = lab.clock.now + Dispatcher::kAhead;
        EXPECT_EQ(quorate::testing::count_by_cell(quorate::testing::queued_jobs(server, kRegions)),
                  planning.expected_cells(lab.clock.now, until));
    });
}

TEST(Dispatch, AfterAnOutageWhatIsNotSealedYetIsEnqueuedAndTheRestCounted) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(300));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        Rival rival{planning};
        planning.grant_all(rival.held);
        co_await planning.advance(seconds{30});
        co_await rival.tick();
        const auto planned = lab.clock.now + Dispatcher::kAhead;
        co_await planning.advance(seconds{63});
        rival.restart();
        co_await rival.tick();
        const auto jobs = quorate::testing::queued_jobs(server, kRegions);
        const auto all = planning.expected_cells(lab.clock.now - seconds{63},
                                                 lab.clock.now + Dispatcher::kAhead);
        std::map<CellKey, int> wanted;
        std::size_t too_late = 0;
        for (const auto& [key, count] :
             planning.expected_cells(planned, lab.clock.now + Dispatcher::kAhead)) {
            const bool sealed = watermark(key.minute, lab.deployment.window) <= lab.clock.now;
            if (sealed) ++too_late;
            if (!sealed) wanted[key] = count;
        }
        EXPECT_GT(too_late, 1000U);
        EXPECT_GT(wanted.size(), 1000U);
        for (const auto& [key, count] :
             planning.expected_cells(lab.clock.now - seconds{63}, planned))
            wanted[key] = count;
        EXPECT_EQ(quorate::testing::count_by_cell(jobs), wanted);
        double missed = 0;
        for (const auto& region : kRegions)
            missed += planning.counts.jobs_missed.with({region}).value();
        EXPECT_EQ(missed, static_cast<double>(too_late));
        rival.restart();
        co_await rival.tick();
        std::uint64_t told = 0;
        const auto queues = co_await read_queues(planning.redis, kRegions);
        for (const auto& queue : queues)
            told += queue.missed;
        EXPECT_EQ(told, too_late) << "as `quorate queues` has it, each once";
        EXPECT_EQ(wanted.size() + too_late, all.size());
    });
}

TEST(Dispatch, ItSaysHowLateItIsWhileRedisTakesNoJobs) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        Rival rival{planning};
        planning.grant_all(rival.held);
        co_await planning.advance(seconds{30});
        co_await rival.tick();
        EXPECT_EQ(rival.dispatcher->lag(), seconds{0});
        RedisArgs full{"CONFIG", "SET", "maxmemory", "1"};
        co_await planning.redis.run(std::move(full));
        co_await planning.advance(seconds{63});
        co_await rival.tick();
        EXPECT_EQ(rival.dispatcher->lag(), seconds{63});
        RedisArgs roomy{"CONFIG", "SET", "maxmemory", "0"};
        co_await planning.redis.run(std::move(roomy));
        co_await rival.tick();
        EXPECT_EQ(rival.dispatcher->lag(), seconds{0});
    });
}

TEST(Dispatch, WithoutPostgresItGoesOnOnlyWhileNobodyCanChangeTheCatalogue) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        Rival rival{planning};
        planning.grant_all(rival.held);
        co_await planning.advance(seconds{30});
        co_await rival.tick();
        const auto known = *planning.catalogue.complete_until();
        quorate::testing::cluster().stop();
        lab.clock.now += seconds{9};  // no minute is sealed meanwhile
        co_await rival.tick();
        std::vector<std::string> regions{kRegions.front()};
        auto planned = co_await read_queues(planning.redis, regions);
        EXPECT_EQ(planned.front().planned_until, known + kChangeLead);
        planning.catalogue.no_change_before(lab.clock.now - seconds{4});
        co_await rival.tick();
        planned = co_await read_queues(planning.redis, regions);
        EXPECT_EQ(planned.front().planned_until, lab.clock.now + seconds{1});
        planning.catalogue.no_change_before(lab.clock.now);
        co_await rival.tick();
        planned = co_await read_queues(planning.redis, regions);
        EXPECT_EQ(planned.front().planned_until, lab.clock.now + Dispatcher::kAhead);
        quorate::testing::cluster().start();
        EXPECT_EQ(quorate::testing::count_by_cell(quorate::testing::queued_jobs(server, kRegions)),
                  planning.expected_cells(lab.clock.now - seconds{9},
                                          lab.clock.now + Dispatcher::kAhead));
    });
}

TEST(Dispatch, AShardWhoseLeaseIsNotHeldOrRanOutIsLeftAlone) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        Rival rival{planning};
        co_await planning.advance(seconds{30});
        for (std::uint64_t shard = 0; shard < 32; ++shard)
            planning.grant(rival.held, ShardId{shard});
        for (std::uint64_t shard = 32; shard < 48; ++shard)
            rival.held.hold({ShardId{shard}, 1}, lab.clock.steady_now());
        co_await rival.tick();
        const auto jobs = quorate::testing::queued_jobs(server, kRegions);
        EXPECT_FALSE(jobs.empty());
        for (const auto& job : jobs)
            EXPECT_LT(job.shard.value(), 32U);
    });
}

/// As where the node of the lease lost it and its clock is behind: Redis would renew the low epoch
/// for ever.
TEST(Dispatch, AFenceAboveTheLeaseIsOutbid) {
    Catalogued lab{seconds{5}, 1};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        Rival rival{planning};
        co_await planning.advance(seconds{30});
        const ShardId shard{0};
        const auto fence = detail::to_ms(SystemClock{}.utc_now()) + 3'600'000;
        for (const auto& region : kRegions) {
            RedisArgs raise{"HSET", keys::fence(region), "0", std::to_string(fence)};
            co_await planning.redis.run(std::move(raise));
        }
        ShardLeases leases{planning.redis, SharedWork::planning, "test"};
        for (int round = 0; round < 2; ++round) {
            std::vector<ShardId> shards{shard};
            auto above = rival.held.above();
            const auto answers =
                co_await leases.hold(std::move(shards), seconds{60}, std::move(above));
            EXPECT_TRUE(answers.at(0).epoch);
            rival.held.hold({shard, answers.at(0).epoch.value_or(0)}, SteadyTime::max());
            co_await rival.tick();
            const auto jobs = quorate::testing::queued_jobs(server, kRegions);
            EXPECT_EQ(jobs.empty(), round == 0);
        }
    });
}

TEST(Dispatch, JobsCarryTheEraThatTheirEndpointWasLastSeenToSpeak) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(3));
    lab.sql(
        "INSERT INTO quorate.endpoint_state (endpoint_id, shard, decision, scope,"
        " cells, voters, since, flapping, era)"
        " SELECT id, shard, 1, 0, 3, 3, now(), false,"
        " CASE name WHEN 'e0' THEN 2 WHEN 'e1' THEN 3 END FROM quorate.endpoint");
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        Rival rival{planning};
        planning.grant_all(rival.held);
        co_await planning.advance(seconds{30});
        co_await rival.tick();
        co_await planning.advance(seconds{30});
        co_await rival.tick();
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

/// Leaves the point up to which every shard of a region is planned.
Task<> leave_planned(Planning& planning, std::string region, UtcTime until) {
    JobQueue queue{planning.redis, region};
    HeldShards held;
    planning.grant_all(held);
    const auto shards = held.all();
    co_await queue.raise_fence(shards);
    std::vector<JobBlock> blocks;
    for (const auto& one : shards) {
        auto& block = blocks.emplace_back();
        block.held = one;
        block.until = until;
    }
    co_await queue.enqueue(std::move(blocks));
}

TEST(Dispatch, APointThatAClockAheadLeftIsResetAndPlanningGoesOn) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        co_await planning.advance(seconds{30});  // by now all endpoints are in force
        // Ahead of Redis's clock as well, whatever the date.
        const UtcTime wrong = std::chrono::floor<milliseconds>(
            std::max(lab.clock.now, SystemClock{}.utc_now()) + std::chrono::hours{1});
        for (const auto& region : kRegions)
            co_await leave_planned(planning, region, wrong);
        Rival rival{planning};
        planning.grant_all(rival.held);
        co_await rival.tick();
        const auto until = lab.clock.now + Dispatcher::kAhead;
        const auto expected = planning.expected_cells(lab.clock.now, until);
        EXPECT_FALSE(expected.empty());
        EXPECT_EQ(quorate::testing::count_by_cell(quorate::testing::queued_jobs(server, kRegions)),
                  expected);
        const auto planned = co_await read_queues(planning.redis, kRegions);
        for (const auto& point : planned)
            EXPECT_EQ(point.planned_until, until);
    });
}

TEST(Dispatch, APointAFewSecondsAheadIsLeftAlone) {
    Catalogued lab{seconds{5}};
    RedisServer server;
    lab.apply(fleet(30));
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        co_await planning.advance(seconds{30});
        const UtcTime ahead = lab.clock.now + Dispatcher::kTooFar;
        const auto region = kRegions.front();
        co_await leave_planned(planning, region, ahead);
        Rival rival{planning};
        planning.grant_all(rival.held);
        co_await rival.tick();
        std::vector<std::string> regions{region};
        const auto planned = co_await read_queues(planning.redis, std::move(regions));
        EXPECT_EQ(planned.front().planned_until, ahead);
        EXPECT_TRUE(quorate::testing::queued_jobs(server, {region}).empty());
    });
}

}  // namespace
}  // namespace quorate::coordinator
