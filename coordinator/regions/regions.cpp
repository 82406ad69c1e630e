#include "coordinator/regions/regions.hpp"

#include <array>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "coordinator/access/secret.hpp"
#include "coordinator/catalog/cordon_store.hpp"
#include "coordinator/catalog/reports.hpp"
#include "coordinator/secrets/secret_store.hpp"
#include "core/base/sha256.hpp"
#include "core/decision/region_set.hpp"
#include "platform/redis/acl.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/job_queue.hpp"
#include "platform/redis/keys.hpp"
#include "platform/redis/reply.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::coordinator {
namespace {

enum class Old : std::uint8_t { stays, goes };

/// The command that makes a region's user what it should be, whatever it was. That of a region that
/// was removed may do nothing, also over connections that it has.
RedisArgs set_user(const AgentUser& user, Old password) {
    if (user.region.state == name_of(RegionState::removed))
        return {"ACL", "SETUSER", agent_acl_user(user.region.name), "reset"};
    RedisArgs command{"ACL", "SETUSER", agent_acl_user(user.region.name), "on"};
    if (password == Old::goes) command.emplace_back("resetpass");
    command.push_back("#" + user.password_sha256);
    const auto rules = agent_acl_rules(user.region.name, user.region.id);
    command.insert(command.end(), rules.begin(), rules.end());
    return command;
}

/// Why `work` was not done: what Redis said to it, or '' where somebody is away (readiness tells)
/// or has too much to do; nothing: it was done.
Task<std::optional<std::string>> failure_of(Task<> work) {
    try {
        co_await std::move(work);
    } catch (const PostgresUnavailable&) {
        co_return std::string{};
    } catch (const RedisUnavailable&) {
        co_return std::string{};
    } catch (const Overloaded&) {
        co_return std::string{};
    } catch (const RedisError& error) {
        co_return error.what();
    }
    co_return std::nullopt;
}

}  // namespace

Regions::Regions(const asio::any_io_executor& executor, RegionsContext context)
    : context_{std::move(context)}, timer_{executor} {}

Task<AddedRegion> Regions::add(AddRegionOrder order) {
    if (!wire::is_name(order.name))
        throw BadRequest{
            std::string{"a region's name is "} + wire::kNameRule + "; is \"" + order.name + "\"",
            "name"};
    std::optional<BoxPublicKey> key;
    if (!order.public_key.empty()) {
        key = BoxPublicKey::from_pem(order.public_key);
        if (!key)
            throw BadRequest{
                "is no X25519 public key in PEM: openssl pkey -in PRIVATE_KEY -pubout writes one",
                "public_key"};
    }
    const auto user = agent_acl_user(order.name);
    if (order.redis_user) co_await require_right(user);
    co_await context_.before_change();
    auto make = [&order](pqxx::work& work) {
        auto region = make_region(work, order.name);
        if (region && region->created)
            write_audit(work,
                        order.actor,
                        {.method = "AddRegion",
                         .target = order.name,
                         .changes = {{order.name, "", "state: " + region->region.state + "\n"}}});
        return region;
    };
    const auto made = co_await context_.database.transact(std::move(make));
    if (!made)
        throw RegionRefused{"there are " + std::to_string(kRegionsMax) +
                            " regions already, no more can be added"};
    AddedRegion added;
    added.created = made->created;
    if (made->has_user || order.redis_user) added.redis_user = user;
    if (key) co_await set_public_key(made->region, *key, order.actor, added);
    auto find_key = [&order](pqxx::work& work) { return region_key_ids(work, order.name); };
    auto found = co_await context_.database.transact(std::move(find_key));
    if (!found.empty()) added.credentials_key = std::move(found.front().second);
    added.endpoints_changed = co_await extend_to_new_regions(
        context_.database, context_.clock, context_.deployment, order.actor);
    context_.catalogue.wake();
    // Last: it is told this once, so nothing may fail behind it.
    if (order.redis_user && (order.new_password || !made->has_user))
        added.redis_password = co_await renew_password(made->region, order.actor);
    log_event(context_.log,
              LogLevel::info,
              "region.added",
              kv("region", order.name),
              kv("created", added.created),
              kv("endpoints_changed", added.endpoints_changed));
    co_return added;
}

Task<RegionsChanged> Regions::drain(std::string name, Actor actor) {
    return set_state({std::move(name), RegionState::drained, "DrainRegion", std::move(actor)});
}

Task<RegionsChanged> Regions::resume(std::string name, Actor actor) {
    return set_state({std::move(name), RegionState::active, "ResumeRegion", std::move(actor)});
}

Task<RegionsChanged> Regions::remove(std::string name, Actor actor) {
    co_await require_empty(name);
    RegionChange change{name, RegionState::removed, "RemoveRegion", std::move(actor)};
    const auto changed = co_await set_state(std::move(change));
    wake();  // its agents' user
    // The fence and the point of planning stay, a field a shard each: another coordinator plans on
    // for the second that it takes to learn of this.
    RedisArgs keys{"DEL",
                   keys::jobs(name),
                   keys::missed(name),
                   keys::holds(name),
                   keys::agents(name),
                   keys::counts(name),
                   keys::cordoned(name)};
    co_await context_.redis.run(std::move(keys));
    co_return changed;
}

Task<RegionsChanged> Regions::set_state(RegionChange change) {
    co_await context_.before_change();
    const auto region = change.region;
    const auto state = change.state;
    const auto changed = co_await set_region_state(
        context_.database, context_.clock, context_.deployment, std::move(change));
    context_.catalogue.wake();
    if (changed.changed)
        log_event(context_.log,
                  LogLevel::info,
                  "region.changed",
                  kv("region", region),
                  kv("state", name_of(state)),
                  kv("endpoints_changed", changed.endpoints));
    co_return changed;
}

/// Throws RegionRefused where jobs of the region are not done, or an agent would go on looking for
/// some.
Task<> Regions::require_empty(std::string region) {
    const auto now = co_await redis_time(context_.redis);
    std::vector<std::string> names{region};
    const auto queues = co_await read_queues(context_.redis, names);
    const auto agents = co_await read_heartbeats(context_.redis, std::move(names));
    for (const auto& why : {queues.front().unavailable, agents.front().unavailable})
        if (!why.empty()) throw RedisUnavailable{why};
    if (const auto jobs = queues.front().depth.entries; jobs > 0)
        throw RegionRefused{"the region " + region + " has " + std::to_string(jobs) +
                            " jobs in its queue: wait until they are done, or too old"};
    for (const auto& heartbeat : agents.front().agents)
        if (alive(heartbeat, now))
            throw RegionRefused{"the agent " + heartbeat.agent + " of the region " + region +
                                " is alive: stop it first"};
}

/// Makes sure that Redis takes users from us, before anything is changed: the user, without any
/// right and switched off where it is new, as it was where it is not.
Task<> Regions::require_right(std::string user) {
    RedisArgs command{"ACL", "SETUSER", user};
    std::string refusal;
    try {
        co_await context_.redis.run_everywhere(std::move(command));
    } catch (const RedisError& error) {
        refusal = error.what();
    }
    if (!refusal.empty())
        throw RegionRefused{"Redis does not let the coordinator make the user " + user + " (" +
                            refusal +
                            "); nothing was changed: allow its own user +acl|setuser and try "
                            "again, or add the region with --no-redis-user"};
}

/// The new one counts in Redis before Postgres has it: what fails on the way leaves agents with the
/// old one at work. Another coordinator that has just read the old one may put it back only within
/// kFresh, for kEvery at most.
Task<std::string> Regions::renew_password(Region region, Actor actor) {
    auto password = random_secret();
    const AgentUser user{std::move(region), to_hex(sha256(password))};
    co_await context_.redis.run_everywhere(set_user(user, Old::stays));
    auto store = [&](pqxx::work& work) {
        store_agent_user(work, user);
        write_audit(work,
                    actor,
                    {.method = "AddRegion",
                     .target = user.region.name,
                     .changes = {{agent_acl_user(user.region.name), "", "password: new\n"}}});
    };
    co_await context_.database.transact(std::move(store));
    co_await context_.redis.run_everywhere(set_user(user, Old::goes));
    wake();  // it is read, lest Postgres goes before the next round
    co_return password;
}

Task<> Regions::set_public_key(Region region, BoxPublicKey key, Actor actor, AddedRegion& added) {
    auto store = [&](pqxx::work& work) {
        std::string before;
        for (auto& [name, id] : region_key_ids(work, region.name))
            before = "credentials_key: " + id + "\n";
        const bool changed = store_region_key(work, region.id, key, actor.principal);
        if (changed)
            write_audit(
                work,
                actor,
                {.method = "AddRegion",
                 .target = region.name,
                 .changes = {{region.name, before, "credentials_key: " + key.id() + "\n"}}});
        return changed;
    };
    added.credentials_key_changed = co_await context_.database.transact(std::move(store));
    if (!added.credentials_key_changed) co_return;
    context_.key_changed();
    log_event(context_.log,
              LogLevel::info,
              "region.key_set",
              kv("region", region.name),
              kv("key", key.id()));
}

/// Each by itself: what one of them needs and is away does not keep back the others.
Task<> Regions::keep_users() {
    for (;;) {
        woken_ = false;
        bool done = true;
        std::string refusal;
        const auto note = [&](const std::optional<std::string>& failed) {
            if (failed) done = false;
            if (failed && refusal.empty()) refusal = *failed;
        };
        auto scripts = load_scripts();
        note(co_await failure_of(std::move(scripts)));
        auto users = write_users();
        note(co_await failure_of(std::move(users)));
        std::string all;
        auto cordons = write_cordons(std::move(all));
        note(co_await failure_of(std::move(cordons)));
        if (done) refused_ = false;
        if (!refusal.empty()) {
            context_.metrics.agent_user_failures.add();
            if (!std::exchange(refused_, true))
                log_event(
                    context_.log, LogLevel::error, "agent_users.refused", kv("detail", refusal));
        }
        if (woken_) continue;
        timer_.expires_after(kEvery);
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

void Regions::wake() {
    woken_ = true;
    timer_.cancel();
}

/// On every master of a cluster that is there, whichever is not.
Task<std::exception_ptr> Regions::run_on_all(RedisArgs command) {
    try {
        co_await context_.redis.run_everywhere(std::move(command));
    } catch (const RedisUnavailable&) {
        co_return std::current_exception();
    } catch (const RedisError&) {
        co_return std::current_exception();
    }
    co_return nullptr;
}

/// Agents may not bring scripts of their own, not even ours.
Task<> Regions::load_scripts() {
    std::exception_ptr failure;
    for (const auto script : agent_scripts()) {
        RedisArgs command{"SCRIPT", "LOAD", std::string{script}};
        const auto failed = co_await run_on_all(std::move(command));
        if (!failure) failure = failed;
    }
    if (failure) std::rethrow_exception(failure);
}

Task<> Regions::write_users() {
    std::exception_ptr failure;
    for (std::size_t next = 0;;) {
        const auto asked = context_.clock.steady_now();
        const bool read = co_await read_users();
        if (!read) break;
        // A process that was paused here must not bring a password back that was replaced
        // meanwhile.
        const auto fresh = [&] { return context_.clock.steady_now() - asked < kFresh; };
        for (; next < users_.size() && fresh(); ++next) {
            const auto failed = co_await run_on_all(set_user(users_[next], Old::goes));
            if (!failure) failure = failed;
        }
        if (next < users_.size()) continue;
        if (failure) std::rethrow_exception(failure);
        co_return;
    }
    co_await write_last_users();
}

/// @return false: Postgres is away.
Task<bool> Regions::read_users() {
    auto load = [](pqxx::work& work) { return load_agent_users(work); };
    try {
        users_ = co_await context_.database.transact(std::move(load));
    } catch (const PostgresUnavailable&) {
        co_return false;
    }
    co_return true;
}

/// While nobody has Postgres nobody renews a password, so those that were read last hold. Where
/// somebody has it, that one writes users. Should a renewal have come between our last read and the
/// end of Postgres, its password stays.
Task<> Regions::write_last_users() {
    if (!context_.nobody_changes || !context_.nobody_changes()) co_return;
    std::exception_ptr failure;
    for (const auto& user : users_) {
        const auto failed = co_await run_on_all(set_user(user, Old::stays));
        if (!failure) failure = failed;
    }
    if (failure) std::rethrow_exception(failure);
}

/// Where the agent is, as its heartbeat tells, or as an operator cordoned it.
Task<Region> Regions::region_of(std::string agent, std::string region) {
    auto load = [](pqxx::work& work) { return std::pair{load_regions(work), load_cordons(work)}; };
    auto [regions, cordons] = co_await context_.database.transact(std::move(load));
    if (!region.empty())
        std::erase_if(regions, [&region](const auto& each) { return each.name != region; });
    if (regions.empty()) throw NotFound{"there is no region " + region};
    std::vector<std::string> names;
    for (const auto& each : regions)
        names.push_back(each.name);
    const auto fleets = co_await read_heartbeats(context_.redis, std::move(names));
    std::vector<Region> found;
    for (std::size_t i = 0; i < regions.size(); ++i) {
        const bool beats = std::ranges::count(fleets[i].agents, agent, &Heartbeat::agent) > 0;
        const bool cordoned = std::ranges::any_of(cordons, [&](const Cordon& cordon) {
            return cordon.region == regions[i].id && cordon.agent == agent;
        });
        if (beats || cordoned) found.push_back(regions[i]);
    }
    if (found.size() > 1)
        throw BadRequest{"regions " + found[0].name + " and " + found[1].name +
                             " both have an agent " + agent + ": say which with --region",
                         "region"};
    if (!found.empty()) co_return found.front();
    for (const auto& fleet : fleets)
        if (!fleet.unavailable.empty()) throw RedisUnavailable{fleet.unavailable};
    throw NotFound{"there is no agent " + agent + (region.empty() ? "" : " in region " + region)};
}

Task<CordonedAgent> Regions::cordon(CordonOrder order) {
    const auto region = co_await region_of(order.agent, order.region);
    auto store = [&order, &region](pqxx::work& work) {
        const bool changed =
            order.cordoned
                ? add_cordon(
                      work, {region.id, order.agent, order.actor.reason, order.actor.principal, {}})
                : remove_cordon(work, region.id, order.agent);
        const auto text = [](bool cordoned) { return cordoned ? "cordoned\n" : "takes jobs\n"; };
        if (changed)
            write_audit(work,
                        order.actor,
                        {.method = order.cordoned ? "CordonAgent" : "UncordonAgent",
                         .target = region.name + "/" + order.agent,
                         .changes = {{region.name + "/" + order.agent,
                                      text(!order.cordoned),
                                      text(order.cordoned)}}});
        return changed;
    };
    const bool changed = co_await context_.database.transact(std::move(store));
    co_await write_cordons(region.name);
    co_return CordonedAgent{region.name, changed};
}

/// Another coordinator that read them just before a change may put the old ones back, for kEvery at
/// most.
/// @param only of this region; empty: of all, where one that is away holds up no other
Task<> Regions::write_cordons(std::string only) {
    auto load = [](pqxx::work& work) { return std::pair{load_regions(work), load_cordons(work)}; };
    const auto [regions, cordons] = co_await context_.database.transact(std::move(load));
    std::exception_ptr failure;
    for (const auto& region : regions) {
        if (!only.empty() && region.name != only) continue;
        std::vector<std::string> agents;
        for (const auto& cordon : cordons)
            if (cordon.region == region.id) agents.push_back(cordon.agent);
        try {
            co_await write_cordoned(context_.redis, region.name, std::move(agents));
        } catch (const RedisUnavailable&) {
            failure = std::current_exception();
        }
    }
    if (failure) std::rethrow_exception(failure);
}

}  // namespace quorate::coordinator
