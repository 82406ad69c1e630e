#include "platform/redis/cell_buffer.hpp"

#include <algorithm>
#include <map>
#include <random>

#include "core/verdict/merge.hpp"
#include "platform/redis/keys.hpp"
#include "platform/wire/cell_codec.hpp"
#include "tests/integration/redis/with_client.hpp"
#include "tests/unit/platform/wire/random_model.hpp"

namespace quorate {
namespace {

using testing::eventually;
using testing::RandomModel;
using testing::RedisServer;
using testing::with_client;

const ShardId kShard{5};
const UtcMinute kMinute = UtcMinute::from_epoch_ms(1'700'000'000'000);
constexpr std::size_t kMany = 10'000;

CellToRecord to_record(const Cell& cell, std::uint32_t expected, ShardId shard = kShard) {
    return {shard, cell.key, expected, wire::encode_cell(cell)};
}

Cell cell_of(std::uint64_t endpoint, std::uint64_t region, UtcMinute minute = kMinute) {
    Cell cell;
    cell.key = {EndpointId{endpoint}, RegionId{region}, minute};
    cell.verdict = Verdict::up;
    cell.started = UtcTime{minute.start()};
    cell.attempt = 1;
    cell.agent = "a";
    return cell;
}

Task<Recorded> record_one(CellBuffer& buffer, CellToRecord cell) {
    std::vector<CellToRecord> cells;
    cells.push_back(std::move(cell));
    const auto answers = co_await buffer.record(std::move(cells));
    co_return answers.at(0);
}

Task<std::vector<DoneMinute>> announced(CellBuffer& buffer, ShardId shard) {
    std::vector<ShardId> shards{shard};
    const auto batches = co_await buffer.read_done(std::move(shards), kMany);
    co_return batches.empty() ? std::vector<DoneMinute>{} : batches.front().minutes;
}

Task<CellsFound> cells_in(CellBuffer& buffer,
                          ShardId shard,
                          UtcMinute minute,
                          EndpointId endpoint,
                          std::vector<RegionId> regions) {
    std::vector<CellsQuery> queries;
    queries.push_back({shard, minute, endpoint, std::move(regions)});
    const auto found = co_await buffer.read_cells(std::move(queries));
    co_return found.at(0);
}

std::vector<RegionId> first_regions(std::size_t count) {
    std::vector<RegionId> regions;
    for (std::size_t i = 1; i <= count; ++i)
        regions.emplace_back(i);
    return regions;
}

/// What one round of the property test records: several endpoints, minutes and shards; some cells
/// come in several versions; some minutes are not complete.
struct Round {
    std::vector<CellToRecord> deliveries;
    std::map<CellKey, std::vector<Cell>> versions;
    std::map<std::pair<ShardId, DoneMinute>, std::uint32_t> expected;

    explicit Round(RandomModel& random) {
        for (std::uint64_t endpoint = 1; endpoint <= 12; ++endpoint) {
            const ShardId shard{endpoint % 3};
            const auto minute =
                UtcMinute::from_epoch_ms(static_cast<std::int64_t>(5000 * (1 + random.number(3))));
            const auto regions = static_cast<std::uint32_t>(1 + random.number(5));
            expected[{shard, DoneMinute{minute, EndpointId{endpoint}}}] = regions;
            for (std::uint64_t region = 1; region <= regions; ++region) {
                if (random.number(12) == 0) continue;  // this cell never comes
                const CellKey key{EndpointId{endpoint}, RegionId{region}, minute};
                for (auto copies = 1 + random.number(3); copies > 0; --copies) {
                    versions[key].push_back(random.cell(key));
                    for (auto times = 1 + random.number(3); times > 0; --times)
                        deliveries.push_back(to_record(versions[key].back(), regions, shard));
                }
            }
        }
        std::shuffle(deliveries.begin(), deliveries.end(), random.engine());
    }

    std::string merged(const CellKey& key) const {
        auto best = wire::encode_cell(versions.at(key).front());
        for (const auto& version : versions.at(key))
            best = wire::merge_encoded(best, wire::encode_cell(version));
        return best;
    }
};

Task<> check_round(RedisClient& client, CellBuffer& buffer, RandomModel& random) {
    const Round round{random};
    std::map<CellKey, int> fresh;
    for (std::size_t next = 0; next < round.deliveries.size();) {
        const auto size = std::min(1 + random.number(40), round.deliveries.size() - next);
        const auto* const begin = round.deliveries.data() + next;
        std::vector<CellToRecord> part{begin, begin + size};
        const auto answers = co_await buffer.record(part);
        for (std::size_t i = 0; i < size; ++i)
            if (answers[i] == Recorded::fresh) ++fresh[part[i].key];
        next += size;
    }
    for (const auto& [key, count] : fresh)
        EXPECT_EQ(count, 1);
    EXPECT_EQ(fresh.size(), round.versions.size());

    for (const auto& [where, expected] : round.expected) {
        const auto& [shard, done] = where;
        auto regions = first_regions(expected);
        const auto found =
            co_await cells_in(buffer, shard, done.minute, done.endpoint, std::move(regions));
        std::size_t present = 0;
        for (std::uint64_t region = 1; region <= expected; ++region) {
            const CellKey key{done.endpoint, RegionId{region}, done.minute};
            if (!round.versions.contains(key)) continue;
            EXPECT_EQ(wire::encode_cell(found.cells.at(present++)), round.merged(key));
        }
        EXPECT_EQ(found.cells.size(), present);
        EXPECT_TRUE(found.undecodable.empty());
        const auto list = co_await announced(buffer, shard);
        EXPECT_EQ(std::count(list.begin(), list.end(), done), present == expected ? 1 : 0);
    }
    RedisArgs flush{"FLUSHDB"};
    co_await client.run(std::move(flush));
}

TEST(CellBuffer, AnyOrderDuplicationAndSplitGivesTheSameCellsAndOneAnnouncement) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    const RedisServer server;
    with_client(server, [&](RedisClient& client) -> Task<> {
        RandomModel random{seed};
        CellBuffer buffer{client};
        for (int round = 0; round < 60; ++round)
            co_await check_round(client, buffer, random);
    });
}

TEST(CellBuffer, TheScriptMergesAsCoreDoes) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    const RedisServer server;
    with_client(server, [&](RedisClient& client) -> Task<> {
        RandomModel random{seed};
        CellBuffer buffer{client};
        for (std::uint64_t endpoint = 1; endpoint <= 300; ++endpoint) {
            auto a = random.cell({EndpointId{endpoint}, RegionId{1}, kMinute});
            auto b = random.cell({EndpointId{endpoint}, RegionId{1}, kMinute});
            a.agent = "one";  // no ties: agents do not share a start
            b.agent = "other";
            std::vector<CellToRecord> both{to_record(a, 2), to_record(b, 2)};
            co_await buffer.record(std::move(both));
            auto regions = first_regions(1);
            const auto found = co_await cells_in(
                buffer, kShard, kMinute, EndpointId{endpoint}, std::move(regions));
            EXPECT_EQ(found.cells.at(0), merge(a, b));
        }
    });
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
        const auto batches = co_await buffer.read_done(shards, 3);
        EXPECT_EQ(batches.size(), 1U);
        EXPECT_EQ(batches.at(0).shard, kShard);
        EXPECT_EQ(batches.at(0).entries, 3U);
        co_await record_one(buffer, to_record(cell_of(6, 1), 1));
        co_await buffer.drop_done(kShard, 3);
        const auto rest = co_await announced(buffer, kShard);
        const std::vector<DoneMinute> expected{
            {kMinute, EndpointId{4}}, {kMinute, EndpointId{5}}, {kMinute, EndpointId{6}}};
        EXPECT_EQ(rest, expected);
    });
}

Task<> seal_at(CellBuffer& buffer, UtcMinute minute) {
    std::vector<ShardMinute> minutes{{kShard, minute}};
    co_await buffer.seal(std::move(minutes));
}

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
        EXPECT_EQ(found.cells, std::vector<Cell>{cell_of(1, 1)});
        std::vector<ShardMinute> sealed{{kShard, kMinute}, {ShardId{1}, kMinute}};
        co_await buffer.drop_minutes(std::move(sealed));
        found = co_await cells_in(buffer, kShard, kMinute, EndpointId{1}, regions);
        EXPECT_TRUE(found.cells.empty());
        std::vector<ShardId> shards{kShard};
        auto batches = co_await buffer.read_late(shards, kMany);
        EXPECT_EQ(batches.at(0).cells, std::vector<Cell>{late});
        co_await buffer.drop_late(kShard, batches.at(0).entries);
        batches = co_await buffer.read_late(shards, kMany);
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
        for (std::uint64_t region = 1; region <= 3; ++region)
            cells.push_back(to_record(cell_of(1, region), 3));
        const auto answers = co_await buffer.record(std::move(cells));
        const std::vector<Recorded> expected{Recorded::late, Recorded::late, Recorded::dropped};
        EXPECT_EQ(answers, expected);
    });
}

TEST(CellBuffer, BytesThatAreNoCellAreToldAndDoNotCount) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        CellBuffer buffer{client};
        const auto key = keys::minute(kShard, kMinute);
        RedisArgs bad{"HSET", key, "1:1", "no cell", "1:2", wire::encode_cell(cell_of(9, 9))};
        RedisArgs entries{
            "RPUSH", keys::late(kShard), "x", "1:y", "5:" + wire::encode_cell(cell_of(1, 1))};
        RedisArgs done{"RPUSH", keys::done(kShard), "x", "1:y", "5000:7"};
        co_await client.run(std::move(bad));
        co_await client.run(std::move(entries));
        co_await client.run(std::move(done));
        auto regions = first_regions(3);
        const auto found =
            co_await cells_in(buffer, kShard, kMinute, EndpointId{1}, std::move(regions));
        EXPECT_TRUE(found.cells.empty());
        EXPECT_EQ(found.undecodable.size(), 2U);
        std::vector<ShardId> shards{kShard};
        const auto late = co_await buffer.read_late(shards, kMany);
        EXPECT_EQ(late.at(0).entries, 3U);
        EXPECT_EQ(late.at(0).undecodable.size(), 3U);
        const auto batches = co_await buffer.read_done(shards, kMany);
        EXPECT_EQ(batches.at(0).entries, 3U);
        EXPECT_EQ(batches.at(0).minutes.size(), 1U);
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
