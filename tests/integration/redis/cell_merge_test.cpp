#include <algorithm>
#include <map>
#include <random>

#include "core/verdict/merge.hpp"
#include "tests/integration/redis/cells.hpp"
#include "tests/integration/redis/with_client.hpp"
#include "tests/unit/platform/wire/random_model.hpp"

namespace quorate {
namespace {

using testing::announced;
using testing::cells_in;
using testing::first_regions;
using testing::kMinute;
using testing::kShard;
using testing::RandomModel;
using testing::recorded;
using testing::RedisServer;
using testing::to_record;
using testing::with_client;

/// What one round of the property test records: several endpoints, minutes and shards, some of them
/// neighbours; some cells come in several versions; some minutes are not complete.
struct Round {
    using EndpointMinute = std::tuple<ShardId, UtcMinute, EndpointId>;

    std::vector<CellToRecord> deliveries;
    std::map<CellKey, std::vector<CellToRecord>> versions;
    std::map<EndpointMinute, std::uint32_t> expected;

    explicit Round(RandomModel& random) {
        const auto base = random.number(700);  // over the edges of blocks
        for (auto endpoint = base + 1; endpoint <= base + 12; ++endpoint) {
            const ShardId shard{endpoint / 4 % 3};
            const auto minute = UtcMinute::from_epoch_ms(
                1'700'000'000'000 - static_cast<std::int64_t>(5000 * random.number(2)));
            const auto regions = static_cast<std::uint32_t>(1 + random.number(5));
            expected[{shard, minute, EndpointId{endpoint}}] = regions;
            for (std::uint64_t region = 1; region <= regions; ++region) {
                if (random.number(12) == 0) continue;  // this cell never comes
                add(random, shard, {EndpointId{endpoint}, RegionId{region}, minute}, regions);
            }
        }
        std::shuffle(deliveries.begin(), deliveries.end(), random.engine());
    }

    void add(RandomModel& random, ShardId shard, const CellKey& key, std::uint32_t regions) {
        for (auto copies = 1 + random.number(3); copies > 0; --copies) {
            const auto record = to_record(random.cell(key), regions, shard, random.coin());
            versions[key].push_back(record);
            for (auto times = 1 + random.number(3); times > 0; --times)
                deliveries.push_back(record);
        }
    }

    wire::EncodedCell merged(const CellKey& key) const {
        auto best = versions.at(key).front().cell;
        for (const auto& version : versions.at(key))
            best = wire::merge_encoded(best, version.cell);
        return best;
    }
};

/// Records all in parts of random sizes. @return how often each cell was the first of its key
Task<std::map<CellKey, int>> record_in_parts(CellBuffer& buffer,
                                             const Round& round,
                                             RandomModel& random) {
    std::map<CellKey, int> fresh;
    for (std::size_t next = 0; next < round.deliveries.size();) {
        const auto size = std::min(1 + random.number(60), round.deliveries.size() - next);
        const auto* const begin = round.deliveries.data() + next;
        std::vector<CellToRecord> part{begin, begin + size};
        const auto answers = co_await buffer.record(part);
        for (std::size_t i = 0; i < size; ++i)
            if (answers[i] == Recorded::fresh) ++fresh[part[i].key];
        next += size;
    }
    co_return fresh;
}

Task<> check_round(RedisClient& client, CellBuffer& buffer, RandomModel& random) {
    const Round round{random};
    const auto fresh = co_await record_in_parts(buffer, round, random);
    for (const auto& [key, count] : fresh)
        EXPECT_EQ(count, 1);
    EXPECT_EQ(fresh.size(), round.versions.size());

    for (const auto& [where, expected] : round.expected) {
        const auto& [shard, minute, endpoint] = where;
        auto regions = first_regions(expected);
        const auto found = co_await cells_in(buffer, shard, minute, endpoint, std::move(regions));
        std::size_t present = 0;
        for (std::uint64_t region = 1; region <= expected; ++region) {
            const CellKey key{endpoint, RegionId{region}, minute};
            if (!round.versions.contains(key)) continue;
            const auto merged = round.merged(key);
            EXPECT_EQ(found.cells.at(present++),
                      *wire::decode_cell(key, merged.fixed, merged.details));
        }
        EXPECT_EQ(found.cells.size(), present);
        EXPECT_TRUE(found.undecodable.empty());
        const auto slots = co_await announced(buffer, shard);
        const std::pair slot{minute, static_cast<std::uint32_t>(endpoint.value())};
        EXPECT_EQ(slots.count(slot), present == expected ? 1U : 0U);
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
        for (int round = 0; round < 100; ++round)
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
        for (std::uint64_t endpoint = 1; endpoint <= 400; ++endpoint) {
            auto a = random.cell({EndpointId{endpoint}, RegionId{1}, kMinute});
            auto b = random.cell({EndpointId{endpoint}, RegionId{1}, kMinute});
            a.agent = "one";  // no ties: an agent has one probe of an endpoint at a time
            b.agent = random.coin() ? "other" : "on";
            std::vector<CellToRecord> both{to_record(a, 2), to_record(b, 2)};
            co_await buffer.record(std::move(both));
            auto regions = first_regions(1);
            const auto found = co_await cells_in(
                buffer, kShard, kMinute, EndpointId{endpoint}, std::move(regions));
            EXPECT_EQ(found.cells.at(0), merge(recorded(a), recorded(b)));
        }
    });
}

}  // namespace
}  // namespace quorate
