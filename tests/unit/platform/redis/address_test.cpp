#include "platform/redis/address.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(RedisUrl, TcpHasHostPortAndDatabase) {
    const auto address = parse_redis_url("redis://redis.internal:6380/2");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->host, "redis.internal");
    EXPECT_EQ(address->port, 6380);
    EXPECT_EQ(address->database, 2);
    EXPECT_EQ(to_text(*address), "redis.internal:6380");
}

TEST(RedisUrl, AnIpv6HostStandsInBrackets) {
    const auto address = parse_redis_url("redis://[::1]:6379");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->host, "::1");
    EXPECT_EQ(to_text(*address), "[::1]:6379");
}

TEST(RedisUrl, AUnixSocketIsItsPath) {
    const auto address = parse_redis_url("unix:///run/redis.sock");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->socket_path, "/run/redis.sock");
    EXPECT_EQ(to_text(*address), "/run/redis.sock");
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
                                  "redis://user:pw@host:1",
                                  "redis://host:1?a=b",
                                  "http://host:1",
                                  "unix://relative",
                                  "unix://",
                                  "host:6379"})
        EXPECT_NE(redis_url_problem(url).find("\"" + url + "\""), std::string::npos) << url;
    EXPECT_EQ(redis_url_problem("redis://127.0.0.1:6379"), "");
    EXPECT_FALSE(parse_redis_url("unix:///" + std::string(107, 'x')));
}

}  // namespace
}  // namespace quorate
