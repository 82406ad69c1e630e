#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/runtime/blocking_pool.hpp"
#include "platform/runtime/task_group.hpp"
#include "region-agent/outbox/outbox.hpp"

namespace quorate::testing {

/// An outbox of a region's agent `a`, with what it needs.
struct Posted {
    /// @param spool nothing: what can't be written waits in memory
    Posted(asio::any_io_executor executor,
           RedisClient& redis_,
           const std::string& region,
           agent::OutboxLimits limits,
           agent::Spool* spool = nullptr)
        : redis{redis_},
          jobs{redis, redis, region, "a"},
          outbox{executor,
                 cells,
                 jobs,
                 counts,
                 log,
                 [this](const std::string& entry) { gone.push_back(entry); },
                 limits,
                 spooling(spool)},
          writer{executor, 1} {}

    std::optional<agent::Spooling> spooling(agent::Spool* spool) {
        if (spool == nullptr) return std::nullopt;
        return agent::Spooling{
            spool,
            [this](std::function<void()> work) { return files.run(std::move(work)); },
            [this] { return redis.reachable(); }};
    }
    double spooled(std::string_view outcome) { return counts.spooled.with({outcome}).value(); }
    double recorded(std::string_view outcome) { return counts.recorded.with({outcome}).value(); }

    RedisClient& redis;
    SystemClock clock;
    Metrics metrics;
    agent::AgentMetrics counts{metrics};
    CellBuffer cells{redis};
    JobConsumer jobs;
    Logger log{"agent", LogLevel::error, clock};
    std::vector<std::string> gone;
    BlockingPool files{1, 4};
    agent::Outbox outbox;
    TaskGroup writer;
};

}  // namespace quorate::testing
