#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "coordinator/audit/audit.hpp"
#include "coordinator/catalog/apply.hpp"
#include "coordinator/catalog/catalogue.hpp"
#include "coordinator/catalog/region_store.hpp"
#include "coordinator/coordinator_metrics.hpp"
#include "platform/crypto/sealed_box.hpp"
#include "platform/redis/client.hpp"

namespace quorate::coordinator {

/// What `Regions` works with; everything outlives it.
struct RegionsContext {
    Database& database;
    RedisClient& redis;
    Catalogue& catalogue;
    Deployment deployment;
    const Clock& clock;
    Logger& log;
    CoordinatorMetrics& metrics;
    /// Done before the catalogue is changed; where it throws nothing is changed.
    std::function<Task<>()> before_change;
    std::function<void()> key_changed;  ///< after a region got another public key
    /// Whether nobody has Postgres, so that what was read of it last holds.
    std::function<bool()> nobody_changes = {};
};

struct AddRegionOrder {
    std::string name;
    bool redis_user = true;     ///< its agents get an ACL user, where they have none
    bool new_password = false;  ///< also where they have one
    std::string public_key;     ///< of its agents, PEM; empty: it keeps what it has
    Actor actor;
};

struct AddedRegion {
    bool created = false;        ///< else it was there already
    std::string redis_user;      ///< of its agents; empty: none was asked for, and there is none
    std::string redis_password;  ///< a new one, told this once; empty: the user keeps what it has
    std::size_t endpoints_changed = 0;  ///< those that are now watched from it too
    std::string credentials_key;        ///< id of the public key in force; empty: it has none
    bool credentials_key_changed = false;
};

struct CordonOrder {
    std::string agent;
    std::string region;  ///< or empty
    bool cordoned = true;
    Actor actor;
};

struct CordonedAgent {
    std::string region;
    bool changed = false;
};

/// Adds, drains and removes regions, and keeps the ACL users of their agents, and the scripts that
/// these run, in Redis. All on one executor.
class Regions {
public:
    /// Redis forgets users and scripts over a failover or a restart; they are back after this long
    /// at most.
    static constexpr milliseconds kEvery{10'000};
    /// What was read of a password longer ago than this is read again before it is written.
    static constexpr milliseconds kFresh{1000};

    Regions(const asio::any_io_executor& executor, RegionsContext context);

    /// Repeat it freely: what is there stays. Throws BadRequest, RegionRefused; else as
    /// Database::transact and RedisClient::run.
    Task<AddedRegion> add(AddRegionOrder order);

    /// Nothing more is planned for the region from the minute that is told on, and no endpoint is
    /// watched from it; what is queued is still done. Throws NotFound, RegionRefused where an
    /// endpoint would be watched from nowhere; else as Database::transact.
    Task<RegionsChanged> drain(std::string name, Actor actor);
    /// Goes on with a region that is drained. Throws as `drain`.
    Task<RegionsChanged> resume(std::string name, Actor actor);
    /// Takes a drained region out that has no jobs and no living agents, with its keys in Redis.
    /// What it saw stays. Throws NotFound, RegionRefused; else as Database::transact and
    /// RedisClient::run.
    Task<RegionsChanged> remove(std::string name, Actor actor);

    /// Has an agent take no jobs any more, or take them again; it ends those that it has. Its
    /// region may be left out where one alone has such an agent.
    /// @return the region, and whether something changed. Throws BadRequest, NotFound,
    /// RegionRefused; else as Database::transact and RedisClient::run.
    Task<CordonedAgent> cordon(CordonOrder order);

    /// Writes all scripts, users and cordons to Redis every kEvery and when woken, until cancelled.
    /// Scripts need no Postgres, and while nobody has it users are written as they were read last.
    Task<> keep_users();
    /// Redis may be another one.
    void wake();

private:
    Task<> require_right(std::string user);
    Task<RegionsChanged> set_state(RegionChange change);
    Task<> require_empty(std::string region);
    Task<Region> region_of(std::string agent, std::string region);
    Task<> write_cordons(std::string only);
    Task<std::exception_ptr> run_on_all(RedisArgs command);
    Task<> load_scripts();
    Task<> write_users();
    Task<bool> read_users();
    Task<> write_last_users();
    Task<std::string> renew_password(Region region, Actor actor);
    Task<> set_public_key(Region region, BoxPublicKey key, Actor actor, AddedRegion& added);

    RegionsContext context_;
    asio::steady_timer timer_;
    std::vector<AgentUser> users_;  ///< as they were read last
    bool woken_ = false;
    bool refused_ = false;  ///< Redis took no users the last time
};

}  // namespace quorate::coordinator
