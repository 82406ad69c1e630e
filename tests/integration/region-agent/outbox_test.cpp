#include "region-agent/outbox/outbox.hpp"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include <sys/syscall.h>
#include <unistd.h>

#include "platform/wire/cell_codec.hpp"
#include "tests/integration/region-agent/agent_test.hpp"
#include "tests/integration/region-agent/posted.hpp"
#include "tests/support/temporary_folder.hpp"

namespace {

std::atomic<bool> disk_fails{false};
std::atomic<int> synced{0};

}  // namespace

/// In place of the system's, so that a test can have a disk that fails.
extern "C" int fsync(int descriptor) {
    if (disk_fails) {
        errno = EIO;
        return -1;
    }
    ++synced;
    return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

namespace quorate {
namespace {

using agent::FinishedJob;
using agent::OutboxLimits;
using agent::Spool;
using testing::Bench;
using testing::eventually;
using testing::job_for;
using testing::kRegion;
using testing::kRegionId;
using testing::kShard;
using testing::on_bench;
using testing::RedisServer;
using testing::test_minute;

FinishedJob finished(std::uint64_t endpoint, const std::string& entry = {}) {
    Cell cell;
    cell.key = {EndpointId{endpoint}, kRegionId, test_minute()};
    cell.verdict = Verdict::up;
    CellToRecord record{kShard,
                        cell.key,
                        static_cast<std::uint32_t>(endpoint),
                        RegionMask::of(std::vector{kRegionId}),
                        wire::encode_cell(cell, true)};
    return {entry.empty() ? std::to_string(endpoint) + "-0" : entry, std::move(record)};
}

/// The outbox of the bench's region.
struct Posted : testing::Posted {
    Posted(Bench& bench, OutboxLimits limits, Spool* spool = nullptr)
        : testing::Posted{bench.executor, bench.redis, kRegion, limits, spool} {}
};

TEST(Outbox, WhileRedisIsAwayTheOldestGoAboveTheBoundAndTheRestIsWrittenLater) {
    RedisServer server;
    server.stop();
    on_bench(server, [&](Bench& bench) -> Task<> {
        OutboxLimits limits;
        limits.cells_max = 10;
        limits.backoff_longest = milliseconds{20};
        Posted posted{bench, limits};
        for (std::uint64_t endpoint = 1; endpoint <= 25; ++endpoint)
            posted.outbox.add(finished(endpoint));
        EXPECT_EQ(posted.outbox.size(), 10U);
        EXPECT_EQ(posted.recorded("overflow"), 15);
        EXPECT_EQ(posted.gone.front(), "1-0");
        EXPECT_EQ(posted.gone.back(), "15-0");
        posted.writer.spawn("outbox", posted.outbox.run());
        server.start();
        co_await posted.outbox.emptied();
        EXPECT_EQ(posted.recorded("fresh"), 10);
        EXPECT_EQ(posted.gone.size(), 25U);
        const auto cells = co_await bench.cells_of(25);
        EXPECT_EQ(cells.size(), 10U);
        EXPECT_EQ(cells.front().key.endpoint, EndpointId{16});
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

TEST(Outbox, WhatRedisRefusesAgainAndAgainIsCountedAndStaysPending) {
    const RedisServer server;
    on_bench(server, [&](Bench& bench) -> Task<> {
        OutboxLimits limits;
        limits.refusals_max = 3;
        limits.backoff_first = milliseconds{1};
        limits.backoff_longest = milliseconds{2};
        Posted posted{bench, limits};
        std::vector<Job> jobs{job_for(1, bench.stub.url())};
        co_await bench.enqueue(std::move(jobs));
        const auto taken = co_await posted.jobs.read(1, milliseconds{20});
        const auto entry = taken.at(0).entry;
        RedisArgs full{"CONFIG", "SET", "maxmemory", "1"};
        co_await bench.redis.run(std::move(full));
        posted.writer.spawn("outbox", posted.outbox.run());
        posted.outbox.add(finished(1, entry));
        co_await posted.outbox.emptied();
        EXPECT_EQ(posted.recorded("refused"), 1);
        EXPECT_EQ(posted.gone, std::vector<std::string>{entry});
        auto depth = co_await bench.depth();
        EXPECT_EQ(depth, (QueueDepth{1, 1}));
        RedisArgs room{"CONFIG", "SET", "maxmemory", "0"};
        co_await bench.redis.run(std::move(room));
        posted.outbox.add(finished(1, entry));
        co_await posted.outbox.emptied();
        EXPECT_EQ(posted.recorded("fresh"), 1);
        depth = co_await bench.depth();
        EXPECT_EQ(depth, (QueueDepth{0, 0}));
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

OutboxLimits short_limits() {
    OutboxLimits limits;
    limits.cells_max = 10;
    limits.every = milliseconds{5};
    limits.backoff_first = milliseconds{1};
    limits.backoff_longest = milliseconds{20};
    return limits;
}

TEST(OutboxSpool, WhileRedisIsAwayCellsGoToDiskAndThenIntoRedisInOrder) {
    RedisServer server;
    server.stop();
    const TemporaryFolder folder;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Spool spool{{folder.path()}};
        Posted posted{bench, short_limits(), &spool};
        posted.writer.spawn("outbox", posted.outbox.run());
        constexpr std::uint64_t kCells = 500;  // many more than memory may hold
        for (std::uint64_t endpoint = 1; endpoint <= kCells; endpoint += 5) {
            for (auto one = endpoint; one < endpoint + 5; ++one)
                posted.outbox.add(finished(one));
            const auto saved = [&]() -> Task<bool> { co_return spool.records() == endpoint + 4; };
            EXPECT_TRUE(co_await eventually(saved));
        }
        EXPECT_EQ(posted.spooled("saved"), kCells);
        EXPECT_EQ(posted.outbox.size(), kCells);
        EXPECT_TRUE(posted.gone.empty()) << "held until they are written";
        server.start();
        co_await posted.outbox.emptied();
        EXPECT_EQ(posted.recorded("fresh"), kCells);
        EXPECT_EQ(posted.recorded("overflow"), 0);
        EXPECT_EQ(posted.spooled("replayed"), kCells);
        EXPECT_EQ(posted.gone.size(), kCells);
        for (std::uint64_t i = 0; i < posted.gone.size(); ++i)
            EXPECT_EQ(posted.gone[i], std::to_string(i + 1) + "-0");
        EXPECT_TRUE(spool.empty());
        const auto cells = co_await bench.cells_of(kCells);
        EXPECT_EQ(cells.size(), kCells);
        posted.outbox.add(finished(kCells + 1));  // the straight way again
        co_await posted.outbox.emptied();
        EXPECT_EQ(posted.spooled("saved"), kCells);
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

/// Gives the outbox cells of the endpoints 1 to `count` and waits until the spool has taken them.
Task<> spool_away(Posted& posted, std::uint64_t count) {
    constexpr std::uint64_t kTogether = 500;
    for (std::uint64_t first = 1; first <= count; first += kTogether) {
        for (auto one = first; one < first + kTogether; ++one)
            posted.outbox.add(finished(one));
        const auto saved = [&]() -> Task<bool> {
            co_return posted.spooled("saved") == static_cast<double>(first + kTogether - 1);
        };
        EXPECT_TRUE(co_await eventually(saved));
    }
}

TEST(OutboxSpool, AboveItsBoundTheOldestCellsAreLostAndCounted) {
    RedisServer server;
    server.stop();
    const TemporaryFolder folder;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Spool spool{{folder.path(), Spool::kBytesLeast}};
        Posted posted{bench, {}, &spool};
        posted.writer.spawn("outbox", posted.outbox.run());
        constexpr std::uint64_t kCells = 20'000;
        co_await spool_away(posted, kCells);
        const auto lost = posted.spooled("lost");
        EXPECT_GT(lost, 0);
        EXPECT_EQ(posted.gone.size(), lost);
        EXPECT_EQ(posted.gone.front(), "1-0");
        EXPECT_EQ(spool.records(), kCells - lost);
        server.start();
        co_await posted.outbox.emptied();
        EXPECT_EQ(posted.recorded("fresh"), kCells - lost);
        EXPECT_EQ(posted.spooled("replayed"), kCells - lost);
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

/// Overwrites the middle of the only file of a spool.
void spoil(const std::string& folder) {
    std::filesystem::path spooled;
    for (const auto& file : std::filesystem::directory_iterator{folder})
        if (file.path().extension() == ".spool") spooled = file.path();
    std::fstream stream{spooled, std::ios::in | std::ios::out | std::ios::binary};
    stream.seekp(static_cast<std::streamoff>(std::filesystem::file_size(spooled) / 2));
    stream << std::string(8, '\0');
    EXPECT_TRUE(stream.good());
}

TEST(OutboxSpool, WhatTheDiskDoesNotGiveBackIsCountedAndTheRestGoesOut) {
    RedisServer server;
    server.stop();
    const TemporaryFolder folder;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Spool spool{{folder.path()}};
        Posted posted{bench, {}, &spool};
        posted.writer.spawn("outbox", posted.outbox.run());
        constexpr std::uint64_t kCells = 500;
        co_await spool_away(posted, kCells);
        spoil(folder.path());
        server.start();
        co_await posted.outbox.emptied();
        const auto unreadable = posted.spooled("unreadable");
        EXPECT_GT(unreadable, 0);
        EXPECT_LT(unreadable, kCells);
        EXPECT_EQ(posted.recorded("fresh"), kCells - unreadable);
        EXPECT_EQ(posted.spooled("replayed"), kCells - unreadable);
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

TEST(OutboxSpool, WhileRedisHasNoRoomCellsGoToDisk) {
    const RedisServer server;
    const TemporaryFolder folder;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Spool spool{{folder.path()}};
        Posted posted{bench, short_limits(), &spool};
        RedisArgs full{"CONFIG", "SET", "maxmemory", "1"};
        co_await bench.redis.run(std::move(full));
        posted.writer.spawn("outbox", posted.outbox.run());
        posted.outbox.add(finished(1));
        const auto saved = [&]() -> Task<bool> { co_return spool.records() == 1; };
        EXPECT_TRUE(co_await eventually(saved));
        RedisArgs room{"CONFIG", "SET", "maxmemory", "0"};
        co_await bench.redis.run(std::move(room));
        co_await posted.outbox.emptied();
        EXPECT_EQ(posted.recorded("fresh"), 1);
        EXPECT_EQ(posted.recorded("refused"), 0);
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

TEST(OutboxSpool, WhereTheDiskFailsCellsWaitInMemory) {
    RedisServer server;
    server.stop();
    const TemporaryFolder folder;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Spool spool{{folder.path()}};
        std::filesystem::remove_all(folder.path());
        Posted posted{bench, short_limits(), &spool};
        posted.writer.spawn("outbox", posted.outbox.run());
        for (std::uint64_t endpoint = 1; endpoint <= 5; ++endpoint)
            posted.outbox.add(finished(endpoint));
        const auto failed = [&]() -> Task<bool> {
            co_return posted.counts.spool_failures.value() >= 1;
        };
        EXPECT_TRUE(co_await eventually(failed));
        EXPECT_EQ(posted.outbox.size(), 5U);
        server.start();
        co_await posted.outbox.emptied();
        EXPECT_EQ(posted.recorded("fresh"), 5);
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

TEST(OutboxSpool, WhatTheDiskDidNotSyncIsSyncedLater) {
    RedisServer server;
    server.stop();
    const TemporaryFolder folder;
    on_bench(server, [&](Bench& bench) -> Task<> {
        Spool spool{{folder.path()}};
        Posted posted{bench, short_limits(), &spool};
        disk_fails = true;
        posted.writer.spawn("outbox", posted.outbox.run());
        posted.outbox.add(finished(1));
        const auto failed_again = [&]() -> Task<bool> {
            co_return posted.counts.spool_failures.value() >= 2;
        };
        EXPECT_TRUE(co_await eventually(failed_again));
        EXPECT_EQ(posted.spooled("saved"), 1) << "it was appended once";
        const auto before = synced.load();
        disk_fails = false;
        const auto lasts = [&]() -> Task<bool> { co_return synced > before; };
        EXPECT_TRUE(co_await eventually(lasts));
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

TEST(OutboxSpool, WhatIsParkedGoesOutInTheNextLife) {
    RedisServer server;
    server.stop();
    const TemporaryFolder folder;
    on_bench(server, [&](Bench& bench) -> Task<> {
        {
            Spool spool{{folder.path()}};
            Posted posted{bench, short_limits(), &spool};
            for (std::uint64_t endpoint = 1; endpoint <= 7; ++endpoint)
                posted.outbox.add(finished(endpoint));
            EXPECT_EQ(posted.outbox.park(), 7U);
        }
        server.start();
        Spool spool{{folder.path()}};
        Posted posted{bench, short_limits(), &spool};
        EXPECT_EQ(posted.outbox.spooled(), 7U);
        posted.writer.spawn("outbox", posted.outbox.run());
        co_await posted.outbox.replayed();
        EXPECT_EQ(posted.recorded("fresh"), 7);
        posted.writer.cancel();
        co_await posted.writer.join();
    });
}

}  // namespace
}  // namespace quorate
