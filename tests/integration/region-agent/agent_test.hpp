#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/write.hpp>

#include "core/model/job.hpp"
#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/job_queue.hpp"
#include "platform/redis/keys.hpp"
#include "platform/wire/job_codec.hpp"
#include "region-agent/app.hpp"
#include "tests/integration/redis/with_client.hpp"
#include "tests/integration/region-agent/mcp_stub.hpp"

namespace quorate::testing {

inline const std::string kRegion = "us-east";
inline const ShardId kShard{3};
inline const RegionId kRegionId{1};

inline agent::Config agent_config(const RedisServer& server, const std::string& name) {
    agent::Config config;
    config.region = kRegion;
    config.name = name;
    config.redis.url = server.url();
    config.health_port = 0;
    config.allow_private_addresses = true;
    config.log_level = "error";
    return config;
}

/// The verdict-minute that all jobs of a test are of.
inline UtcMinute test_minute() {
    static const auto minute = UtcMinute::containing(SystemClock{}.utc_now(), Window::minute());
    return minute;
}

/// A job that is due `ahead` from now and may start for a minute.
inline Job job_for(std::uint64_t endpoint,
                   const std::string& url,
                   milliseconds ahead = milliseconds{0}) {
    const auto now = SystemClock{}.utc_now();
    Job job;
    job.key = {EndpointId{endpoint}, kRegionId, test_minute()};
    job.id = std::to_string(test_minute().epoch_ms()) + ":" + std::to_string(endpoint) + ":1";
    job.shard = kShard;
    job.tenant = "default";
    job.name = "endpoint-" + std::to_string(endpoint);
    job.region = kRegion;
    // Within the minute, as the codec asks; a test that begins late in it is due at once.
    const auto due = std::chrono::floor<milliseconds>(now + ahead) - test_minute().start();
    job.slot = std::clamp<milliseconds>(due, milliseconds{0}, Window::minute().length());
    job.not_after = now + ahead + std::chrono::minutes{1};
    job.cell_slot = static_cast<std::uint32_t>(endpoint);
    job.expected_cells = 1;
    job.regions_mask.add(kRegionId);
    job.url = url;
    job.timeout = std::chrono::seconds{5};
    job.retry_gap = milliseconds{20};
    job.era = EraMode::legacy;
    return job;
}

/// Everything a test of the agent has at hand; all on one executor.
struct Bench {
    Bench(asio::any_io_executor on, RedisClientOptions options)
        : executor{on}, redis{on, std::move(options)}, cells{redis}, stub{on} {}

    asio::any_io_executor executor;
    RedisClient redis;
    CellBuffer cells;
    McpStub stub;

    /// All at once, as a planner does: an agent that waits must not get the first alone.
    Task<> enqueue(std::vector<Job> jobs) {
        std::vector<RedisArgs> commands;
        commands.push_back({"MULTI"});
        for (const auto& job : jobs)
            commands.push_back({"XADD", keys::jobs(kRegion), "*", "j", wire::encode_job(job)});
        commands.push_back({"EXEC"});
        co_await redis.run_all(std::move(commands));
    }

    /// A job that Redis hands to the agent on a connection other than its own, as a read of a dead
    /// connection does: in one transaction, so that the agent's own read can't come first.
    Task<> hand_out_unseen(std::string agent, Job job) {
        std::vector<RedisArgs> commands;
        commands.push_back({"MULTI"});
        commands.push_back({"XADD", keys::jobs(kRegion), "*", "j", wire::encode_job(job)});
        commands.push_back({"XREADGROUP",
                            "GROUP",
                            std::string{keys::kAgents},
                            std::move(agent),
                            "STREAMS",
                            keys::jobs(kRegion),
                            ">"});
        commands.push_back({"EXEC"});
        const auto replies = co_await redis.run_all(std::move(commands));
        EXPECT_FALSE(replies.back().list().at(1).is_nil());
    }

    Task<QueueDepth> depth() { return depth_of(redis, kRegion); }

    /// Whether nothing is left in the queue; false while Redis is away.
    Task<bool> queue_is_empty() {
        try {
            const auto now = co_await depth();
            co_return now.entries == 0;
        } catch (const RedisUnavailable&) {
            co_return false;
        }
    }

    /// The cells of endpoints 1 … `endpoints` that are in.
    Task<std::vector<Cell>> cells_of(std::uint64_t endpoints) {
        std::vector<CellsQuery> queries;
        for (std::uint64_t endpoint = 1; endpoint <= endpoints; ++endpoint)
            queries.push_back({kShard,
                               test_minute(),
                               EndpointId{endpoint},
                               static_cast<std::uint32_t>(endpoint),
                               {kRegionId}});
        const auto found = co_await cells.read_cells(std::move(queries));
        std::vector<Cell> all;
        for (const auto& one : found) {
            EXPECT_TRUE(one.undecodable.empty());
            all.insert(all.end(), one.cells.begin(), one.cells.end());
        }
        co_return all;
    }

    /// How often minutes were announced as complete.
    Task<std::size_t> announcements() {
        std::vector<ShardId> shards{kShard};
        std::vector<RegionId> regions{kRegionId};
        const auto batches =
            co_await cells.read_done(std::move(shards), std::move(regions), 100'000);
        std::size_t count = 0;
        for (const auto& batch : batches)
            for (const auto& run : batch.runs)
                count += run.count;
        co_return count;
    }
};

/// Runs `body(bench)` with the client and the stub served.
inline void on_bench(const RedisClientOptions& options, const std::function<Task<>(Bench&)>& body) {
    run_on_executor([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        Bench bench{executor, options};
        TaskGroup stub{executor, 1};
        stub.spawn("stub", bench.stub.serve());
        std::vector<RedisClient*> clients{&bench.redis};
        std::function<Task<>()> inner = [&] { return body(bench); };
        co_await serving(std::move(clients), std::move(inner));
        stub.cancel();
        bench.stub.go_on();
        bench.stub.stop();
        co_await stub.join();
        co_await bench.stub.join();
    });
}

inline void on_bench(const RedisServer& server, const std::function<Task<>(Bench&)>& body) {
    on_bench(options_for(server), body);
}

/// GET of the health server: the whole answer.
inline Task<std::string> get(std::uint16_t port, std::string path) {
    asio::ip::tcp::socket socket{co_await asio::this_coro::executor};
    const asio::ip::tcp::endpoint peer{asio::ip::address_v4::loopback(), port};
    co_await socket.async_connect(peer, asio::use_awaitable);
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    std::string answer;
    std::array<char, 4096> part;
    for (;;) {
        const auto [error, size] = co_await socket.async_read_some(
            asio::buffer(part), asio::as_tuple(asio::use_awaitable));
        if (error) co_return answer;
        answer.append(part.data(), size);
    }
}

/// An agent in this process; `stop` is what SIGTERM does.
class RunningAgent {
public:
    RunningAgent(asio::any_io_executor executor, const agent::Config& config)
        : app{executor, config, "0.1.0-test"}, group_{executor, 1} {
        group_.spawn("agent", app.run());
    }
    void begin_stop() { group_.cancel(); }
    Task<> ended() { return group_.join(); }
    Task<> stop() {
        begin_stop();
        co_await ended();
    }

    agent::App app;

private:
    TaskGroup group_;
};

}  // namespace quorate::testing
