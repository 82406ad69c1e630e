// Agents whose Redis is replaced, or hangs.
#include <algorithm>
#include <optional>

#include "tests/integration/redis/sentinel.hpp"
#include "tests/integration/region-agent/agent_process.hpp"

namespace quorate {
namespace {

using testing::agent_config;
using testing::AgentProcess;
using testing::Bench;
using testing::eventually;
using testing::job_for;
using testing::kRegion;
using testing::on_bench;
using testing::RedisServer;
using testing::RunningAgent;
using testing::WithSentinel;

constexpr std::uint64_t kEndpoints = 20;

agent::Config behind(const WithSentinel& redis, const std::string& name) {
    auto config = agent_config(redis.master, name);
    config.redis = redis.settings();
    return config;
}

/// Jobs of the endpoints from `first` on are being probed and don't end, as those before.
Task<> begin(Bench& bench, std::uint64_t first, std::uint64_t endpoints) {
    bench.stub.hang();
    std::vector<Job> jobs;
    for (std::uint64_t endpoint = first; endpoint <= endpoints; ++endpoint) {
        jobs.push_back(job_for(endpoint, bench.stub.url()));
        jobs.back().timeout = std::chrono::seconds{30};
    }
    co_await bench.enqueue(std::move(jobs));
    const auto probing = [&]() -> Task<bool> { co_return bench.stub.requests() >= endpoints; };
    EXPECT_TRUE(co_await eventually(probing));
}

/// So that another one takes what comes.
Task<> cordon_until(Bench& bench,
                    std::vector<std::string> cordoned,
                    const RunningAgent& agent,
                    bool aside) {
    co_await write_cordoned(bench.redis, kRegion, std::move(cordoned));
    const auto known = [&]() -> Task<bool> { co_return agent.app.stands_aside() == aside; };
    EXPECT_TRUE(co_await eventually(known));
}

/// When the agents have all beaten last, by Redis's clock; nothing: Redis is away, or one never
/// did.
Task<std::optional<UtcTime>> heard_all(Bench& bench, std::size_t agents) {
    try {
        std::vector<std::string> regions{kRegion};
        const auto fleets = co_await read_heartbeats(bench.redis, std::move(regions));
        const auto& fleet = fleets.at(0).agents;
        if (fleet.size() < agents) co_return std::nullopt;
        co_return std::ranges::min_element(fleet, {}, &Heartbeat::at)->at;
    } catch (const RedisUnavailable&) {
        co_return std::nullopt;
    }
}

/// Waits until all of them have beaten for two seconds from here on.
Task<bool> beat_on(Bench& bench, std::size_t agents) {
    std::optional<UtcTime> first;
    const auto long_enough = [&]() -> Task<bool> {
        const auto last = co_await heard_all(bench, agents);
        if (last && !first) first = last;
        co_return last&&* last >= *first + std::chrono::seconds{2};
    };
    const bool so = co_await eventually(long_enough, std::chrono::seconds{60});
    co_return so;
}

TEST(AgentFailover, WhatRunsWhenTheMasterDiesIsProbedOnceAndRecordedAtTheNext) {
    WithSentinel redis;
    on_bench(redis.options(), [&](Bench& bench) -> Task<> {
        RunningAgent a{bench.executor, behind(redis, "a")};
        co_await begin(bench, 1, kEndpoints / 2);
        std::vector<std::string> only_a{"a"};
        co_await cordon_until(bench, std::move(only_a), a, true);
        RunningAgent b{bench.executor, behind(redis, "b")};
        co_await begin(bench, kEndpoints / 2 + 1, kEndpoints);
        std::vector<std::string> nobody;
        co_await cordon_until(bench, std::move(nobody), a, false);
        EXPECT_EQ(a.app.load().in_flight, kEndpoints / 2);
        EXPECT_EQ(b.app.load().in_flight, kEndpoints / 2);
        co_await testing::wait_until_it_is_copied(bench.redis);
        redis.master.kill();
        const auto lost = [&]() -> Task<bool> {
            co_return !a.app.readiness().ready() && !b.app.readiness().ready();
        };
        EXPECT_TRUE(co_await eventually(lost));
        EXPECT_TRUE(co_await beat_on(bench, 2));
        bench.stub.go_on();
        const auto done = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(done));
        const auto cells = co_await bench.cells_of(kEndpoints);
        EXPECT_EQ(cells.size(), kEndpoints);
        for (const auto& cell : cells)
            EXPECT_EQ(cell.verdict, Verdict::up) << cell.detail;
        EXPECT_EQ(bench.stub.attempts(), kEndpoints);
        co_await a.stop();
        co_await b.stop();
    });
}

TEST(AgentFailover, WhileRedisHangsADrainEndsWithinTwentySecondsAndNoJobIsLost) {
    RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        AgentProcess process{server, "a"};
        co_await begin(bench, 1, 3);
        server.pause();
        process.begin_end();
        bench.stub.go_on();
        const auto status = co_await process.ended();  // waits 20 s at most
        EXPECT_EQ(status, 0);
        server.resume();
        const auto depth = co_await bench.depth();
        EXPECT_EQ(depth, (QueueDepth{3, 3}));
        RunningAgent other{bench.executor, agent_config(server, "other")};
        const auto done = [&] { return bench.queue_is_empty(); };
        EXPECT_TRUE(co_await eventually(done));
        const auto cells = co_await bench.cells_of(3);
        EXPECT_EQ(cells.size(), 3U);
        for (const auto& cell : cells)
            EXPECT_EQ(cell.verdict, Verdict::up) << cell.detail;
        co_await other.stop();
    });
}

}  // namespace
}  // namespace quorate
