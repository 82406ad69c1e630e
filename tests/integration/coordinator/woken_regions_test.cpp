// A coordinator that stood still while another one renewed a password.
#include <functional>

#include <gtest/gtest.h>

#include "coordinator/regions/regions.hpp"
#include "platform/redis/acl.hpp"
#include "tests/integration/coordinator/planning.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::eventually;
using quorate::testing::Planning;
using quorate::testing::RedisServer;
using quorate::testing::with_planning;

/// Stands still for ten seconds when it is asked the second time, while `meanwhile` happens.
class PausedOnce final : public Clock {
public:
    explicit PausedOnce(std::function<void()> meanwhile) : meanwhile_{std::move(meanwhile)} {}
    UtcTime utc_now() const override { return own_.utc_now(); }
    SteadyTime steady_now() const override {
        if (++asked_ == 2) {
            meanwhile_();
            paused_ = std::chrono::seconds{10};
        }
        return own_.steady_now() + paused_;
    }

private:
    SystemClock own_;
    std::function<void()> meanwhile_;
    mutable int asked_ = 0;
    mutable milliseconds paused_{0};
};

/// The hashes that the user may log in with.
Task<std::vector<std::string>> passwords_of(RedisClient& redis, std::string user) {
    RedisArgs command{"ACL", "GETUSER", std::move(user)};
    const auto reply = co_await redis.run(std::move(command));
    std::vector<std::string> hashes;
    const auto& fields = reply.list();
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2)
        if (fields[i].text() == "passwords")
            for (const auto& hash : fields[i + 1].list())
                hashes.push_back(hash.text());
    co_return hashes;
}

Task<int> users_written(RedisClient& redis) {
    return quorate::testing::statistic(redis, "commandstats", "cmdstat_acl|setuser:calls=");
}

TEST(WokenRegions, APasswordThatWasReplacedMeanwhileIsNotWrittenBack) {
    Catalogued lab;
    const RedisServer server;
    const std::string replaced(64, 'a');
    const std::string renewed(64, 'b');
    lab.sql("INSERT INTO quorate.agent_user (region_id, password_sha256) SELECT id, '" + replaced +
            "' FROM quorate.region WHERE name = 'us-east'");
    const auto user = agent_acl_user("us-east");
    with_planning(lab, server, [&](Planning& planning) -> Task<> {
        RedisArgs renew{"ACL", "SETUSER", user, "on", "resetpass", "#" + renewed};
        co_await planning.redis.run(std::move(renew));
        const PausedOnce clock{
            [&] { lab.sql("UPDATE quorate.agent_user SET password_sha256 = '" + renewed + "'"); }};
        const auto executor = co_await asio::this_coro::executor;
        Regions regions{executor,
                        {*lab.database,
                         planning.redis,
                         planning.catalogue,
                         lab.deployment,
                         clock,
                         planning.log,
                         planning.counts,
                         {},
                         [] {}}};
        std::vector<Task<>> services;
        services.push_back(regions.keep_users());
        std::function<Task<>()> inner = [&]() -> Task<> {
            const auto written = [&]() -> Task<bool> {
                const auto count = co_await users_written(planning.redis);
                co_return count == 2;
            };
            EXPECT_TRUE(co_await eventually(written));
            const auto passwords = co_await passwords_of(planning.redis, user);
            EXPECT_EQ(passwords, std::vector<std::string>{renewed});
        };
        co_await quorate::testing::beside(std::move(services), std::move(inner));
    });
}

}  // namespace
}  // namespace quorate::coordinator
