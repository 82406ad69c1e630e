#include "platform/redis/address.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(RedisUrl, TcpHasHostPortAndDatabase) {
    const auto url = parse_redis_url("redis://redis.internal:6380/2");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->address.host, "redis.internal");
    EXPECT_EQ(url->address.port, 6380);
    EXPECT_EQ(url->address.database, 2);
    EXPECT_FALSE(url->address.tls);
    EXPECT_EQ(to_text(url->address), "redis.internal:6380");
}

TEST(RedisUrl, TheSchemeSaysTls) {
    const auto url = parse_redis_url("rediss://redis.internal:6380");
    ASSERT_TRUE(url);
    EXPECT_TRUE(url->address.tls);
}

TEST(RedisUrl, UserAndPasswordArePercentDecoded) {
    const auto both = parse_redis_url("redis://us%3Aer:p%40ss%2Fword@h:1");
    ASSERT_TRUE(both);
    EXPECT_EQ(both->user, "us:er");
    EXPECT_EQ(both->password, "p@ss/word");
    const auto password = parse_redis_url("redis://:secret@h:1");
    ASSERT_TRUE(password);
    EXPECT_EQ(password->user, "");
    EXPECT_EQ(password->password, "secret");
    const auto user = parse_redis_url("redis://quorate@h:1");
    ASSERT_TRUE(user);
    EXPECT_EQ(user->user, "quorate");
    EXPECT_EQ(user->password, "");
}

TEST(RedisUrl, AnIpv6HostStandsInBrackets) {
    const auto url = parse_redis_url("redis://[::1]:6379");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->address.host, "::1");
    EXPECT_EQ(to_text(url->address), "[::1]:6379");
}

TEST(RedisUrl, AUnixSocketIsItsPath) {
    const auto url = parse_redis_url("unix:///run/redis.sock");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->address.socket_path, "/run/redis.sock");
    EXPECT_EQ(to_text(url->address), "/run/redis.sock");
}

TEST(RedisUrl, EverythingElseIsRefusedWithItsText) {
    for (const std::string url : {"",
                                  "redis://",
                                  "redis://host",
                                  "redis://host:0",
                                  "redis://host:70000",
                                  "redis://host:1/x",
                                  "redis://host:1/16",
                                  "redis://host:1/-1",
                                  "redis://host:1?a=b",
                                  "redis://host:1#a",
                                  "http://host:1",
                                  "unix://relative",
                                  "unix://",
                                  "host:6379"})
        EXPECT_NE(redis_url_problem(url).find("\"" + url + "\""), std::string::npos) << url;
    EXPECT_EQ(redis_url_problem("redis://127.0.0.1:6379"), "");
    EXPECT_FALSE(parse_redis_url("unix:///" + std::string(107, 'x')));
    EXPECT_FALSE(parse_redis_url("redis://user:@host:1"));
}

TEST(RedisUrl, APasswordIsMasked) {
    EXPECT_EQ(without_password("redis://u:secret@h:1/2"), "redis://u:***@h:1/2");
    EXPECT_EQ(without_password("redis://:secret@h:1"), "redis://:***@h:1");
    EXPECT_EQ(without_password("u:secret@h:1"), "u:***@h:1");
    EXPECT_EQ(without_password("redis://u:se@cr://et@h:1"), "redis://u:***@h:1");
    EXPECT_EQ(without_password("redis://u@h:1"), "redis://u@h:1");
    EXPECT_EQ(without_password("redis://h:1"), "redis://h:1");
}

TEST(RedisHostPort, IsAnAddressWithoutAnythingElse) {
    const auto address = parse_host_port("10.0.0.1:26379");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->host, "10.0.0.1");
    EXPECT_EQ(address->port, 26379);
    EXPECT_TRUE(parse_host_port("[::1]:1"));
    for (const auto* text : {"", "h", "h:", "h:0", "::1:1", "u@h:1", "h:1/2", "h:1?x", ":1"})
        EXPECT_FALSE(parse_host_port(text)) << text;
}

}  // namespace
}  // namespace quorate
