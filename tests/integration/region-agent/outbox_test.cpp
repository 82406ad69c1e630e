#include "region-agent/outbox/outbox.hpp"

#include "platform/wire/cell_codec.hpp"
#include "tests/integration/region-agent/agent_test.hpp"

namespace quorate {
namespace {

using agent::AgentMetrics;
using agent::FinishedJob;
using agent::Outbox;
using agent::OutboxLimits;
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
    CellToRecord record{kShard, cell.key, 1, wire::encode_cell(cell)};
    return {entry.empty() ? std::to_string(endpoint) + "-0" : entry, std::move(record)};
}

/// An outbox with what it needs.
struct Posted {
    Posted(Bench& bench, OutboxLimits limits)
        : counts{metrics},
          jobs{bench.redis, bench.redis, kRegion, "a"},
          log{"agent", LogLevel::error, clock},
          outbox{bench.executor,
                 bench.cells,
                 jobs,
                 counts,
                 log,
                 [this](const std::string& entry) { gone.push_back(entry); },
                 limits},
          writer{bench.executor, 1} {}

    double recorded(std::string_view outcome) { return counts.recorded.with({outcome}).value(); }

    SystemClock clock;
    Metrics metrics;
    AgentMetrics counts;
    JobConsumer jobs;
    Logger log;
    std::vector<std::string> gone;
    Outbox outbox;
    TaskGroup writer;
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

}  // namespace
}  // namespace quorate
