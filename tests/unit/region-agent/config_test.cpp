#include "region-agent/config.hpp"

#include <gtest/gtest.h>

namespace quorate::agent {
namespace {

std::string problem_of(const std::string& yaml) {
    try {
        parse_config(config_schema(), yaml, "agent.yaml");
        return {};
    } catch (const InvalidConfig& error) {
        return error.what();
    }
}

TEST(AgentConfig, TheLeastThatIsNeededHasDefaults) {
    const auto config = parse_config(config_schema(),
                                     "region: us-east\nname: us-east-1\n"
                                     "redis: {url: \"unix:///run/redis.sock\"}\n",
                                     "agent.yaml");
    EXPECT_EQ(config.region, "us-east");
    EXPECT_EQ(config.concurrency, 2000U);
    EXPECT_EQ(config.health_port, 9102);
    EXPECT_FALSE(config.allow_private_addresses);
    EXPECT_EQ(config.load_max, 0.6);
    EXPECT_EQ(config.self_check_every, std::chrono::seconds{15});
    EXPECT_TRUE(config.landmarks.empty());
}

TEST(AgentConfig, EveryBadValueIsNamedWithItsLine) {
    const auto problem = problem_of(
        "region: US East\nname: a\nredis:\n  url: localhost\nconcurrency: 0\n"
        "bind_address: localhost\nca_file: /nowhere/ca.pem\nspeed: 1\n"
        "load_max: 60\ntenant_share: 0\nlandmarks: [\"127.0.0.1:53\", nowhere]\n"
        "self_check: {every: 100ms}\ncontact_url: \"https://x/a b\"\n"
        "name_servers: [127.0.0.1, \"[::1]:53\", dns.example.com]\n"
        "spool: {bytes_max: 1000}\n");
    for (const auto* part : {"agent.yaml:1: region:",
                             "agent.yaml:4: redis.url:",
                             "agent.yaml:5: concurrency:",
                             "agent.yaml:6: bind_address:",
                             "agent.yaml:7: ca_file:",
                             "agent.yaml:8: speed:",
                             "agent.yaml:9: load_max:",
                             "agent.yaml:10: tenant_share:",
                             "agent.yaml:11: landmarks:",
                             "agent.yaml:12: self_check.every:",
                             "agent.yaml:13: contact_url:",
                             "agent.yaml:14: name_servers: must be `ADDRESS`",
                             "agent.yaml:15: spool.bytes_max:"})
        EXPECT_NE(problem.find(part), std::string::npos) << part << "\n" << problem;
}

TEST(AgentConfig, RegionNameAndRedisAreRequired) {
    const auto problem = problem_of("concurrency: 5\n");
    for (const auto* key : {"region", "name", "redis.url"})
        EXPECT_NE(problem.find(key), std::string::npos) << problem;
}

}  // namespace
}  // namespace quorate::agent
