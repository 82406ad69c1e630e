#include "coordinator/regions/regions.hpp"

#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "coordinator/access/secret.hpp"
#include "coordinator/catalog/reports.hpp"
#include "core/base/sha256.hpp"
#include "core/decision/region_set.hpp"
#include "platform/redis/acl.hpp"
#include "platform/redis/reply.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::coordinator {
namespace {

enum class Old : std::uint8_t { stays, goes };

/// The command that makes a region's user what it should be, whatever it was.
RedisArgs set_user(const AgentUser& user, Old password) {
    RedisArgs command{"ACL", "SETUSER", agent_acl_user(user.region.name), "on"};
    if (password == Old::goes) command.emplace_back("resetpass");
    command.push_back("#" + user.password_sha256);
    const auto rules = agent_acl_rules(user.region.name, user.region.id);
    command.insert(command.end(), rules.begin(), rules.end());
    return command;
}

}  // namespace

Regions::Regions(const asio::any_io_executor& executor, RegionsContext context)
    : context_{std::move(context)}, timer_{executor} {}

Task<AddedRegion> Regions::add(AddRegionOrder order) {
    if (!wire::is_name(order.name))
        throw BadRequest{
            std::string{"a region's name is "} + wire::kNameRule + "; is \"" + order.name + "\"",
            "name"};
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
    if (order.redis_user && (order.new_password || !made->has_user))
        added.redis_password = co_await renew_password(made->region, order.actor);
    added.endpoints_changed = co_await extend_to_new_regions(
        context_.database, context_.clock, context_.deployment, order.actor);
    context_.catalogue.wake();
    log_event(context_.log,
              LogLevel::info,
              "region.added",
              kv("region", order.name),
              kv("created", added.created),
              kv("endpoints_changed", added.endpoints_changed));
    co_return added;
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
    co_return password;
}

Task<> Regions::keep_users() {
    for (;;) {
        woken_ = false;
        std::string refusal;
        try {
            co_await load_scripts();
            co_await write_users();
            refused_ = false;
        } catch (const PostgresUnavailable&) {  // readiness tells
        } catch (const RedisUnavailable&) {     // likewise
        } catch (const Overloaded&) {           // tried again
        } catch (const RedisError& error) {
            refusal = error.what();
        }
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

/// Agents may not bring scripts of their own, not even ours.
Task<> Regions::load_scripts() {
    for (const auto script : agent_scripts()) {
        RedisArgs command{"SCRIPT", "LOAD", std::string{script}};
        co_await context_.redis.run_everywhere(std::move(command));
    }
}

Task<> Regions::write_users() {
    for (std::size_t next = 0;;) {
        const auto asked = context_.clock.steady_now();
        auto load = [](pqxx::work& work) { return load_agent_users(work); };
        const auto users = co_await context_.database.transact(std::move(load));
        // A process that was paused here must not bring a password back that was replaced
        // meanwhile.
        const auto fresh = [&] { return context_.clock.steady_now() - asked < kFresh; };
        for (; next < users.size() && fresh(); ++next)
            co_await context_.redis.run_everywhere(set_user(users[next], Old::goes));
        if (next >= users.size()) co_return;
    }
}

}  // namespace quorate::coordinator
