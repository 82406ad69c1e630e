#pragma once

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "core/model/job.hpp"
#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/job_queue.hpp"
#include "platform/redis/keys.hpp"
#include "region-agent/app.hpp"
#include "tests/integration/redis/with_client.hpp"
#include "tests/integration/region-agent/mcp_stub.hpp"

namespace quorate::testing {

inline const std::string kRegion = "us-east";
inline const ShardId kShard{3};
inline const RegionId kRegionId{1};

agent::Config agent_config(const RedisServer& server, const std::string& name);

/// The verdict-minute that all jobs of a test are of.
UtcMinute test_minute();

/// A job that is due `ahead` from now and may start for a minute.
Job job_for(std::uint64_t endpoint, const std::string& url, milliseconds ahead = milliseconds{0});

/// Everything a test of the agent has at hand; all on one executor.
struct Bench {
    Bench(const asio::any_io_executor& on, RedisClientOptions options)
        : executor{on}, redis{on, std::move(options)}, cells{redis}, stub{on} {}

    asio::any_io_executor executor;
    RedisClient redis;
    CellBuffer cells;
    McpStub stub;

    /// All at once, as a planner does: an agent that waits must not get the first alone.
    Task<> enqueue(std::vector<Job> jobs);

    /// A job that Redis hands to the agent on a connection other than its own, as a read of a dead
    /// connection does: in one transaction, so that the agent's own read can't come first.
    Task<> hand_out_unseen(std::string agent, Job job);

    Task<QueueDepth> depth() { return depth_of(redis, kRegion); }

    /// Whether nothing is left in the queue; false while Redis is away.
    Task<bool> queue_is_empty();

    /// The cells of endpoints 1 … `endpoints` that are in.
    Task<std::vector<Cell>> cells_of(std::uint64_t endpoints);

    /// How often minutes were announced as complete.
    Task<std::size_t> announcements();
};

/// Runs `body(bench)` with the client and the stub served.
void on_bench(const RedisClientOptions& options, const std::function<Task<>(Bench&)>& body);
void on_bench(const RedisServer& server, const std::function<Task<>(Bench&)>& body);

/// GET of the health server: the whole answer.
Task<std::string> get(std::uint16_t port, std::string path);

/// An agent in this process; `stop` is what SIGTERM does.
class RunningAgent {
public:
    RunningAgent(const asio::any_io_executor& executor, const agent::Config& config)
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
