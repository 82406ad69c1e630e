#include "platform/redis/settings.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quorate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Config {
    RedisSettings redis;
};

Schema<Config> schema() {
    Schema<Config> made{"quorate-demo"};
    declare_redis(made, &Config::redis);
    return made;
}

RedisClientOptions options_of(const std::string& yaml) {
    return redis_options(parse_config(schema(), "redis: " + yaml, "demo.yaml").redis);
}

std::string refusal(const std::string& yaml) {
    try {
        parse_config(schema(), yaml, "demo.yaml");
        return {};
    } catch (const InvalidConfig& error) {
        return error.what();
    }
}

/// A file that is there.
std::string file() {
    return std::filesystem::canonical("/proc/self/exe").string();
}

TEST(RedisSettings, AUrlAloneIsEnough) {
    const auto options = options_of("{url: 'redis://127.0.0.1:6379/3'}");
    EXPECT_EQ(to_text(options.address), "127.0.0.1:6379");
    EXPECT_EQ(options.address.database, 3);
    EXPECT_FALSE(options.address.tls);
    EXPECT_FALSE(options.cluster);
    EXPECT_TRUE(options.sentinels.empty());
    EXPECT_TRUE(options.login.password.empty());
}

TEST(RedisSettings, TlsAndLoginComeFromTheUrlOrFromKeys) {
    const auto by_url = options_of("{url: 'rediss://quorate:p%40ss@r.example:6380'}");
    EXPECT_TRUE(by_url.address.tls);
    EXPECT_EQ(by_url.login.user, "quorate");
    EXPECT_EQ(by_url.login.password, "p@ss");
    const auto by_keys = options_of(
        "{url: 'redis://r.example:6380', tls: true, user: quorate, "
        "password_file: " +
        file() + ", ca_file: " + file() + ", certificate_file: " + file() +
        ", key_file: " + file() + ", server_name: r}");
    EXPECT_TRUE(by_keys.address.tls);
    EXPECT_EQ(by_keys.login.user, "quorate");
    EXPECT_EQ(by_keys.login.password_file, file());
    EXPECT_EQ(by_keys.tls.ca_file, file());
    EXPECT_EQ(by_keys.tls.certificate_file, file());
    EXPECT_EQ(by_keys.tls.key_file, file());
    EXPECT_EQ(by_keys.tls.server_name, "r");
}

TEST(RedisSettings, SentinelsStandInPlaceOfAUrl) {
    const auto options = options_of(
        "{sentinels: ['10.0.0.1:26379', '[::1]:26380'], "
        "sentinel_master: quorate, tls: true, database: 2}");
    ASSERT_EQ(options.sentinels.size(), 2U);
    EXPECT_EQ(to_text(options.sentinels[1]), "[::1]:26380");
    EXPECT_TRUE(options.sentinels[0].tls);
    EXPECT_TRUE(options.address.tls);
    EXPECT_EQ(options.address.database, 2);
    EXPECT_EQ(options.sentinel_master, "quorate");
}

TEST(RedisSettings, AClusterHasFurtherNodesToAsk) {
    const auto options = options_of(
        "{url: 'redis://10.0.0.1:6379', cluster: true, "
        "cluster_nodes: ['10.0.0.2:6379']}");
    EXPECT_TRUE(options.cluster);
    ASSERT_EQ(options.cluster_nodes.size(), 1U);
    EXPECT_EQ(to_text(options.cluster_nodes[0]), "10.0.0.2:6379");
}

TEST(RedisSettings, WhatDoesNotFitTogetherIsNamedWithItsLine) {
    const std::string url = "redis:\n  url: redis://h:1\n";
    const std::string exe = file();
    const std::vector<std::pair<std::string, std::string>> cases{
        {"redis: {}", "demo.yaml:1: redis.url: is required"},
        {url + "  sentinels: ['s:1']\n  sentinel_master: m",
         "demo.yaml:3: redis.sentinels: can't stand beside redis.url: they say where Redis is"},
        {"redis: {sentinels: ['s:1']}",
         "demo.yaml:1: redis.sentinel_master: is required with redis.sentinels"},
        {url + "  sentinel_master: m",
         "demo.yaml:3: redis.sentinel_master: means nothing without redis.sentinels"},
        {url + "  sentinel_user: m",
         "demo.yaml:3: redis.sentinel_user: means nothing without redis.sentinels\n"},
        {url + "  sentinel_password_file: " + exe,
         "demo.yaml:3: redis.sentinel_password_file: means nothing without redis.sentinels"},
        {url + "  database: 2",
         "demo.yaml:3: redis.database: is for redis.sentinels alone; elsewhere redis.url says it"},
        {"redis: {sentinels: ['s:1'], sentinel_master: m, cluster: true}",
         "demo.yaml:1: redis.cluster: can't be had through redis.sentinels"},
        {"redis: {url: 'unix:///r.sock', cluster: true}",
         "demo.yaml:1: redis.cluster: needs a node's host and port in redis.url"},
        {"redis: {url: 'redis://h:1/2', cluster: true}",
         "demo.yaml:1: redis.cluster: has the database 0 alone, redis.url names another"},
        {url + "  cluster_nodes: ['h:2']",
         "demo.yaml:3: redis.cluster_nodes: means nothing without redis.cluster"},
        {"redis: {url: 'unix:///r.sock', tls: true}",
         "demo.yaml:1: redis.tls: is not spoken over the Unix socket of redis.url"},
        {url + "  ca_file: " + exe,
         "demo.yaml:3: redis.ca_file: needs TLS: redis.tls, or rediss:// in redis.url"},
        {url + "  server_name: r",
         "demo.yaml:3: redis.server_name: needs TLS: redis.tls, or rediss:// in redis.url"},
        {url + "  tls: true\n  certificate_file: " + exe,
         "demo.yaml:4: redis.certificate_file: needs redis.key_file"},
        {url + "  tls: true\n  key_file: " + exe,
         "demo.yaml:4: redis.key_file: needs redis.certificate_file"},
        {url + "  user: u", "demo.yaml:3: redis.user: needs redis.password_file"},
        {"redis: {url: 'redis://u@h:1'}",
         "demo.yaml:1: redis.url: names a user: redis.password_file is needed"},
        {"redis: {url: 'redis://u:p@h:1', user: v}",
         "demo.yaml:1: redis.user: stands in redis.url already"},
        {"redis: {url: 'redis://u:p@h:1', password_file: " + exe + "}",
         "demo.yaml:1: redis.password_file: redis.url has a password already"},
        {"redis: {sentinels: ['s:1'], sentinel_master: m, sentinel_user: u}",
         "demo.yaml:1: redis.sentinel_user: needs redis.sentinel_password_file"},
        {url + "  password_file: /nowhere/x",
         "demo.yaml:3: redis.password_file: there is no file /nowhere/x"},
        {"redis: {sentinels: [s], sentinel_master: m}",
         "demo.yaml:1: redis.sentinels: must be `HOST:PORT` or `[V6]:PORT` each, one is \"s\""},
        {"redis: {sentinels: ['s:1'], sentinel_master: 'a b'}",
         "demo.yaml:1: redis.sentinel_master: must be letters, digits, `.`, `-` and `_`, is "
         "\"a b\""},
    };
    for (const auto& [yaml, problem] : cases)
        EXPECT_THAT(refusal(yaml) + "\n", HasSubstr(problem)) << yaml;
}

TEST(RedisSettings, APasswordIsShownNowhere) {
    for (const std::string url : {"redis://u:hunter2@h",
                                  "redis://:hunter2@h:0",
                                  "redis://u:hunter2@h:1/99",
                                  "http://u:hunter2@h:1",
                                  "redis://u:hunter2@@/?#@h:1",
                                  "u:hunter2@h:1"}) {
        const auto text = refusal("redis: {url: '" + url + "'}");
        EXPECT_THAT(text, HasSubstr("***@")) << url;
        EXPECT_THAT(text, Not(HasSubstr("hunter2"))) << url;
    }
    EXPECT_THAT(refusal("redis: {url: [hunter2]}"), Not(HasSubstr("hunter2")));
    EXPECT_THAT(refusal("redis: {sentinels: ['u:hunter2@h:1']}"), Not(HasSubstr("hunter2")));
    const auto config =
        parse_config(schema(), "redis: {url: 'redis://u:hunter2@h:1'}", "demo.yaml");
    const auto dump = masked_dump(schema(), config);
    EXPECT_THAT(dump, Not(HasSubstr("hunter2")));
    EXPECT_THAT(dump, HasSubstr("redis.url: \"redis://u:***@h:1\""));
}

}  // namespace
}  // namespace quorate
