#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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

    /// Called with every beat that Redis answered: whether our name is ours. It is not while
    /// another process, whose heartbeat is younger than `kSilenceMax`, has it: then ours is not
    /// written. One of our own earlier life that was killed has it for that long, too.
    void on_name(std::function<void(bool ours)> callback) { told_name_ = std::move(callback); }

    /// Beats until the first one succeeds: Redis is there, its clock is known, and our name is
    /// ours. Until cancelled.
    Task<> first();
    /// Beats until cancelled; a beat that Redis does not take is lost.
    Task<> run();
    /// The agent stops: removes its heartbeat, so that it is seen as gone at once, and writes no
    /// further one. One of another process stays. Throws as RedisClient::run.
    Task<> end();

private:
    Task<bool> beat();
    Task<bool> name_is_ours();

    RedisClient* redis_;
    RedisClock* clock_;
    AgentMetrics* metrics_;
    std::string region_;
    Heartbeat heartbeat_;
    std::function<Load()> load_;
    std::function<void(bool)> told_name_;
    bool ours_ = false;                     // our name, as the last beat found
    std::optional<std::string> before_us_;  // instance whose old heartbeat has it still
    bool ended_ = false;
};

}  // namespace quorate::agent
