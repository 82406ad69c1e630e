// The way of a job on a Cluster, from the planner's call to the announced cell: the enqueue and the
// record script, also while the slots of their keys are moved from one node to another.
#include <map>
#include <random>
#include <set>

#include "platform/redis/job_consumer.hpp"
#include "tests/integration/redis/cells.hpp"
#include "tests/integration/redis/cluster.hpp"
#include "tests/unit/platform/wire/random_model.hpp"

namespace quorate {
namespace {

using detail::slot_of;
using testing::cell_of;
using testing::cells_in;
using testing::depth_of;
using testing::eventually;
using testing::first_regions;
using testing::kMany;
using testing::kMinute;
using testing::migrate;
using testing::RandomModel;
using testing::recorded;
using testing::RedisCluster;
using testing::region_at;
using testing::shard_at;
using testing::to_record;
using testing::WatchedClient;
using testing::with_two;
using Fate = BlockAnswer::Fate;

constexpr std::uint64_t kShards = 16;
constexpr std::uint64_t kOfShard = 6;  // endpoints
constexpr std::uint64_t kEndpoints = kShards * kOfShard;
constexpr std::uint64_t kEpoch = 7;
const UtcTime kUntil{kMinute.start()};

ShardId shard_of(std::uint64_t endpoint) {
    return ShardId{endpoint % kShards};
}

/// One region on each master.
const std::vector<std::string>& names() {
    static const std::vector<std::string> kNames{region_at(0), region_at(1), region_at(2)};
    return kNames;
}

/// Blocks of all shards for a region: each endpoint is watched from each region.
std::vector<JobBlock> blocks_of(RandomModel& random, std::size_t region) {
    std::vector<JobBlock> blocks(kShards);
    for (std::uint64_t shard = 0; shard < kShards; ++shard) {
        blocks[shard].held = {ShardId{shard}, kEpoch};
        blocks[shard].until = kUntil;
    }
    for (std::uint64_t endpoint = 1; endpoint <= kEndpoints; ++endpoint) {
        auto job = random.job();
        job.key = {EndpointId{endpoint}, RegionId{region + 1}, kMinute};
        job.shard = shard_of(endpoint);
        job.region = names()[region];
        job.cell_slot = static_cast<std::uint32_t>(endpoint);
        job.regions_mask = RegionMask::of(first_regions(names().size()));
        job.expected_cells = static_cast<std::uint32_t>(names().size());
        auto& jobs = blocks[job.shard.value()].jobs;
        jobs.begin();
        jobs.bytes() += wire::encode_job(job);
        jobs.end();
    }
    return blocks;
}

std::vector<Fate> fates(const std::vector<BlockAnswer>& answers) {
    std::vector<Fate> all;
    for (const auto& answer : answers)
        all.push_back(answer.fate);
    return all;
}

/// All jobs go in once, although each call comes twice and a deposed planner calls in between.
Task<> plan(RedisClient& client, RandomModel& random, std::size_t region) {
    JobQueue queue{client, names()[region]};
    std::vector<HeldShard> shards;
    for (std::uint64_t shard = 0; shard < kShards; ++shard)
        shards.push_back({ShardId{shard}, kEpoch});
    const auto fences = co_await queue.raise_fence(std::move(shards));
    for (const auto& fence : fences)
        EXPECT_TRUE(fence.ours && !fence.planned_until);
    const auto blocks = blocks_of(random, region);
    auto deposed = blocks;
    for (auto& block : deposed)
        block.held.epoch = kEpoch - 1;
    for (const auto wanted : {Fate::fenced, Fate::taken, Fate::fenced, Fate::moved}) {
        const auto answers = co_await queue.enqueue(wanted == Fate::fenced ? deposed : blocks);
        EXPECT_EQ(fates(answers), std::vector<Fate>(kShards, wanted));
    }
    const auto depth = co_await depth_of(client, names()[region]);
    EXPECT_EQ(depth, (QueueDepth{kEndpoints, 0}));
}

/// What agents and an archiver do with what is in the queues; the agents deliver some cells twice.
struct Work {
    Work(RedisClient& client_, RedisClient& blocking, RandomModel& random_)
        : client{client_}, cells{client_}, random{random_} {
        for (std::uint64_t shard = 0; shard < kShards; ++shard)
            shards.emplace_back(shard);
        for (const auto& region : names())
            for (const auto* agent : {"a", "b"})
                agents.emplace_back(client, blocking, region, agent);
    }

    /// An agent takes a few jobs, records their cells, then acknowledges. @return how many
    Task<std::size_t> turn(JobConsumer& agent) {
        const auto taken = co_await agent.read(1 + random.number(12), milliseconds{5});
        std::vector<CellToRecord> made;
        std::vector<std::string> entries;
        for (const auto& [entry, job] : taken) {
            EXPECT_TRUE(job.has_value());
            if (!job) continue;
            entries.push_back(entry);
            const auto cell = random.cell(job->key);
            EXPECT_TRUE(known.emplace(job->key, recorded(cell)).second) << "taken twice";
            made.push_back(wire::to_record(*job, cell, true));
        }
        if (made.empty()) co_return 0;
        const int times = random.coin() ? 2 : 1;
        for (int time = 0; time < times; ++time) {
            const auto answers = co_await cells.record(made);
            const auto wanted = time == 0 ? Recorded::fresh : Recorded::duplicate;
            EXPECT_EQ(answers, std::vector<Recorded>(made.size(), wanted));
        }
        co_await agent.finish(std::move(entries));
        co_return taken.size();
    }

    /// Takes what was announced, as an archiver does: by then all cells are in.
    Task<> take_announcements() {
        const auto regions = first_regions(names().size());
        const auto batches = co_await cells.read_done(shards, regions, kMany);
        for (const auto& batch : batches) {
            for (const auto& run : batch.runs) {
                for (std::uint32_t slot = run.first_slot; slot < run.first_slot + run.count;
                     ++slot) {
                    const EndpointId endpoint{slot};
                    EXPECT_EQ(batch.shard, shard_of(slot));
                    EXPECT_EQ(run.minute, kMinute);
                    EXPECT_TRUE(announced.insert(slot).second) << slot << " came twice";
                    const auto found =
                        co_await cells_in(cells, batch.shard, kMinute, endpoint, regions);
                    EXPECT_EQ(found.cells, cells_known(endpoint)) << slot;
                }
            }
        }
        auto held = co_await testing::sealing_leases(client, shards);
        co_await cells.drop_done(batches, std::move(held));
    }

    std::vector<Cell> cells_known(EndpointId endpoint) const {
        std::vector<Cell> all;
        for (const auto region : first_regions(names().size())) {
            const auto found = known.find({endpoint, region, kMinute});
            if (found != known.end()) all.push_back(found->second);
        }
        EXPECT_EQ(all.size(), names().size());
        return all;
    }

    RedisClient& client;
    CellBuffer cells;
    RandomModel& random;
    std::vector<ShardId> shards;
    std::vector<JobConsumer> agents;
    std::map<CellKey, Cell> known;
    std::set<std::uint32_t> announced;
};

TEST(RedisClusterWork, JobsOfAllShardsAndRegionsAreDoneOnceAndTheirMinutesAnnouncedOnce) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomModel random{seed};
    std::set<std::size_t> masters;
    for (std::uint64_t shard = 0; shard < kShards; ++shard)
        masters.insert(RedisCluster::first_owner(keys::sealed(ShardId{shard})));
    ASSERT_EQ(masters.size(), RedisCluster::kMasters);
    RedisCluster cluster;
    with_two(cluster, [&](WatchedClient& watched, RedisClient& blocking) -> Task<> {
        for (std::size_t region = 0; region < names().size(); ++region)
            co_await plan(watched.client, random, region);
        Work work{watched.client, blocking, random};
        for (std::size_t done = 0; done < names().size() * kEndpoints;) {
            auto count = co_await work.turn(work.agents[random.number(work.agents.size())]);
            if (count == 0)  // that region's queue may be empty, and the others' not
                for (auto& agent : work.agents)
                    count += co_await work.turn(agent);
            if (count == 0) break;
            done += count;
            co_await work.take_announcements();
        }
        EXPECT_EQ(work.known.size(), names().size() * kEndpoints);
        EXPECT_EQ(work.announced.size(), kEndpoints);
        for (const auto& region : names()) {
            const auto depth = co_await depth_of(watched.client, region);
            EXPECT_EQ(depth, (QueueDepth{0, 0})) << region;
        }
    });
}

/// Whether the node has refused a command with this code.
Task<bool> has_refused(RedisCluster& cluster, std::size_t node, std::string code) {
    auto counting =
        testing::statistic(cluster.direct(node), "errorstats", "errorstat_" + code + ":count=");
    const auto count = co_await std::move(counting);
    co_return count > 0;
}

JobBlock block_of(std::optional<UtcTime> from, UtcTime until, std::size_t jobs) {
    RandomModel random{1};
    JobBlock block;
    block.held = {ShardId{3}, kEpoch};
    block.from = from;
    block.until = until;
    for (std::size_t i = 0; i < jobs; ++i) {
        block.jobs.begin();
        block.jobs.bytes() += wire::encode_job(random.job());
        block.jobs.end();
    }
    return block;
}

Task<BlockAnswer> put(JobQueue& queue, JobBlock block) {
    std::vector<JobBlock> blocks;
    blocks.push_back(std::move(block));
    const auto answers = co_await queue.enqueue(std::move(blocks));
    co_return answers.at(0);
}

TEST(RedisClusterWork, JobsGoInOnceWhileTheirRegionsKeysArePartlyHereAndPartlyThere) {
    RedisCluster cluster;
    const auto region = region_at(0);
    with_two(cluster, [&](WatchedClient& watched, RedisClient&) -> Task<> {
        JobQueue queue{watched.client, region};
        std::vector<HeldShard> shards{{ShardId{3}, kEpoch}};
        co_await queue.raise_fence(std::move(shards));
        auto first = co_await put(queue, block_of(std::nullopt, kUntil, 3));
        EXPECT_EQ(first.fate, Fate::taken);
        const auto until = kUntil + std::chrono::seconds{1};
        std::optional<BlockAnswer> answer;
        const auto put_more = [&]() -> Task<> {
            answer = co_await put(queue, block_of(kUntil, until, 2));
        };
        TaskGroup group{co_await asio::this_coro::executor, 1};
        std::function<Task<>()> half_way = [&]() -> Task<> {
            co_await testing::move_key(cluster, keys::planned(region), 0, 1);
            group.spawn("put", put_more());
            const auto refused = [&] { return has_refused(cluster, 0, "TRYAGAIN"); };
            EXPECT_TRUE(co_await eventually(refused));
            EXPECT_FALSE(answer.has_value());
        };
        co_await migrate(cluster, slot_of(keys::jobs(region)), 0, 1, std::move(half_way));
        co_await group.join();
        EXPECT_TRUE(answer && answer->fate == Fate::taken);
        const auto again = co_await put(queue, block_of(kUntil, until, 2));
        EXPECT_EQ(again.fate, Fate::moved);
        EXPECT_EQ(again.planned_until, until);
        const auto depth = co_await depth_of(watched.client, region);
        EXPECT_EQ(depth.entries, 5U);
    });
}

/// A cell with details, so that all keys of its region in the minute are there.
CellToRecord detailed(std::uint64_t endpoint,
                      std::uint64_t region,
                      std::uint32_t expected,
                      ShardId shard) {
    auto cell = cell_of(endpoint, region);
    cell.verdict = Verdict::fail;
    cell.reason = Reason::connection_refused;
    cell.detail = "nobody listens";
    return to_record(cell, expected, shard);
}

// The script also reads keys that it does not name: of the watermark and of other regions. A node
// that gives a slot away refuses such a read where the key is not there (any more), in its midst.
TEST(RedisClusterWork, CellsAreRecordedOnceWhileTheKeysOfTheirShardAreBeingMoved) {
    RedisCluster cluster;
    const auto shard = shard_at(0);
    with_two(cluster, [&](WatchedClient& watched, RedisClient&) -> Task<> {
        CellBuffer buffer{watched.client};
        auto answer = co_await testing::record_one(buffer, detailed(1, 1, 1, shard));
        EXPECT_EQ(answer, Recorded::fresh);
        std::optional<Recorded> second;
        const auto record_more = [&]() -> Task<> {
            second = co_await testing::record_one(buffer, detailed(2, 1, 2, shard));
        };
        TaskGroup group{co_await asio::this_coro::executor, 1};
        std::function<Task<>()> half_way = [&]() -> Task<> {
            group.spawn("record", record_more());
            const auto refused = [&] { return has_refused(cluster, 0, "ERR"); };
            EXPECT_TRUE(co_await eventually(refused));
            EXPECT_FALSE(second.has_value());
        };
        co_await migrate(cluster, slot_of(keys::sealed(shard)), 0, 1, std::move(half_way));
        co_await group.join();
        EXPECT_EQ(second, Recorded::fresh);
        answer = co_await testing::record_one(buffer, detailed(2, 1, 2, shard));
        EXPECT_EQ(answer, Recorded::duplicate);
        answer = co_await testing::record_one(buffer, detailed(2, 2, 2, shard));
        EXPECT_EQ(answer, Recorded::fresh);
        const auto announced = co_await testing::announced(buffer, shard);
        const std::multiset<std::pair<UtcMinute, std::uint32_t>> once{{kMinute, 1}, {kMinute, 2}};
        EXPECT_EQ(announced, once);
        const auto found =
            co_await cells_in(buffer, shard, kMinute, EndpointId{2}, first_regions(2));
        EXPECT_EQ(found.cells.size(), 2U);
    });
}

}  // namespace
}  // namespace quorate
