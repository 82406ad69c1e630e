// Looks that operators want at once: an order in, an answer out, and no cell.
#include "platform/redis/orders.hpp"

#include "platform/wire/cell_record.hpp"
#include "tests/integration/region-agent/agent_test.hpp"

namespace quorate {
namespace {

using testing::agent_config;
using testing::Bench;
using testing::eventually;
using testing::get;
using testing::job_for;
using testing::kRegion;
using testing::kRegionId;
using testing::on_bench;
using testing::RedisServer;
using testing::RunningAgent;
using testing::test_minute;

Job order_for(std::uint64_t endpoint, const std::string& url) {
    auto job = job_for(endpoint, url);
    job.id = "run-" + std::to_string(endpoint);
    return job;
}

Task<> order(Bench& bench, Job job) {
    std::vector<Job> jobs{std::move(job)};
    const auto failures = co_await give_orders(bench.redis, std::move(jobs));
    EXPECT_EQ(failures, std::vector<std::string>{""});
}

/// The cell that comes to be the answer; an agentless one if none comes.
Task<Cell> answer_to(Bench& bench, Job job) {
    std::optional<std::string> record;
    const auto answered = [&]() -> Task<bool> {
        std::vector<OrderName> names{{kRegion, job.id}};
        auto answers = co_await read_answers(bench.redis, std::move(names));
        record = std::move(answers.at(0));
        co_return record.has_value();
    };
    const bool there = co_await eventually(answered);
    EXPECT_TRUE(there) << "no answer to " << job.id;
    if (!there) co_return Cell{};
    const auto decoded = wire::decode_record(*record);
    EXPECT_TRUE(decoded.has_value());
    if (!decoded) co_return Cell{};
    EXPECT_EQ(decoded->key, job.key);
    const auto cell = wire::decode_cell(decoded->key, decoded->cell.fixed, decoded->cell.details);
    EXPECT_TRUE(cell.has_value());
    co_return cell ? *cell : Cell{};
}

TEST(Orders, AreCarriedOutAtOnceAnsweredAndNotRecorded) {
    const RedisServer server{RedisServer::Listen::tcp};
    on_bench(server, [&](Bench& bench) -> Task<> {
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        const auto job = order_for(1, bench.stub.url());
        co_await order(bench, job);
        const auto cell = co_await answer_to(bench, job);
        EXPECT_EQ(cell.verdict, Verdict::up) << cell.detail;
        EXPECT_EQ(cell.agent, "a");
        EXPECT_EQ(cell.job, "run-1");
        EXPECT_TRUE(cell.timings.total.has_value());
        EXPECT_TRUE(cell.timings.initialize.has_value());

        const auto gone = order_for(2, "http://127.0.0.1:1/mcp");
        co_await order(bench, gone);
        const auto refused = co_await answer_to(bench, gone);
        EXPECT_EQ(refused.verdict, Verdict::fail);
        EXPECT_EQ(refused.reason, Reason::connection_refused);

        const auto metrics = co_await get(agent.app.health_port(), "/metrics");
        EXPECT_NE(metrics.find("quorate_agent_orders_total{outcome=\"answered\"} 2"),
                  std::string::npos);
        co_await agent.stop();
        const auto cells = co_await bench.cells_of(2);
        EXPECT_TRUE(cells.empty()) << "nothing of it is recorded";
    });
}

TEST(Orders, OneThatIsTooOldOrForAnotherRegionIsNotCarriedOut) {
    const RedisServer server{RedisServer::Listen::tcp};
    on_bench(server, [&](Bench& bench) -> Task<> {
        auto old = order_for(1, bench.stub.url());
        old.not_after = SystemClock{}.utc_now() - milliseconds{1};
        co_await order(bench, old);
        RedisArgs forged{"RPUSH", keys::orders(kRegion), "no job"};
        co_await bench.redis.run(std::move(forged));
        RunningAgent agent{bench.executor, agent_config(server, "a")};
        const auto cell = co_await answer_to(bench, old);
        EXPECT_EQ(cell.verdict, Verdict::unknown);
        EXPECT_EQ(cell.reason, Reason::missed_window);
        const auto counted = [&]() -> Task<bool> {
            const auto metrics = co_await get(agent.app.health_port(), "/metrics");
            co_return metrics.find("quorate_agent_orders_total{outcome=\"invalid\"} 1") !=
                std::string::npos;
        };
        EXPECT_TRUE(co_await eventually(counted));
        EXPECT_EQ(bench.stub.requests(), 0U);
        co_await agent.stop();
    });
}

TEST(Orders, ACordonedAgentLeavesThemToOthers) {
    const RedisServer server{RedisServer::Listen::tcp};
    on_bench(server, [&](Bench& bench) -> Task<> {
        std::vector<std::string> cordoned{"a"};
        co_await write_cordoned(bench.redis, kRegion, std::move(cordoned));
        RunningAgent first{bench.executor, agent_config(server, "a")};
        const auto aside = [&]() -> Task<bool> { co_return first.app.stands_aside(); };
        EXPECT_TRUE(co_await eventually(aside));
        RunningAgent second{bench.executor, agent_config(server, "b")};
        for (const std::uint64_t endpoint : {1U, 2U, 3U}) {
            const auto job = order_for(endpoint, bench.stub.url());
            co_await order(bench, job);
            const auto cell = co_await answer_to(bench, job);
            EXPECT_EQ(cell.agent, "b");
        }
        co_await first.stop();
        co_await second.stop();
    });
}

}  // namespace
}  // namespace quorate
