// Regions that operators drain and remove, agents that they cordon, tenants' tiers: through the
// program.
#include <gtest/gtest.h>

#include "platform/redis/fleet.hpp"
#include "platform/redis/keys.hpp"
#include "tests/integration/coordinator/served_as_user.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::comes_to_hold;
using Served = quorate::testing::ServedAsUser;

constexpr const char* kTwoEndpoints =
    "endpoints:\n  - {name: all, url: 'http://h/a'}\n"
    "  - {name: two, url: 'http://h/b', regions: [us-east, eu-west]}\n";

std::string regions_of(const Served& served) {
    return served.lab.sql(
        "SELECT e.name, array_to_string(ARRAY(SELECT r.name FROM quorate.region r"
        " WHERE r.id = ANY (v.regions) ORDER BY 1), ',') FROM quorate.endpoint e"
        " JOIN quorate.endpoint_version v ON v.endpoint_id = e.id WHERE v.valid_to IS NULL"
        " ORDER BY 1");
}

void beat(const Served& served, const std::string& region, const std::string& agent) {
    quorate::testing::with_client(served.redis, [&](RedisClient& client) -> Task<> {
        Heartbeat heartbeat;
        heartbeat.agent = agent;
        heartbeat.version = "1";
        heartbeat.at = co_await redis_time(client);
        heartbeat.started_at = heartbeat.at;
        co_await write_heartbeat(client, region, heartbeat);
    });
}

std::vector<std::string> cordoned_in(const Served& served, const std::string& region) {
    std::vector<std::string> agents;
    quorate::testing::with_client(served.redis, [&](RedisClient& client) -> Task<> {
        agents = co_await read_cordoned(client, region);
    });
    return agents;
}

std::string state_of(const Served& served, const std::string& region) {
    const auto run = served.quorate({"regions", "-o", "json"});
    const auto rows = boost::json::parse(run.out);
    for (const auto& row : rows.as_array())
        if (row.at("name").as_string() == region) return row.at("state").as_string().c_str();
    return {};
}

TEST(DrainedRegions, NothingIsWatchedFromOneUntilItIsResumed) {
    Served served;
    served.lab.apply(kTwoEndpoints);
    const auto drained = served.json({"regions", "drain", "eu-west", "--reason", "move"});
    EXPECT_TRUE(drained.at("changed").as_bool());
    EXPECT_EQ(drained.at("endpoints_changed").to_number<int>(), 2);
    EXPECT_EQ(regions_of(served), "all|ap-south,us-east\ntwo|us-east");
    EXPECT_EQ(served.lab.sql("SELECT v.valid_to = v2.valid_from FROM quorate.endpoint_version v"
                             " JOIN quorate.endpoint_version v2 USING (endpoint_id)"
                             " WHERE v.version = 1 AND v2.version = 2"),
              "t\nt")
        << "minutes before are judged by the regions that they had";
    EXPECT_EQ(served.lab.sql("SELECT method, target, reason FROM quorate.audit"
                             " WHERE method = 'DrainRegion' ORDER BY id"),
              "DrainRegion|eu-west|move\nDrainRegion|2 endpoints|move");
    EXPECT_EQ(served.json({"drain", "eu-west"}).at("changed").as_bool(), false);

    EXPECT_TRUE(served.lab.apply(kTwoEndpoints).changed.empty()) << "the same files, applied again";
    served.lab.apply("endpoints:\n  - {name: new, url: 'http://h/c'}\n");
    EXPECT_EQ(regions_of(served), "all|ap-south,us-east\nnew|ap-south,us-east\ntwo|us-east");

    EXPECT_TRUE(comes_to_hold([&] { return state_of(served, "eu-west") != "active"; }));
    EXPECT_EQ(state_of(served, "us-east"), "active");
    const auto resumed = served.json({"regions", "resume", "eu-west"});
    EXPECT_EQ(resumed.at("endpoints_changed").to_number<int>(), 3);
    EXPECT_EQ(regions_of(served),
              "all|ap-south,eu-west,us-east\nnew|ap-south,eu-west,us-east\ntwo|eu-west,us-east");
}

TEST(DrainedRegions, NoEndpointIsLeftWithoutARegion) {
    Served served;
    served.lab.apply(
        "endpoints:\n  - {name: one, url: 'http://h/a', regions: [eu-west]}\n"
        "  - {name: other, url: 'http://h/b', regions: [eu-west]}\n");
    const auto run = served.quorate({"regions", "drain", "eu-west"});
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.err.find("default/one would be watched from no region"), std::string::npos)
        << run.err;
    EXPECT_NE(run.err.find("1 others"), std::string::npos) << run.err;
    EXPECT_EQ(regions_of(served), "one|eu-west\nother|eu-west");
    EXPECT_EQ(served.lab.sql("SELECT state FROM quorate.region WHERE name = 'eu-west'"), "active");

    ASSERT_EQ(served.quorate({"regions", "drain", "ap-south"}).status, 0);
    const auto outcome =
        served.lab.apply("endpoints:\n  - {name: late, url: 'http://h/a', regions: [ap-south]}\n");
    ASSERT_EQ(outcome.errors.size(), 1U);
    EXPECT_NE(outcome.errors[0].message.find("default/late would be watched from no region"),
              std::string::npos);
    EXPECT_EQ(served.quorate({"regions", "drain", "mars"}).status, 1);
}

TEST(DrainedRegions, OneIsRemovedOnceNothingOfItIsLeft) {
    Served served;
    served.lab.apply(kTwoEndpoints);
    const auto key =
        served.folder.file("public.pem",
                           "-----BEGIN PUBLIC KEY-----\n"
                           "MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"
                           "-----END PUBLIC KEY-----\n");
    EXPECT_NE(served.json({"regions", "add", "sa-east", "--public-key", key})
                  .at("credentials_key")
                  .as_string(),
              "");
    const auto refusal = [&] { return served.quorate({"regions", "remove", "sa-east"}).err; };
    EXPECT_NE(refusal().find("drain it first"), std::string::npos) << refusal();
    served.json({"regions", "drain", "sa-east"});
    EXPECT_NE(refusal().find("until the drain is in force"), std::string::npos) << refusal();
    // As if the minute had come.
    served.lab.sql(
        "UPDATE quorate.endpoint_version SET valid_from = now() - interval '1 hour',"
        " valid_to = now() - interval '1 minute' WHERE valid_to IS NOT NULL");
    beat(served, "sa-east", "a1");
    EXPECT_NE(refusal().find("the agent a1 of the region sa-east is alive"), std::string::npos)
        << refusal();
    quorate::testing::with_client(served.redis, [&](RedisClient& client) -> Task<> {
        co_await forget_agent(client, "sa-east", "a1");
    });
    EXPECT_TRUE(served.json({"regions", "remove", "sa-east"}).at("changed").as_bool());
    EXPECT_TRUE(comes_to_hold([&] { return state_of(served, "sa-east").empty(); }));
    const auto user = [&] {
        std::string rules;
        quorate::testing::with_client(served.redis, [&](RedisClient& client) -> Task<> {
            RedisArgs command{"ACL", "GETUSER", "agent-sa-east"};
            const auto reply = co_await client.run(std::move(command));
            rules = reply.list().at(1).list().at(0).text();
        });
        return rules;
    };
    EXPECT_TRUE(comes_to_hold([&] { return user() == "off"; }));
    EXPECT_NE(served.lab.apply("endpoints:\n  - {name: x, url: 'http://h/x', regions: [sa-east]}\n")
                  .errors.size(),
              0U);

    const auto again = served.json({"regions", "add", "sa-east"});
    EXPECT_TRUE(again.at("created").as_bool());
    EXPECT_EQ(again.at("redis_password").as_string().size(), 64U);
    EXPECT_TRUE(again.at("credentials_key").is_null()) << "its hosts of before read nothing";
    EXPECT_EQ(user(), "on");
}

TEST(DrainedRegions, AnEndpointThatNamesOneKeepsIt) {
    Served served;
    served.lab.apply(kTwoEndpoints);
    ASSERT_EQ(served.quorate({"regions", "drain", "eu-west"}).status, 0);
    served.lab.sql(
        "UPDATE quorate.endpoint_version SET valid_from = now() - interval '1 hour',"
        " valid_to = now() - interval '1 minute' WHERE valid_to IS NOT NULL");
    const auto run = served.quorate({"regions", "remove", "eu-west"});
    EXPECT_NE(run.err.find("endpoints name the region eu-west, 1 of them, such as default/two"),
              std::string::npos)
        << run.err;
}

TEST(CordonedAgents, ACordonReachesTheAgentsAndComesBackWhereRedisForgotIt) {
    Served served;
    beat(served, "eu-west", "a1");
    beat(served, "eu-west", "a2");
    beat(served, "us-east", "a2");
    const auto cordoned = served.json({"agents", "cordon", "a1", "--reason", "new kernel"});
    EXPECT_TRUE(cordoned.at("changed").as_bool());
    EXPECT_EQ(cordoned.at("region").as_string(), "eu-west");
    EXPECT_EQ(cordoned_in(served, "eu-west"), std::vector<std::string>{"a1"});
    const auto listed = served.quorate({"agents", "-o", "json", "--region", "eu-west"});
    const auto rows = boost::json::parse(listed.out).as_array();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_TRUE(rows[0].at("cordoned").as_bool());
    EXPECT_EQ(rows[0].at("cordon_reason").as_string(), "new kernel");
    EXPECT_FALSE(rows[1].at("cordoned").as_bool());

    const auto twice = served.quorate({"agents", "cordon", "a2"});
    EXPECT_NE(twice.err.find("both have an agent a2: say which with --region"), std::string::npos)
        << twice.err;
    EXPECT_NE(served.quorate({"agents", "cordon", "a9"}).err.find("there is no agent a9"),
              std::string::npos);

    served.redis.stop();
    auto without_data = quorate::testing::with_coordinator({"+acl|setuser"});
    without_data.insert(without_data.end(), {"--appendfilename", "another.aof"});
    served.redis.set_settings(std::move(without_data));
    served.redis.start();
    EXPECT_TRUE(comes_to_hold(
        [&] { return cordoned_in(served, "eu-west") == std::vector<std::string>{"a1"}; }));
    EXPECT_TRUE(served.json({"agents", "uncordon", "a1"}).at("changed").as_bool())
        << "its heartbeat is lost, but it is known by its cordon";
    EXPECT_TRUE(cordoned_in(served, "eu-west").empty());
}

TEST(Tenants, ATierIsSetAndEveryTenantIsListed) {
    Served served;
    served.lab.apply(
        "endpoints:\n  - {name: a, url: 'http://h/a', tenant: acme}\n"
        "  - {name: b, url: 'http://h/b', tenant: acme}\n  - {name: c, url: 'http://h/c'}\n");
    const auto set = served.json({"tenants", "set", "acme", "--tier", "enterprise"});
    EXPECT_TRUE(set.at("changed").as_bool());
    EXPECT_EQ(set.at("tier_before").as_string(), "team");
    const auto listed = served.quorate({"tenants", "-o", "json"});
    const auto rows = boost::json::parse(listed.out).as_array();
    ASSERT_EQ(rows.size(), 2U) << listed.out;
    EXPECT_EQ(rows[0].at("name").as_string(), "acme");
    EXPECT_EQ(rows[0].at("tier").as_string(), "enterprise");
    EXPECT_EQ(rows[0].at("endpoints").to_number<int>(), 2);
    EXPECT_EQ(served.lab.sql("SELECT target, detail FROM quorate.audit WHERE method = 'SetTenant'")
                  .substr(0, 4),
              "acme");
    EXPECT_NE(served.quorate({"tenants", "set", "nobody", "--tier", "free"})
                  .err.find("there is no tenant nobody"),
              std::string::npos);
    EXPECT_EQ(served.quorate({"tenants", "set", "acme", "--tier", "gold"}).status, 2);
}

}  // namespace
}  // namespace quorate::coordinator
