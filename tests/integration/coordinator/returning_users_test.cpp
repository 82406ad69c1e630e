// Users and scripts of agents after a Redis that forgot them, while something else is away too.
#include <functional>
#include <memory>

#include <gtest/gtest.h>

#include "coordinator/regions/regions.hpp"
#include "platform/redis/acl.hpp"
#include "platform/redis/script.hpp"
#include "tests/integration/coordinator/planning.hpp"
#include "tests/integration/redis/cluster.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::beside;
using quorate::testing::Catalogued;
using quorate::testing::cluster;
using quorate::testing::eventually;
using quorate::testing::Planning;
using quorate::testing::RedisCluster;
using quorate::testing::RedisServer;
using quorate::testing::with_planning;

const std::string kPassword(64, 'a');

/// A database with a user for the agents of us-east.
std::unique_ptr<Catalogued> with_a_user() {
    auto lab = std::make_unique<Catalogued>();
    lab->sql("INSERT INTO quorate.agent_user (region_id, password_sha256) SELECT id, '" +
             kPassword + "' FROM quorate.region WHERE name = 'us-east'");
    return lab;
}

/// Whether this Redis has the user, with its password; false while it is away.
Task<bool> has_user(RedisClient& redis) {
    try {
        RedisArgs command{"ACL", "GETUSER", agent_acl_user("us-east")};
        const auto reply = co_await redis.run(std::move(command));
        if (reply.is_nil()) co_return false;
        const auto& fields = reply.list();
        for (std::size_t i = 0; i + 1 < fields.size(); i += 2)
            if (fields[i].text() == "passwords")
                co_return fields[i + 1].list().size() == 1 &&
                    fields[i + 1].list().front().text() == kPassword;
    } catch (const RedisUnavailable&) {
    }
    co_return false;
}

/// Whether this Redis has all scripts that agents run; false while it is away.
Task<bool> has_scripts(RedisClient& redis) {
    try {
        RedisArgs command{"SCRIPT", "EXISTS"};
        for (const auto script : agent_scripts())
            command.push_back(RedisScript{script}.sha1());
        const auto reply = co_await redis.run(std::move(command));
        for (const auto& known : reply.list())
            if (known.integer() != 1) co_return false;
        co_return true;
    } catch (const RedisUnavailable&) {
        co_return false;
    }
}

Task<bool> has_both(RedisClient& redis) {
    const bool scripts = co_await has_scripts(redis);
    if (!scripts) co_return false;
    const bool user = co_await has_user(redis);
    co_return user;
}

RegionsContext context_of(Planning& planning,
                          const Clock& clock,
                          std::function<bool()> nobody_changes) {
    return {*planning.lab.database,
            planning.redis,
            planning.catalogue,
            planning.lab.deployment,
            clock,
            planning.log,
            planning.counts,
            {},
            [] {},
            std::move(nobody_changes)};
}

/// Postgres goes away, and Redis is started anew. `afterwards` runs before Postgres comes back.
void forget_while_postgres_is_away(bool nobody_changes,
                                   const std::function<Task<>(Planning&, Regions&)>& afterwards) {
    const auto lab = with_a_user();
    RedisServer server;
    with_planning(*lab, server, [&](Planning& planning) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        const SystemClock clock;
        Regions regions{executor,
                        context_of(planning, clock, [nobody_changes] { return nobody_changes; })};
        std::vector<Task<>> services;
        services.push_back(regions.keep_users());
        std::function<Task<>()> inner = [&]() -> Task<> {
            const auto there = [&] { return has_both(planning.redis); };
            EXPECT_TRUE(co_await eventually(there));
            cluster().stop();
            server.stop();
            server.start();
            regions.wake();
            co_await afterwards(planning, regions);
            cluster().start();
            regions.wake();
            EXPECT_TRUE(co_await eventually(there));
        };
        co_await beside(std::move(services), std::move(inner));
    });
}

TEST(ReturningUsers, WithoutAnyPostgresTheyComeBackAsTheyWereReadLast) {
    const std::function<Task<>(Planning&, Regions&)> they_come = [](Planning& planning,
                                                                    Regions&) -> Task<> {
        const auto there = [&] { return has_both(planning.redis); };
        EXPECT_TRUE(co_await eventually(there));
    };
    forget_while_postgres_is_away(true, they_come);
}

TEST(ReturningUsers, WhereAnotherHasPostgresScriptsAloneComeFromUs) {
    const std::function<Task<>(Planning&, Regions&)> scripts_come = [](Planning& planning,
                                                                       Regions& regions) -> Task<> {
        const auto there = [&] { return has_scripts(planning.redis); };
        EXPECT_TRUE(co_await eventually(there));
        // When they are loaded a third time the rest of a round has passed.
        const auto loads = static_cast<int>(3 * agent_scripts().size());
        const auto rounds = [&]() -> Task<bool> {
            regions.wake();
            const auto loaded = co_await quorate::testing::statistic(
                planning.redis, "commandstats", "cmdstat_script|load:calls=");
            co_return loaded >= loads;
        };
        EXPECT_TRUE(co_await eventually(rounds));
        const bool user = co_await has_user(planning.redis);
        EXPECT_FALSE(user) << "a password may have been renewed since";
    };
    forget_while_postgres_is_away(false, scripts_come);
}

TEST(ReturningUsers, OfAClusterEachMasterThatIsThereGetsThemAll) {
    const auto lab = with_a_user();
    RedisCluster redis;
    constexpr std::size_t kDead = 1;
    redis.server(kDead).kill();
    redis.with_servers([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        auto options = redis.options();
        options.timeout = std::chrono::seconds{1};  // so long each command waits for the dead one
        RedisClient client{executor, options};
        Planning planning{*lab, client, executor};
        const SystemClock clock;
        Regions regions{executor, context_of(planning, clock, {})};
        std::vector<Task<>> services;
        services.push_back(client.serve());
        services.push_back(regions.keep_users());
        std::function<Task<>()> inner = [&]() -> Task<> {
            for (std::size_t master = 0; master < RedisCluster::kMasters; ++master) {
                if (master == kDead) continue;
                const auto there = [&] { return has_both(redis.direct(master)); };
                EXPECT_TRUE(co_await eventually(there)) << "master " << master;
            }
        };
        co_await beside(std::move(services), std::move(inner));
    });
}

}  // namespace
}  // namespace quorate::coordinator
