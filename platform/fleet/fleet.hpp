#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "platform/fleet/held_shards.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/peers.hpp"
#include "platform/redis/shard_leases.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"
#include "platform/telemetry/metrics.hpp"
#include "platform/telemetry/readiness.hpp"

namespace quorate {

/// What a fleet counts; the names are the binary's.
struct FleetMetrics {
    Gauge shards_held;
    Gauge members_alive;
    Counter leases_taken;
    Counter leases_lost;
};

/// Who this process is, and what it shares with others of its kind.
struct FleetMember {
    SharedWork work = SharedWork::planning;
    std::string name;  ///< its own among those who share the work, kept over restarts
    std::string version;
    std::uint32_t shards = 64;  ///< of the deployment
    milliseconds lease{2500};
    milliseconds margin{500};  ///< we stop this long before Redis lets another have the lease
};

/// What differs between kinds of members. All are called on the fleet's executor.
struct FleetHooks {
    /// Completes our heartbeat: generation and current.
    std::function<void(PeerBeat&)> complete_beat;
    /// Who may hold shards, by name.
    std::function<std::vector<std::string>(const PeersView&)> members;
    /// After each look at the heartbeats. `asked_at` is our clock before it.
    std::function<void(const PeersView&, UtcTime asked_at)> seen = {};
    /// After it: how far Redis's clock is ahead of ours, by that look.
    std::function<void(const ClockOffset&)> clock_measured = {};
    /// When all shards that fall to us are ours.
    std::function<void()> complete = {};
};

/// What the fleet works with; everything outlives it.
struct FleetContext {
    RedisClient& redis;
    HeldShards& held;
    Readiness& readiness;
    const Clock& clock;
    Logger& log;
    FleetMetrics metrics;
    FleetHooks hooks;
};

/// This process among the others of its kind: it tells twice a second that it lives, finds out
/// which shards fall to it by rendezvous hashing, gives back the leases of those that don't and
/// takes those that do as soon as they are free. In a cluster each shard goes by its own node:
/// those of one that is away lapse, the others go on; where the heartbeats can't be read the shares
/// stay as they were. All on one executor.
class Fleet {
public:
    static constexpr milliseconds kEvery{500};
    static constexpr milliseconds kSoon{250};  ///< while shards that fall to us are not ours yet

    Fleet(FleetContext context, FleetMember member);

    /// Takes part until cancelled; waits where Redis is away.
    Task<> run();

    /// One round: heartbeat, then leases. @return what of it failed; empty: nothing
    Task<std::string> round();

    /// Tells the others that our Postgres answers: from here on only those hold shards of whom the
    /// same is known. Throws as RedisClient::run.
    Task<> announce_current();

    /// Gives back everything, for a quick take-over. Throws as RedisClient::run.
    Task<> leave();

    /// As `leave`, but it throws nothing and is over by the deadline; the log tells what is kept.
    Task<> leave_by(SteadyTime deadline);

    const std::string& name() const { return member_.name; }

private:
    PeerBeat own_beat() const;
    Task<PeersView> tell(PeerBeat own);
    Task<> look();
    void drop_lapsed();
    Task<> give_back();
    Task<> take();
    std::string keep(const std::vector<ShardId>& asked,
                     const std::vector<LeaseAnswer>& answers,
                     SteadyTime until);
    void show_name_taken(bool taken);

    FleetContext context_;
    FleetMember member_;
    std::string instance_;
    ShardLeases leases_;
    std::set<ShardId> share_;  ///< the shards that fall to us, as the last heartbeats had it
    bool complete_ = false;    ///< all shards that fall to us are ours
    bool written_ = false;     ///< our heartbeat stands in Redis
    std::optional<SteadyTime> name_taken_since_;
};

/// What is wrong with a member's name in a config; empty: nothing, or it has none.
std::string member_name_problem(const std::string& name);

/// `<host>-<port>` as a name may be written: lower-case letters, digits and hyphens, at most 63.
/// @param otherwise stands for a host that has none of these
std::string default_name(const std::string& host, std::uint16_t port, std::string_view otherwise);

/// The shards that fall to `name`, of all that there are.
std::set<ShardId> share_of(const std::string& name,
                           const std::vector<std::string>& members,
                           std::uint32_t shards);

}  // namespace quorate
