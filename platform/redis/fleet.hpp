#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time/time.hpp"
#include "platform/redis/client.hpp"
#include "platform/runtime/clock.hpp"

namespace quorate {

/// What an agent does with jobs. The names are stored: append, never rename.
enum class AgentState : std::uint8_t {
    working,     ///< probes
    overloaded,  ///< refuses jobs, because it would measure its own load
    blind,       ///< refuses jobs, because its own network or host is at fault
    draining,    ///< was told to end, and finishes what runs
    cordoned,    ///< takes no jobs, because an operator said so
    skewed,      ///< refuses jobs, because its clock is too far off Redis's
};
std::string_view name_of(AgentState state);

/// What an agent says of itself every second.
struct Heartbeat {
    std::string agent;
    std::string instance;  ///< tells processes of the same name apart; empty: of an older version
    std::string version;
    UtcTime started_at;
    UtcTime at;  ///< Redis's clock; silence is measured against `redis_time`
    std::uint32_t in_flight = 0;
    milliseconds lag{0};  ///< how far it runs behind its own timers, the worst of 5 s
    double load = 0;      ///< CPU that it uses of what it can have, 0 to 1
    AgentState state = AgentState::working;
    milliseconds clock_offset{0};  ///< Redis's clock minus its own
    // Since it started:
    std::uint64_t probes_total = 0;
    std::uint64_t missed_total = 0;      ///< jobs that came too late
    std::uint64_t duplicates_total = 0;  ///< cells that were in already
    std::uint64_t held_back_total = 0;   ///< jobs not probed to spare a server or a tenant's share
    std::uint64_t spooled = 0;           ///< cells that wait on its disk, now
    friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

/// JSON, as it stands in Redis: `version started_at_ms at_ms in_flight lag_ms load state
/// clock_offset_ms probes_total missed_total duplicates_total held_back_total spooled instance`; of
/// an older agent `load`, `state` and the last five may be missing (0, `working`, ''). Nothing if
/// `json` is none of ours.
std::string encode_heartbeat(const Heartbeat& heartbeat);
std::optional<Heartbeat> decode_heartbeat(std::string_view agent, std::string_view json);

/// Writes the heartbeat of one agent. Throws as RedisClient::run.
Task<> write_heartbeat(RedisClient& client, std::string region, Heartbeat heartbeat);

/// The last heartbeats of a region's agents.
struct RegionAgents {
    std::vector<Heartbeat> agents;  ///< by name; those that can't be read are left out
    std::string unavailable;        ///< why the region's node of a cluster did not answer, or empty
};

/// Of each region, in the order given, one round trip. Throws as RedisClient::run, in a cluster for
/// errors of its nodes alone.
Task<std::vector<RegionAgents>> read_heartbeats(RedisClient& client,
                                                std::vector<std::string> regions);

/// An agent counts as alive for operators while its last heartbeat is younger than this.
inline constexpr std::chrono::seconds kAliveFor{45};
inline bool alive(const Heartbeat& heartbeat, UtcTime redis_now) {
    return redis_now - heartbeat.at < kAliveFor;
}

/// The agents of a region that operators told to take no jobs. Both throw as RedisClient::run.
Task<std::vector<std::string>> read_cordoned(RedisClient& client, std::string region);
Task<> write_cordoned(RedisClient& client, std::string region, std::vector<std::string> agents);

/// Removes the heartbeat of an agent that is gone, and keeps what it counted; where Redis does not
/// let us keep it, since no coordinator of this version has been there, that is lost. One of
/// another process of that name stays. Throws as RedisClient::run.
/// @param instance that of the heartbeat
Task<> forget_agent(RedisClient& client,
                    std::string region,
                    std::string agent,
                    std::string instance = {});

/// What agents have counted whose heartbeats are gone, since Redis has its data.
struct AgentCounts {
    std::uint64_t missed = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t held_back = 0;
};

/// Of each region, in the order given, one round trip; nothing of one whose node of a cluster is
/// away. Throws as RedisClient::run, in a cluster for errors of its nodes alone.
Task<std::vector<AgentCounts>> read_counts(RedisClient& client, std::vector<std::string> regions);

/// Redis's clock (TIME). Throws as RedisClient::run.
Task<UtcTime> redis_time(RedisClient& client);

/// How far Redis's clock is ahead of `clock`, measured over one round trip and taken in its middle.
struct ClockOffset {
    microseconds offset{0};      ///< add it to `clock` to get Redis's time
    microseconds round_trip{0};  ///< the offset is right within half of it
};
Task<ClockOffset> measure_clock_offset(RedisClient& client, const Clock& clock);

}  // namespace quorate
