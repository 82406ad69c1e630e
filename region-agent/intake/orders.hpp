#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "core/model/job.hpp"
#include "platform/redis/client.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/telemetry/log.hpp"
#include "region-agent/agent_metrics.hpp"
#include "region-agent/intake/job_runner.hpp"

namespace quorate::agent {

/// Looks that operators want at once (`quorate run-now`): takes the region's orders, looks, and
/// answers. Nothing is recorded, no slot is waited for, and the gate is passed by; at most kMax at
/// a time, beyond which orders are left to other agents. All on one executor.
class Orders {
public:
    static constexpr std::size_t kMax = 16;
    static constexpr milliseconds kBlock{2000};  ///< how long Redis is asked to wait for one
    static constexpr milliseconds kAgain{500};   ///< until it is asked again, where it was not
    static constexpr milliseconds kRefused{10'000};

    /// @param reads for this alone: reads of orders block
    /// @param stands_aside whether orders are left to other agents now
    Orders(asio::any_io_executor executor,
           RedisClient& redis,
           RedisClient& reads,
           JobRunner& runner,
           const AgentMetrics& metrics,
           Logger& log,
           std::string region,
           std::function<bool()> stands_aside);

    /// Until cancelled; then looks that are under way end without an answer.
    Task<> run();

private:
    Task<> take_all();
    Task<> take_one();
    Task<> carry_out(Job job);
    void tell_once(const std::string& refusal);

    RedisClient* redis_;
    RedisClient* reads_;
    JobRunner* runner_;
    const AgentMetrics* metrics_;
    Logger* log_;
    std::string region_;
    std::function<bool()> stands_aside_;
    bool refused_ = false;
    TaskGroup tasks_;  // the one that takes, and those that look
};

}  // namespace quorate::agent
