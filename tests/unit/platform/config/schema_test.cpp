#include "platform/config/schema.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/config/ip_address.hpp"

namespace quorate {
namespace {

using std::chrono::seconds;

struct TlsConfig {
    std::filesystem::path ca;
};

struct DemoConfig {
    std::string redis_url;
    std::string password;
    std::uint16_t port = 9102;
    std::int64_t concurrency = 256;
    double load_max = 0.6;
    bool private_addresses = false;
    seconds timeout{8};
    std::vector<std::string> name_servers;
    std::string level = "info";
    TlsConfig tls;
};

Schema<DemoConfig> demo_schema() {
    Schema<DemoConfig> schema{"quorate-demo"};
    schema.key("redis.url", &DemoConfig::redis_url, "Redis of jobs and cells").required();
    schema.key("redis.password", &DemoConfig::password, "Its password").secret();
    schema.key("health.port", &DemoConfig::port, "Port of /livez | /readyz | /metrics");
    schema.key("concurrency", &DemoConfig::concurrency, "Probes at once").between(1, 4096);
    schema.key("load_max", &DemoConfig::load_max, "Part of the CPU").between(0.05, 1);
    schema.key("allow_private_addresses", &DemoConfig::private_addresses, "For labs");
    schema.key("timeout", &DemoConfig::timeout, "Of one probe").between(seconds{1}, seconds{60});
    schema.key("name_servers", &DemoConfig::name_servers, "Instead of the system's")
        .items_between(0, 3);
    schema.key("log.level", &DemoConfig::level, "Least level").one_of({"debug", "info"});
    schema
        .key(
            "tls.ca", [](auto& config) -> auto& { return config.tls.ca; }, "A CA file")
        .check([](const std::filesystem::path& path) {
            return path.is_absolute() ? std::string{} : std::string{"must be absolute"};
        });
    return schema;
}

DemoConfig parse(std::string_view yaml) {
    return parse_config(demo_schema(), yaml, "demo.yaml");
}

/// The message of the refusal; empty if the text was taken.
std::string refusal(std::string_view yaml) {
    try {
        parse(yaml);
        return {};
    } catch (const InvalidConfig& error) {
        return error.what();
    }
}

TEST(ConfigSchema, EveryTypeIsReadIntoItsMember) {
    const auto config = parse(R"(
redis: {url: "redis://127.0.0.1:6379", password: hunter2}
health:
  port: 0
concurrency: 512
allow_private_addresses: true
timeout: 5s
name_servers: [127.0.0.53, "::1"]
log: {level: debug}
tls: {ca: /etc/ca.pem}
)");
    EXPECT_EQ(config.redis_url, "redis://127.0.0.1:6379");
    EXPECT_EQ(config.password, "hunter2");
    EXPECT_EQ(config.port, 0);
    EXPECT_EQ(config.concurrency, 512);
    EXPECT_TRUE(config.private_addresses);
    EXPECT_EQ(config.timeout, seconds{5});
    EXPECT_THAT(config.name_servers, testing::ElementsAre("127.0.0.53", "::1"));
    EXPECT_EQ(config.level, "debug");
    EXPECT_EQ(config.tls.ca, "/etc/ca.pem");
}

TEST(ConfigSchema, WhatTheFileLeavesOutKeepsTheInitialiserOfItsMember) {
    const auto config = parse("redis: {url: r}\nhealth:\n");
    EXPECT_EQ(config.port, 9102);
    EXPECT_EQ(config.timeout, seconds{8});
    EXPECT_EQ(config.level, "info");
}

TEST(ConfigSchema, AllErrorsAreReportedAtOnceWithFileLineAndKey) {
    EXPECT_EQ(refusal(R"(redis:
  urls: redis://127.0.0.1
health: {port: 70000}
concurrency: "12"
allow_private_addresses: yes
timeout: 5 s
name_servers: [a, b, c, d]
log:
  level: loud
tls: {ca: relative.pem}
regoin: eu-west
)"),
              R"(demo.yaml:1: redis.url: is required
demo.yaml:2: redis.urls: is no known key
demo.yaml:3: health.port: must be an integer, 0 to 65535, is "70000"
demo.yaml:4: concurrency: must be an integer, 1 to 4096, is "12"
demo.yaml:5: allow_private_addresses: must be true or false, is "yes"
demo.yaml:6: timeout: must be a duration such as 1500ms, 8s or 5m, is "5 s"
demo.yaml:7: name_servers: must be a list of 0 to 3 items, is a list
demo.yaml:9: log.level: must be one of debug, info, is "loud"
demo.yaml:10: tls.ca: must be absolute
demo.yaml:11: regoin: is no known key)");
}

TEST(ConfigSchema, DurationsAreReadWithTheirUnitsAndBounds) {
    const std::string redis = "redis: {url: r}\n";
    EXPECT_EQ(parse(redis + "timeout: 1m").timeout, seconds{60});
    EXPECT_EQ(parse(redis + "timeout: 3000ms").timeout, seconds{3});
    EXPECT_EQ(refusal(redis + "timeout: 61s"),
              "demo.yaml:2: timeout: must be 1s to 1m, is \"61s\"");
    EXPECT_EQ(refusal(redis + "timeout: 999ms"),
              "demo.yaml:2: timeout: must be 1s to 1m, is \"999ms\"");
    for (const auto* wrong : {"8", "-8s", "8.5s", "s", "[8s]", "99999999999999999999s"})
        EXPECT_NE(refusal(redis + "timeout: " + wrong), "") << wrong;
}

TEST(ConfigSchema, AnIntegerIsAWholeNumberAndFitsItsMember) {
    const std::string redis = "redis: {url: r}\n";
    EXPECT_EQ(parse(redis + "health: {port: 65535}").port, 65535);
    for (const auto* wrong : {"65536", "-1", "1.5", "0x10", "1e3", "one", "", "[1]", "{a: 1}"})
        EXPECT_NE(refusal(redis + "health: {port: " + wrong + "}"), "") << wrong;
}

TEST(ConfigSchema, ANumberMayHaveAFractionAndKeepsItsBounds) {
    const std::string redis = "redis: {url: r}\n";
    EXPECT_EQ(parse(redis).load_max, 0.6);
    EXPECT_EQ(parse(redis + "load_max: 0.25").load_max, 0.25);
    EXPECT_EQ(parse(redis + "load_max: 1").load_max, 1);
    EXPECT_EQ(refusal(redis + "load_max: 1.01"),
              "demo.yaml:2: load_max: must be a number, 0.05 to 1, is \"1.01\"");
    for (const auto* wrong : {"0", "-0.5", "nan", "inf", "60%", "\"0.5\"", "half", "[0.5]"})
        EXPECT_NE(refusal(redis + "load_max: " + wrong), "") << wrong;
    const auto dump = masked_dump(demo_schema(), parse(redis));
    EXPECT_THAT(dump, testing::HasSubstr("load_max: 0.6\n"));
}

TEST(ConfigSchema, AGroupMustBeAMap) {
    EXPECT_EQ(refusal("redis: here"),
              "demo.yaml:1: redis: must be a map, is \"here\"\n"
              "demo.yaml:1: redis.url: is required");
    EXPECT_EQ(refusal("- a\n- b"), "demo.yaml:1: must be a map, is a list");
}

TEST(ConfigSchema, ARequiredKeyOfAnEmptyFileIsMissed) {
    EXPECT_EQ(refusal(""), "demo.yaml:1: redis.url: is required");
    EXPECT_EQ(refusal("# nothing\n"), "demo.yaml:1: redis.url: is required");
}

TEST(ConfigSchema, AKeySetInBothNotationsIsSetTwice) {
    EXPECT_EQ(refusal("redis: {url: a}\nredis.url: b\n"), "demo.yaml:2: redis.url: is set twice");
}

TEST(ConfigSchema, AKeySetTwiceHidesNoOtherError) {
    const auto text = refusal("redis: {url: a}\nload_max: 0.5\nload_max: 0.6\nredsi: b\n");
    EXPECT_THAT(text, testing::HasSubstr("demo.yaml:3: load_max: is set twice"));
    EXPECT_THAT(text, testing::HasSubstr("demo.yaml:4: redsi: "));
}

TEST(ConfigSchema, ASecretIsShownNeitherInErrorsNorInTheDump) {
    EXPECT_EQ(refusal("redis: {url: r, password: [hunter2]}"),
              "demo.yaml:1: redis.password: must be text");
    const auto config = parse("redis: {url: r, password: hunter2}");
    const auto dump = masked_dump(demo_schema(), config);
    EXPECT_THAT(dump, testing::Not(testing::HasSubstr("hunter2")));
    EXPECT_THAT(dump, testing::HasSubstr("redis.password: ***\n"));
    EXPECT_THAT(dump, testing::HasSubstr("redis.url: \"r\"\n"));
    EXPECT_THAT(dump, testing::HasSubstr("timeout: 8s\n"));
}

TEST(ConfigSchema, ARuleSeesSeveralKeysAndItsErrorNamesOneWithItsLine) {
    auto schema = demo_schema();
    schema.rule([](const DemoConfig& config) {
        ConfigProblems problems;
        if (config.port == 0 && config.concurrency > 1)
            problems.push_back({"health.port", "must be set with concurrency"});
        if (config.tls.ca.empty()) problems.push_back({"tls.ca", "is missed"});
        return problems;
    });
    const auto refused = [&](std::string_view yaml) -> std::string {
        try {
            parse_config(schema, yaml, "demo.yaml");
            return {};
        } catch (const InvalidConfig& error) {
            return error.what();
        }
    };
    EXPECT_EQ(refused("redis: {url: r}\ntls: {ca: /a}\n"), "");
    EXPECT_EQ(refused("redis: {url: r}\nhealth:\n  port: 0\n"),
              "demo.yaml:1: tls.ca: is missed\n"
              "demo.yaml:3: health.port: must be set with concurrency");
    // A key that is wrong by itself is not blamed twice.
    EXPECT_EQ(refused("redis: {url: r}\ntls: {ca: here}\n"),
              "demo.yaml:2: tls.ca: must be absolute");
}

TEST(ConfigSchema, APartOfAValueMayBeKeptBack) {
    struct Config {
        std::string url;
    };
    Schema<Config> schema{"quorate-demo"};
    schema.key("url", &Config::url, "Where").shown_as([](const std::string& url) {
        return url.substr(url.find('@') + 1);
    });
    const auto config = parse_config(schema, "url: secret@here", "demo.yaml");
    EXPECT_EQ(masked_dump(schema, config), "url: \"here\"\n");
    try {
        parse_config(schema, "url: [secret@here]", "demo.yaml");
        FAIL();
    } catch (const InvalidConfig& error) {
        EXPECT_STREQ(error.what(), "demo.yaml:1: url: must be text");
    }
}

TEST(ConfigSchema, TheMarkdownTableShowsEveryKeyWithTypeDefaultAndText) {
    EXPECT_EQ(to_markdown(demo_schema()), R"(## quorate-demo

| Key | Type | Default | What it is |
|---|---|---|---|
| `redis.url` | text | required | Redis of jobs and cells |
| `redis.password` | text | `""` | Its password (secret) |
| `health.port` | integer, 0 to 65535 | `9102` | Port of /livez \| /readyz \| /metrics |
| `concurrency` | integer, 1 to 4096 | `256` | Probes at once |
| `load_max` | number, 0.05 to 1 | `0.6` | Part of the CPU |
| `allow_private_addresses` | true or false | `false` | For labs |
| `timeout` | duration, 1s to 1m | `8s` | Of one probe |
| `name_servers` | list of text, 0 to 3 items | `[]` | Instead of the system's |
| `log.level` | one of debug, info | `"info"` | Least level |
| `tls.ca` | path | `""` | A CA file |
)");
}

TEST(ConfigSchema, AFileThatCannotBeReadIsNamed) {
    try {
        load_config(demo_schema(), "/nonexistent/demo.yaml");
        ADD_FAILURE();
    } catch (const InvalidConfig& error) {
        EXPECT_STREQ(error.what(), "/nonexistent/demo.yaml: cannot be read");
    }
}

TEST(ConfigSchema, AFileOnDiskIsLoaded) {
    const auto file = std::filesystem::path{testing::TempDir()} / "quorate_schema_test.yaml";
    std::ofstream{file} << "redis: {url: from-disk}\n";
    EXPECT_EQ(load_config(demo_schema(), file.string()).redis_url, "from-disk");
    std::filesystem::remove(file);
}

TEST(IpAddressProblem, TakesBothKindsAndNamesWhatIsNone) {
    for (const auto* good : {"127.0.0.1", "::1", "0.0.0.0", "fe80::1%eth0"})
        EXPECT_EQ(ip_address_problem(good), "") << good;
    for (const std::string bad : {"", "nonsense", "127.0.0", "127.0.0.1:80", "[::1]", "localhost"})
        EXPECT_EQ(ip_address_problem(bad), "must be an IP address, is \"" + bad + "\"");
}

}  // namespace
}  // namespace quorate
