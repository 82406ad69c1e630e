#include "region-agent/outbox/manifest_shelf.hpp"

#include "core/base/sha256.hpp"
#include "platform/redis/reply.hpp"
#include "tests/integration/region-agent/agent_test.hpp"

namespace quorate {
namespace {

using agent::AgentMetrics;
using agent::ManifestLimits;
using agent::ManifestShelf;
using testing::agent_config;
using testing::Bench;
using testing::eventually;
using testing::job_for;
using testing::kRegion;
using testing::on_bench;
using testing::RedisServer;
using testing::RunningAgent;

/// What stands in Redis of a list of the region.
Task<std::optional<std::string>> standing(RedisClient& redis, std::string full_hash) {
    std::vector<ManifestName> names{{kRegion, std::move(full_hash)}};
    const auto texts = co_await read_manifests(redis, std::move(names));
    co_return texts.at(0);
}

/// Has the agent look at the stub once. @return the cell
Task<Cell> look(Bench& bench, std::uint64_t endpoint) {
    std::vector<Job> jobs{job_for(endpoint, bench.stub.url())};
    co_await bench.enqueue(std::move(jobs));
    const auto acknowledged = [&] { return bench.queue_is_empty(); };
    EXPECT_TRUE(co_await eventually(acknowledged));
    const auto cells = co_await bench.cells_of(endpoint);
    co_return cells.empty() ? Cell{} : cells.back();
}

TEST(ManifestShelf, AnAgentPutsAListIntoRedisOnceAndBeforeTheCellThatNamesIt) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        const auto first = co_await look(bench, 1);
        const auto text = co_await standing(bench.redis, first.full_hash);
        EXPECT_TRUE(text);
        EXPECT_EQ(text ? to_hex(sha256(*text)) : "", first.full_hash);

        std::vector<ManifestName> names{{kRegion, first.full_hash}};
        co_await drop_manifests(bench.redis, std::move(names));
        const auto second = co_await look(bench, 2);
        EXPECT_EQ(second.full_hash, first.full_hash);
        const auto again = co_await standing(bench.redis, first.full_hash);
        EXPECT_FALSE(again) << "an archiver has it: it is not written again";

        bench.stub.list(R"([{"name": "other", "inputSchema": {"type": "object"}}])");
        const auto third = co_await look(bench, 3);
        EXPECT_NE(third.full_hash, first.full_hash);
        const auto other = co_await standing(bench.redis, third.full_hash);
        EXPECT_EQ(other, R"([{"inputSchema":{"type":"object"},"name":"other"}])");
        co_await agent.stop();
    });
}

/// A shelf with small bounds; lists are named by one letter each.
struct Shelf {
    Shelf(Bench& bench, ManifestLimits limits) : shelf{bench.redis, counts, kRegion, limits} {}

    /// What an agent does with a list that it had to read.
    bool offer(std::uint64_t endpoint, char name, std::size_t size, SteadyTime now = {}) {
        const std::string hash(64, name);
        if (!shelf.wants(EndpointId{endpoint}, hash, now)) return false;
        shelf.put(EndpointId{endpoint}, hash, std::string(size, 'x'));
        return true;
    }
    double count(std::string_view outcome) { return counts.manifests.with({outcome}).value(); }

    Metrics metrics;
    AgentMetrics counts{metrics};
    ManifestShelf shelf;
};

TEST(ManifestShelf, AboveTheBytesOfAMinuteListsAreReadAgainLater) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Shelf with{bench, {.bytes_a_minute = 100}};
        EXPECT_TRUE(with.offer(1, 'a', 60));
        EXPECT_FALSE(with.offer(2, 'a', 60)) << "it is on its way";
        EXPECT_TRUE(with.offer(3, 'b', 60)) << "nobody knows its size before";
        EXPECT_EQ(with.shelf.bytes(), 60U);
        EXPECT_EQ(with.count("deferred"), 1);
        EXPECT_TRUE(with.shelf.owes(EndpointId{3}, {})) << "there is some room";
        EXPECT_TRUE(with.offer(4, 'c', 40));
        EXPECT_FALSE(with.offer(5, 'd', 1));
        EXPECT_FALSE(with.shelf.owes(EndpointId{3}, {})) << "not in this minute";
        co_await with.shelf.write();
        EXPECT_EQ(with.shelf.bytes(), 0U);
        EXPECT_EQ(with.count("written"), 2);
        const auto later = SteadyTime{} + std::chrono::minutes{1};
        EXPECT_TRUE(with.shelf.owes(EndpointId{3}, later));
        EXPECT_FALSE(with.shelf.owes(EndpointId{1}, later));
        EXPECT_TRUE(with.offer(3, 'b', 60, later));
        EXPECT_FALSE(with.shelf.owes(EndpointId{3}, later));
    });
}

TEST(ManifestShelf, AServerThatNeverListsTheSameTakesNoOthersTurn) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Shelf with{bench, {.lists_an_hour = 2}};
        EXPECT_TRUE(with.offer(1, 'a', 1));
        EXPECT_TRUE(with.offer(1, 'b', 1));
        EXPECT_FALSE(with.offer(1, 'c', 1));
        EXPECT_TRUE(with.offer(2, 'd', 1));
        EXPECT_TRUE(with.offer(1, 'e', 1, SteadyTime{} + std::chrono::hours{1}));
        co_return;
    });
}

TEST(ManifestShelf, AfterADayAListIsWrittenAgainAsItMayHaveBeenDeleted) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Shelf with{bench, {}};
        const SteadyTime now{std::chrono::hours{100}};
        EXPECT_TRUE(with.offer(1, 'a', 1, now));
        EXPECT_FALSE(with.offer(2, 'a', 1, now + std::chrono::hours{23}));
        EXPECT_TRUE(with.offer(2, 'a', 1, now + std::chrono::hours{24}));
        EXPECT_FALSE(with.offer(1, 'a', 1, now + std::chrono::hours{24}));
        co_return;
    });
}

TEST(ManifestShelf, AListThatIsWithheldIsNeitherWrittenNorAskedForAgain) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Shelf with{bench, {}};
        const EndpointId endpoint{1};
        const std::string hash(64, 'a');
        EXPECT_TRUE(with.shelf.wants(endpoint, hash, {}));
        with.shelf.withhold(endpoint, hash);
        EXPECT_EQ(with.shelf.bytes(), 0U);
        EXPECT_FALSE(with.shelf.owes(endpoint, {}));
        EXPECT_FALSE(with.shelf.wants(endpoint, hash, {}));
        EXPECT_FALSE(with.shelf.wants(EndpointId{2}, hash, {}));
        co_return;
    });
}

TEST(ManifestShelf, AListThatWasWantedIsOwedUntilItComes) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Shelf with{bench, {}};
        const EndpointId endpoint{1};
        EXPECT_FALSE(with.shelf.owes(endpoint, {}));
        EXPECT_TRUE(with.shelf.wants(endpoint, std::string(64, 'a'), {}));
        EXPECT_TRUE(with.shelf.owes(endpoint, {})) << "the look came to nothing";
        with.shelf.put(endpoint, std::string(64, 'a'), "[]");
        EXPECT_FALSE(with.shelf.owes(endpoint, {}));
        co_return;
    });
}

TEST(ManifestShelf, AListThatIsTooLargeIsKnownByItsHashesAlone) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Shelf with{bench, {}};
        EXPECT_TRUE(with.offer(1, 'a', kManifestBytesMax + 1));
        EXPECT_EQ(with.shelf.bytes(), 0U);
        EXPECT_EQ(with.count("too_large"), 1);
        EXPECT_FALSE(with.offer(1, 'a', kManifestBytesMax + 1)) << "and not looked at again";
        co_return;
    });
}

TEST(ManifestShelf, WhatRedisHasNoRoomForIsLetGoAndReadAgain) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Shelf with{bench, {}};
        EXPECT_TRUE(with.offer(1, 'a', 10));
        RedisArgs full{"CONFIG", "SET", "maxmemory", "1"};
        co_await bench.redis.run(std::move(full));
        co_await with.shelf.write();
        EXPECT_EQ(with.count("refused"), 1);
        EXPECT_EQ(with.shelf.bytes(), 0U);
        EXPECT_TRUE(with.shelf.owes(EndpointId{1}, {}));
        RedisArgs room{"CONFIG", "SET", "maxmemory", "0"};
        co_await bench.redis.run(std::move(room));
        EXPECT_TRUE(with.offer(1, 'a', 10));
        co_await with.shelf.write();
        const auto text = co_await standing(bench.redis, std::string(64, 'a'));
        EXPECT_EQ(text, std::string(10, 'x'));
    });
}

TEST(ManifestShelf, WhileRedisIsAwayListsWait) {
    RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Shelf with{bench, {}};
        EXPECT_TRUE(with.offer(1, 'a', 10));
        server.stop();
        co_await with.shelf.write();
        EXPECT_EQ(with.shelf.bytes(), 10U);
        EXPECT_EQ(with.count("written"), 0);
        server.start();
        const auto written = [&]() -> Task<bool> {
            co_await with.shelf.write();
            co_return with.shelf.bytes() == 0;
        };
        EXPECT_TRUE(co_await eventually(written));
        const auto text = co_await standing(bench.redis, std::string(64, 'a'));
        EXPECT_EQ(text, std::string(10, 'x'));
    });
}

}  // namespace
}  // namespace quorate
