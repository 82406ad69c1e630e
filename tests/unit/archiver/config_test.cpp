#include "archiver/config.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

ArchiverConfig parse(const std::string& yaml) {
    return parse_config(archiver_schema(), yaml, "archiver.yaml");
}

std::string refusal(const std::string& yaml) {
    try {
        parse(yaml);
    } catch (const InvalidConfig& error) {
        return error.what();
    }
    return {};
}

TEST(ArchiverConfig, HasDefaultsForAllButItsStores) {
    const auto config =
        parse("redis: {url: 'redis://127.0.0.1:6379'}\npostgres: {conninfo: 'dbname=quorate'}\n");
    EXPECT_EQ(config.window, milliseconds{60'000});
    EXPECT_EQ(config.health_port, 9103);
    EXPECT_EQ(config.shards, 64U);
    EXPECT_NE(refusal("{}").find("postgres.conninfo"), std::string::npos);
    EXPECT_NE(refusal("{}").find("redis.url"), std::string::npos);
}

TEST(ArchiverConfig, RefusesAWindowThatDoesNotDivideAMinute) {
    const auto text = refusal(
        "window: 7s\nredis: {url: 'redis://127.0.0.1:6379'}\npostgres: {conninfo: 'dbname=q'}\n");
    EXPECT_EQ(
        text.substr(0, text.find('\n')),
        "archiver.yaml:1: window: must be 2s, 3s, 4s, 5s, 6s, 10s, 12s, 15s, 20s, 30s or 60s");
}

TEST(ArchiverConfig, RefusesAHealthAddressThatIsNone) {
    const auto text = refusal(
        "health: {address: nonsense}\nredis: {url: 'redis://127.0.0.1:6379'}\n"
        "postgres: {conninfo: 'dbname=q'}\n");
    EXPECT_EQ(text.substr(0, text.find('\n')),
              "archiver.yaml:1: health.address: must be an IP address, is \"nonsense\"");
}

TEST(ArchiverConfig, ShowsNoConnectionString) {
    auto config =
        parse("redis: {url: 'redis://127.0.0.1:6379'}\npostgres: {conninfo: 'password=hunter2'}\n");
    EXPECT_EQ(masked_dump(archiver_schema(), config).find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace quorate
