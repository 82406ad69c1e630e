#include "platform/redis/cell_buffer.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "platform/redis/keys.hpp"
#include "tests/integration/redis/cells.hpp"
#include "tests/integration/redis/with_client.hpp"

namespace quorate {
namespace {

using testing::announced;
using testing::cell_of;
using testing::cells_in;
using testing::eventually;
using testing::first_regions;
using testing::kMany;
using testing::kMinute;
using testing::kShard;
using testing::record_one;
using testing::recorded;
using testing::RedisServer;
using testing::to_record;
using testing::with_client;

Task<> seal_at(CellBuffer& buffer, UtcMinute minute) {
    std::vector<ShardMinute> minutes{{kShard, minute}};
    co_await buffer.seal(std::move(minutes));
}

TEST(CellBuffer, EachCellIsToldWhatBecameOfIt) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        auto cell = cell_of(1, 1);
        auto answer = co_await record_one(buffer, to_record(cell, 2));
        EXPECT_EQ(answer, Recorded::fresh);
        answer = co_await record_one(buffer, to_record(cell, 2));
        EXPECT_EQ(answer, Recorded::duplicate);
        cell.verdict = Verdict::fail;
        answer = co_await record_one(buffer, to_record(cell, 2));
        EXPECT_EQ(answer, Recorded::merged);
        cell.verdict = Verdict::unknown;
        answer = co_await record_one(buffer, to_record(cell, 2));
        EXPECT_EQ(answer, Recorded::merged);
        auto regions = first_regions(1);
        const auto found =
            co_await cells_in(buffer, kShard, kMinute, EndpointId{1}, std::move(regions));
        EXPECT_EQ(found.cells.at(0).verdict, Verdict::fail);
    });
}

TEST(CellBuffer, AnnouncementsStayUntilTheyAreDropped) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        for (std::uint64_t endpoint = 1; endpoint <= 5; ++endpoint)
            co_await record_one(buffer, to_record(cell_of(endpoint, 1), 1));
        std::vector<ShardId> shards{ShardId{1}, kShard};
        auto regions = first_regions(2);
        const auto batches = co_await buffer.read_done(shards, std::move(regions), 3);
        EXPECT_EQ(batches.size(), 1U);
        EXPECT_EQ(batches.at(0).shard, kShard);
        EXPECT_EQ(batches.at(0).region, RegionId{1});
        EXPECT_EQ(batches.at(0).entries, 3U);
        co_await record_one(buffer, to_record(cell_of(6, 1), 1));
        std::vector<ShardId> own{kShard};
        auto held = co_await testing::sealing_leases(client, std::move(own));
        auto before = held;
        --before.at(kShard);
        co_await buffer.drop_done(batches, before);  // by a holder of before: nothing happens
        co_await buffer.drop_done(batches, held);
        const auto rest = co_await announced(buffer, kShard);
        EXPECT_EQ(rest,
                  (std::multiset<std::pair<UtcMinute, std::uint32_t>>{
                      {kMinute, 4}, {kMinute, 5}, {kMinute, 6}}));
    });
}

TEST(CellBuffer, OfAsManyShardsAsThereMayBeAllListsAreRead) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        co_await record_one(buffer, to_record(cell_of(1, 1), 1));
        std::vector<ShardId> shards;
        std::vector<CellsQuery> queries;
        for (std::uint64_t shard = 0; shard < 4096; ++shard) {
            shards.emplace_back(shard);
            queries.push_back({shards.back(), kMinute, EndpointId{1}, 1, first_regions(6)});
        }
        auto regions = first_regions(6);  // more than a client takes in one call
        const auto done = co_await buffer.read_done(shards, regions, 10);
        EXPECT_EQ(done.size(), 1U);
        const auto late = co_await buffer.read_late(shards, std::move(regions), 10);
        EXPECT_TRUE(late.empty());
        const auto cells = co_await buffer.read_cells(std::move(queries));
        EXPECT_EQ(cells.at(kShard.value()).cells.size(), 1U);
        std::vector<ShardMinute> minutes;
        for (const auto shard : shards)
            for (int i = 0; i < 6; ++i)
                minutes.push_back({shard, kMinute});
        co_await buffer.seal(std::move(minutes));
        const auto sealed = co_await buffer.read_sealed(std::move(shards));
        EXPECT_EQ(std::ranges::count(sealed, std::optional{kMinute}), 4096);
    });
}

TEST(CellBuffer, NeighboursAreOneAnnouncementWhicheverRegionsExpectThem) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        std::vector<CellToRecord> first;
        std::vector<CellToRecord> second;
        for (std::uint64_t endpoint = 290; endpoint < 310; ++endpoint) {
            const auto expected = endpoint == 295 ? 1U : 2U;
            first.push_back(to_record(cell_of(endpoint, 1), expected));
            if (expected == 2) second.push_back(to_record(cell_of(endpoint, 2), 2));
        }
        co_await buffer.record(std::move(first));
        const auto alone = co_await announced(buffer, kShard);
        EXPECT_EQ(alone, (std::multiset<std::pair<UtcMinute, std::uint32_t>>{{kMinute, 295}}));
        co_await buffer.record(std::move(second));
        std::vector<ShardId> shards{kShard};
        auto regions = first_regions(2);
        const auto batches =
            co_await buffer.read_done(std::move(shards), std::move(regions), kMany);
        EXPECT_EQ(batches.at(1).entries, 1U);
        EXPECT_EQ(batches.at(1).runs,
                  (std::vector<DoneRun>{{kMinute, 290, 5}, {kMinute, 296, 4}, {kMinute, 300, 10}}));
    });
}

TEST(CellBuffer, AboveItsBoundNothingIsAnnounced) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBufferLimits limits;
        limits.done_max = 2;
        CellBuffer buffer{client, limits};
        for (std::uint64_t endpoint = 1; endpoint <= 3; ++endpoint)
            co_await record_one(buffer, to_record(cell_of(endpoint, 1), 1));
        const auto slots = co_await announced(buffer, kShard);
        EXPECT_EQ(slots.size(), 2U);
    });
}

TEST(CellBuffer, APlainUpWithoutDetailsComesBackWithoutThem) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        auto cell = cell_of(1, 1);
        cell.http_status = 200;
        cell.timings.total = 31'507;
        cell.peer_address = "192.0.2.1";
        co_await record_one(buffer, to_record(cell, 2, kShard, false));
        auto regions = first_regions(2);
        const auto found =
            co_await cells_in(buffer, kShard, kMinute, EndpointId{1}, std::move(regions));
        EXPECT_EQ(found.cells.size(), 1U);
        EXPECT_EQ(found.cells.at(0), recorded(cell, false));
        EXPECT_EQ(found.cells.at(0).agent, "");
        EXPECT_EQ(found.cells.at(0).timings.total, 31'500U);
        RedisArgs exists{"EXISTS", keys::details(kShard, RegionId{1}, kMinute)};
        const auto details = co_await client.run(std::move(exists));
        EXPECT_EQ(details.integer(), 0);
    });
}

TEST(CellBuffer, TheDetailsOfACellThatLosesGoWithIt) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        auto later = cell_of(1, 1);
        later.started = UtcTime{kMinute.start()} + milliseconds{5};
        co_await record_one(buffer, to_record(later, 2));
        const auto earlier = cell_of(1, 1);
        const auto answer = co_await record_one(buffer, to_record(earlier, 2, kShard, false));
        EXPECT_EQ(answer, Recorded::merged);
        auto regions = first_regions(1);
        const auto found =
            co_await cells_in(buffer, kShard, kMinute, EndpointId{1}, std::move(regions));
        EXPECT_EQ(found.cells.at(0), recorded(earlier, false));
        RedisArgs exists{"EXISTS", keys::details(kShard, RegionId{1}, kMinute)};
        const auto details = co_await client.run(std::move(exists));
        EXPECT_EQ(details.integer(), 0);
    });
}

TEST(CellBuffer, EveryKeyOfAMinuteExpires) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBufferLimits limits;
        limits.minute_ttl = std::chrono::hours{1};
        CellBuffer buffer{client, limits};
        const std::vector<std::uint64_t> endpoints{
            5, 1, 200, 900, 899};  // strings are made and grow
        for (const auto endpoint : endpoints)
            co_await record_one(buffer, to_record(cell_of(endpoint, 1), 2));
        std::vector<std::string> expected{keys::presence(kShard, RegionId{1}, kMinute),
                                          keys::details(kShard, RegionId{1}, kMinute),
                                          keys::cells(kShard, RegionId{1}, kMinute, 0),
                                          keys::cells(kShard, RegionId{1}, kMinute, 2),
                                          keys::cells(kShard, RegionId{1}, kMinute, 3)};
        for (const auto& key : expected) {
            RedisArgs ttl{"TTL", key};
            const auto left = co_await client.run(std::move(ttl));
            EXPECT_GT(left.integer(), 3000) << key;
            EXPECT_LE(left.integer(), 3600) << key;
        }
        std::vector<ShardMinute> minutes{{kShard, kMinute}};
        std::vector<std::uint32_t> slots{901};
        auto regions = first_regions(2);
        co_await buffer.drop_minutes(std::move(minutes), std::move(regions), std::move(slots));
        RedisArgs size{"DBSIZE"};
        const auto left = co_await client.run(std::move(size));
        EXPECT_EQ(left.integer(), 0);
    });
}

TEST(CellBuffer, ARegionCannotTellOfAnother) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        const auto record = wire::encode_record(to_record(cell_of(1, 2), 2));
        RedisArgs forged{"RPUSH", keys::late(kShard, RegionId{1}), record};
        co_await client.run(std::move(forged));
        std::vector<ShardId> shards{kShard};
        auto regions = first_regions(2);
        const auto late = co_await buffer.read_late(std::move(shards), std::move(regions), kMany);
        EXPECT_TRUE(late.at(0).cells.empty());
        EXPECT_EQ(late.at(0).undecodable,
                  std::vector<std::string>{"record: stands on the list of another region"});
    });
}

#ifndef QUORATE_ON_MODEL_REDIS  // it knows no users
/// Whether Redis refuses the command for lack of a right.
Task<bool> forbidden(RedisClient& client, RedisArgs command) {
    std::vector<RedisArgs> one;
    one.push_back(std::move(command));
    const auto replies = co_await client.try_all(std::move(one));
    const auto* const error = replies.at(0).error();
    co_return error != nullptr && (error->starts_with("NOPERM") ||
                                   error->find("The user executing the script") != error->npos);
}

TEST(CellBuffer, AnAgentThatAnAclKeepsToItsRegionCanRecordAndNothingElse) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        auto theirs = to_record(cell_of(1, 2), 2);
        co_await record_one(buffer, theirs);
        co_await seal_at(buffer, kMinute.plus(-1, Window::minute()));
        RedisArgs user{"ACL",
                       "SETUSER",
                       "agent",
                       "on",
                       ">word",
                       "~{s*}:r1:*",
                       "%R~{s*}:r*:p:*",
                       "%R~{s*}:sealed",
                       "+@all"};
        RedisArgs login{"AUTH", "agent", "word"};
        co_await client.run(std::move(user));
        co_await client.run(std::move(login));

        auto mine = to_record(cell_of(1, 1), 2);
        auto answer = co_await record_one(buffer, mine);
        EXPECT_EQ(answer, Recorded::fresh);
        answer = co_await record_one(buffer, mine);
        EXPECT_EQ(answer, Recorded::duplicate);
        auto late = to_record(cell_of(1, 1, kMinute.plus(-1, Window::minute())), 2);
        answer = co_await record_one(buffer, std::move(late));
        EXPECT_EQ(answer, Recorded::late);

        auto refused = false;
        try {
            co_await record_one(buffer, std::move(theirs));
        } catch (const RedisError&) {
            refused = true;
        }
        EXPECT_TRUE(refused) << "a cell of another region";
        const RegionId other{2};
        const std::vector<RedisArgs> commands{
            {"GET", keys::cells(kShard, other, kMinute, 0)},
            {"SET", keys::presence(kShard, other, kMinute), "x"},
            {"RPUSH", keys::done(kShard, other), "x"},
            {"RPUSH", keys::late(kShard, other), "x"},
            {"SET", keys::sealed(kShard), "1"},
            {"EVAL", "return redis.call('SET', '" + keys::sealed(kShard) + "', '1')", "0"}};
        for (const auto& command : commands)
            EXPECT_TRUE(co_await forbidden(client, command)) << command[0] << " " << command[1];
    });
}
#endif

TEST(CellBuffer, AfterTheSealCellsAreLateAndTheMinutesCellsStayUntilTheyAreDropped) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        const auto next = kMinute.plus(1, Window::minute());
        co_await record_one(buffer, to_record(cell_of(1, 1), 2));
        co_await seal_at(buffer, kMinute);
        const auto late = cell_of(1, 2);
        auto answer = co_await record_one(buffer, to_record(late, 2));
        EXPECT_EQ(answer, Recorded::late);
        answer = co_await record_one(buffer, to_record(cell_of(1, 2, next), 2));
        EXPECT_EQ(answer, Recorded::fresh);
        const auto regions = first_regions(2);
        auto found = co_await cells_in(buffer, kShard, kMinute, EndpointId{1}, regions);
        EXPECT_EQ(found.cells, std::vector<Cell>{recorded(cell_of(1, 1))});
        std::vector<ShardMinute> sealed{{kShard, kMinute}, {ShardId{1}, kMinute}};
        std::vector<std::uint32_t> highest{2, 2};
        co_await buffer.drop_minutes(std::move(sealed), regions, std::move(highest));
        found = co_await cells_in(buffer, kShard, kMinute, EndpointId{1}, regions);
        EXPECT_TRUE(found.cells.empty());
        std::vector<ShardId> shards{kShard};
        auto batches = co_await buffer.read_late(shards, regions, kMany);
        EXPECT_EQ(batches.at(0).cells, std::vector<Cell>{recorded(late)});
        std::vector<ShardId> own{kShard};
        auto held = co_await testing::sealing_leases(client, std::move(own));
        auto before = held;
        --before.at(kShard);
        co_await buffer.drop_late(batches.at(0), before);
        batches = co_await buffer.read_late(shards, regions, kMany);
        EXPECT_EQ(batches.size(), 1U) << "another holder may not have read what stands there";
        co_await buffer.drop_late(batches.at(0), held);
        batches = co_await buffer.read_late(shards, regions, kMany);
        EXPECT_TRUE(batches.empty());
    });
}

TEST(CellBuffer, TheWatermarkNeverMovesBack) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        const auto before = kMinute.plus(-1, Window::minute());
        co_await seal_at(buffer, kMinute);
        co_await seal_at(buffer, before);
        std::vector<ShardId> shards{kShard, ShardId{1}};
        const auto sealed = co_await buffer.read_sealed(std::move(shards));
        EXPECT_EQ(sealed.at(0), kMinute);
        EXPECT_EQ(sealed.at(1), std::nullopt);
    });
}

TEST(CellBuffer, AboveItsBoundTheLateListDropsTheNewest) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBufferLimits limits;
        limits.late_max = 2;
        CellBuffer buffer{client, limits};
        co_await seal_at(buffer, kMinute);
        std::vector<CellToRecord> cells;
        for (std::uint64_t endpoint = 1; endpoint <= 3; ++endpoint)
            cells.push_back(to_record(cell_of(endpoint, 1), 3));
        const auto answers = co_await buffer.record(std::move(cells));
        const std::vector<Recorded> expected{Recorded::late, Recorded::late, Recorded::dropped};
        EXPECT_EQ(answers, expected);
    });
}

TEST(CellBuffer, BytesThatAreNoCellAreToldAndDoNotCount) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        const auto good = wire::encode_cell(cell_of(1, 2), true);
        std::vector<RedisArgs> commands{
            {"SET", keys::cells(kShard, RegionId{1}, kMinute, 0), std::string(1000, 'x')},
            {"SETRANGE", keys::cells(kShard, RegionId{2}, kMinute, 0), "27", good.fixed},
            {"HSET", keys::details(kShard, RegionId{2}, kMinute), "1", good.fixed + "no NUL"},
            {"RPUSH", keys::late(kShard, RegionId{1}), "x", "1:y"},
            {"RPUSH",
             keys::done(kShard, RegionId{1}),
             "x",
             "1:y",
             std::string{"5000:\0\0\0\7\0\1", 11}}};
        co_await client.run_all(std::move(commands));
        auto regions = first_regions(3);
        const auto found = co_await cells_in(buffer, kShard, kMinute, EndpointId{1}, regions);
        EXPECT_TRUE(found.cells.empty());
        EXPECT_EQ(found.undecodable.size(), 2U);
        std::vector<ShardId> shards{kShard};
        const auto late = co_await buffer.read_late(shards, regions, kMany);
        EXPECT_EQ(late.at(0).entries, 2U);
        EXPECT_EQ(late.at(0).undecodable.size(), 2U);
        const auto batches = co_await buffer.read_done(shards, regions, kMany);
        EXPECT_EQ(batches.at(0).entries, 3U);
        EXPECT_EQ(batches.at(0).runs.size(), 1U);
    });
}

TEST(CellBuffer, WhatWasAnsweredSurvivesAKillOfRedis) {
    RedisServer server;
    with_client(server, [&](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        const auto cell = cell_of(1, 1);
        co_await record_one(buffer, to_record(cell, 1));
        server.kill();
        server.start();
        auto answer = Recorded::fresh;
        const auto recorded_again = [&]() -> Task<bool> {
            try {
                answer = co_await record_one(buffer, to_record(cell, 1));
                co_return true;
            } catch (const RedisUnavailable&) {
                co_return false;
            }
        };
        EXPECT_TRUE(co_await eventually(recorded_again));
        EXPECT_EQ(answer, Recorded::duplicate);
        const auto list = co_await announced(buffer, kShard);
        EXPECT_EQ(list.size(), 1U);
    });
}

}  // namespace
}  // namespace quorate
