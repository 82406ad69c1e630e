// Regions that operators add, and what Redis then lets their agents do.
#include <gtest/gtest.h>

#include "platform/redis/acl.hpp"
#include "platform/redis/keys.hpp"
#include "platform/redis/script.hpp"
#include "tests/integration/coordinator/served_as_user.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::comes_to_hold;
using quorate::testing::RedisServer;
using quorate::testing::WatchedClient;
using Served = quorate::testing::ServedAsUser;

std::string text(const boost::json::object& object, const char* key) {
    return std::string{object.at(key).as_string()};
}

/// What a stream of jobs says to an agent of that user: its length, or why it can't be read.
std::string length_of_jobs(const RedisServer& server,
                           const std::string& user,
                           const std::string& password,
                           const std::string& region) {
    auto options = quorate::testing::options_for(server);
    options.login = {user, password, {}};
    std::string answer;
    quorate::testing::with_watched(options, [&](WatchedClient& watched) -> Task<> {
        const auto told = [&]() -> Task<bool> {
            co_return watched.connects > 0 || !watched.why.empty();
        };
        co_await quorate::testing::eventually(told);
        answer = watched.why;
        if (watched.connects == 0) co_return;
        RedisArgs command{"XPENDING", keys::jobs(region), std::string{keys::kAgents}};
        answer = co_await quorate::testing::refusal_of(watched.client, std::move(command));
    });
    return answer;
}

TEST(AddedRegions, OneThatIsAddedWatchesWhatAllWatchAndItsAgentsReachItAlone) {
    Served served;
    served.lab.apply(
        "endpoints:\n  - {name: all, url: 'http://h/a'}\n"
        "  - {name: one, url: 'http://h/b', regions: [us-east]}\n");
    const auto added = served.json({"regions", "add", "sa-east"});
    ASSERT_EQ(added.at("created").as_bool(), true);
    EXPECT_LE(added.at("endpoints_changed").to_number<int>(), 1);
    EXPECT_EQ(served.lab.sql("SELECT e.name, cardinality(v.regions) FROM quorate.endpoint e"
                             " JOIN quorate.endpoint_version v ON v.endpoint_id = e.id"
                             " WHERE v.valid_to IS NULL ORDER BY 1"),
              "all|4\none|1")
        << "whoever was first: the call, or the coordinator, which does the same when it starts";
    EXPECT_EQ(text(added, "redis_user"), "agent-sa-east");
    const auto password = text(added, "redis_password");
    EXPECT_EQ(password.size(), 64U);
    EXPECT_EQ(served.lab.sql("SELECT count(*) FROM quorate.agent_user WHERE agent_user::text LIKE"
                             " '%" +
                             password + "%'"),
              "0")
        << "Postgres has a hash alone";
    const auto ask = [&](const std::string& region) {
        return length_of_jobs(served.redis, "agent-sa-east", password, region);
    };
    EXPECT_EQ(ask("sa-east"), "NOGROUP") << "it may look, and there is no agent yet";
    EXPECT_EQ(ask("us-east"), "NOPERM");

    const auto again = served.quorate({"regions", "add", "sa-east"});
    EXPECT_EQ(again.status, 0) << again.err;
    EXPECT_NE(again.out.find("sa-east was there already"), std::string::npos) << again.out;
    EXPECT_NE(again.out.find("keeps its password"), std::string::npos) << again.out;
    EXPECT_EQ(ask("sa-east"), "NOGROUP");
}

TEST(AddedRegions, ARegionOfTheConfigGetsItsUserAndANewPasswordEndsTheOldOne) {
    const Served served;
    const auto run = served.quorate({"regions", "add", "us-east"});
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_NE(run.out.find("us-east was there already"), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("shown this once"), std::string::npos) << run.out;
    const auto first = run.out.substr(run.out.size() - 65, 64);
    const auto second =
        text(served.json({"regions", "add", "us-east", "--new-password"}), "redis_password");
    EXPECT_NE(first, second);
    EXPECT_EQ(length_of_jobs(served.redis, "agent-us-east", second, "us-east"), "NOGROUP");
    EXPECT_NE(length_of_jobs(served.redis, "agent-us-east", first, "us-east").find("WRONGPASS"),
              std::string::npos);
}

/// Whether Redis knows all scripts that agents run.
bool scripts_are_known(const RedisServer& server) {
    bool all = true;
    quorate::testing::with_client(server, [&](RedisClient& client) -> Task<> {
        RedisArgs command{"SCRIPT", "EXISTS"};
        for (const auto script : agent_scripts())
            command.push_back(RedisScript{script}.sha1());
        const auto reply = co_await client.run(std::move(command));
        for (const auto& known : reply.list())
            all = all && known.integer() == 1;
    });
    return all;
}

TEST(AddedRegions, ScriptsThatAgentsRunAndMayNotLoadAreThereAndComeBack) {
    Served served;
    EXPECT_TRUE(comes_to_hold([&] { return scripts_are_known(served.redis); }));
    served.redis.stop();
    served.redis.start();
    EXPECT_TRUE(comes_to_hold([&] { return scripts_are_known(served.redis); }));
}

TEST(AddedRegions, UsersThatRedisForgotComeBack) {
    Served served;
    const auto password = text(served.json({"regions", "add", "sa-east"}), "redis_password");
    served.redis.stop();
    served.redis.start();
    EXPECT_TRUE(comes_to_hold([&] {
        return length_of_jobs(served.redis, "agent-sa-east", password, "sa-east") == "NOGROUP";
    }));
}

TEST(AddedRegions, WhereRedisTakesNoUsersNothingIsChanged) {
    const Served served{{}};
    const auto run = served.quorate({"regions", "add", "sa-east"});
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.err.find("+acl|setuser"), std::string::npos) << run.err;
    EXPECT_NE(run.err.find("--no-redis-user"), std::string::npos) << run.err;
    const auto regions = "SELECT count(*) FROM quorate.region WHERE name = 'sa-east'";
    EXPECT_EQ(served.lab.sql(regions), "0");
    const auto without = served.json({"regions", "add", "sa-east", "--no-redis-user"});
    EXPECT_EQ(without.at("created").as_bool(), true);
    EXPECT_TRUE(without.at("redis_password").is_null());
    EXPECT_EQ(served.lab.sql(regions), "1");
}

TEST(AddedRegions, ABadNameIsRefused) {
    const Served served;
    for (const auto* name : {"US", "a b", "*", "a_b"}) {
        const auto run = served.quorate({"regions", "add", name});
        EXPECT_EQ(run.status, 1) << name;
        EXPECT_NE(run.err.find("lower-case letters, digits and hyphens"), std::string::npos)
            << run.err;
    }
}

}  // namespace
}  // namespace quorate::coordinator
