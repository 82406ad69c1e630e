#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "platform/redis/client.hpp"
#include "platform/redis/fleet.hpp"
#include "region-agent/agent_metrics.hpp"
#include "region-agent/redis_clock.hpp"

namespace quorate::agent {

/// The agent's heartbeat: every second it measures the offset to Redis's clock and writes what
/// the agent says of itself. An agent that is silent for `kSilenceMax` while Redis is there counts
/// as dead: its jobs are claimed by others.
class Pulse {
public:
    static constexpr milliseconds kEvery{1000};
    static constexpr milliseconds kSilenceMax{2500};

    /// What changes from beat to beat.
    struct Load {
        std::uint32_t in_flight = 0;
        std::uint64_t probes_total = 0;
        std::uint64_t missed_total = 0;
        std::uint64_t duplicates_total = 0;
        std::uint64_t held_back_total = 0;
        std::uint64_t spooled = 0;
        microseconds lag{0};
        double load = 0;
        AgentState state = AgentState::working;
    };

    Pulse(RedisClient& redis,
          RedisClock& clock,
          AgentMetrics& metrics,
          std::string region,
          Heartbeat identity,
          std::function<Load()> load);

    /// Beats until the first one succeeds: Redis is there and its clock is known. Until cancelled.
    Task<> first();
    /// Beats until cancelled; a beat that Redis does not take is lost.
    Task<> run();
    /// The agent stops: removes its heartbeat, so that it is seen as gone at once, and writes no
    /// further one. Throws as RedisClient::run.
    Task<> end();

private:
    Task<bool> beat();

    RedisClient* redis_;
    RedisClock* clock_;
    AgentMetrics* metrics_;
    std::string region_;
    Heartbeat heartbeat_;
    std::function<Load()> load_;
    bool ended_ = false;
};

}  // namespace quorate::agent
