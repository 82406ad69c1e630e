#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/utf8.hpp"
#include "platform/config/schema.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

using std::chrono::seconds;

/// A key of each kind, with the bounds that a key can have.
struct SomeConfig {
    std::string url;
    std::string password;
    std::uint16_t port = 9102;
    std::int64_t concurrency = 256;
    std::uint32_t count = 0;
    double load_max = 0.6;
    bool flag = false;
    milliseconds gap{10};
    seconds timeout{8};
    std::vector<std::string> servers;
    std::string level = "info";
    std::filesystem::path ca;
};

Schema<SomeConfig> some_schema() {
    Schema<SomeConfig> schema{"quorate-some"};
    schema.key("redis.url", &SomeConfig::url, "t").required();
    schema.key("redis.password", &SomeConfig::password, "t").secret();
    schema.key("health.port", &SomeConfig::port, "t");
    schema.key("concurrency", &SomeConfig::concurrency, "t").between(1, 4096);
    schema.key("count", &SomeConfig::count, "t");
    schema.key("load_max", &SomeConfig::load_max, "t").between(0.05, 1);
    schema.key("flag", &SomeConfig::flag, "t");
    schema.key("gap", &SomeConfig::gap, "t");
    schema.key("timeout", &SomeConfig::timeout, "t").between(seconds{1}, seconds{60});
    schema.key("servers", &SomeConfig::servers, "t").items_between(0, 3);
    schema.key("log.level", &SomeConfig::level, "t").one_of({"debug", "info"});
    schema.key("tls.ca", &SomeConfig::ca, "t").check([](const std::filesystem::path& path) {
        return path.is_absolute() ? std::string{} : std::string{"must be absolute"};
    });
    return schema;
}

void check_errors(const ConfigErrors& errors) {
    require(!errors.empty(), "a refusal without an error");
    for (const auto& error : errors) {
        require(error.line >= 0 && !error.message.empty(), "an error says nothing");
        for (const auto* text : {&error.message, &error.key}) {
            require(is_utf8(*text), "an error is not UTF-8");
            for (const unsigned char c : *text)
                require(c >= 0x20 && c != 0x7F, "an error holds a control character of the file");
        }
    }
}

}  // namespace

/// The configuration of a daemon.
void fuzz_config(std::string_view input) {
    static const auto schema = some_schema();
    SomeConfig config;
    try {
        config = parse_config(schema, input, "f.yaml");
    } catch (const InvalidConfig& refused) {
        check_errors(refused.errors());
        return;
    }
    require(config.concurrency >= 1 && config.concurrency <= 4096, "an integer out of bounds");
    require(config.load_max >= 0.05 && config.load_max <= 1, "a number out of bounds");
    require(config.timeout >= seconds{1} && config.timeout <= seconds{60},
            "a duration out of bounds");
    require(config.gap.count() >= 0, "a duration below 0");
    require(config.servers.size() <= 3, "a list out of bounds");
    require(config.level == "debug" || config.level == "info", "a word that is no choice");
    require(config.ca.empty() || config.ca.is_absolute(), "a check that was not asked");
    // Its shown form says `***`, whatever the secret is.
    auto other = config;
    other.password = "another";
    require(config.password.empty() || masked_dump(schema, other) == masked_dump(schema, config),
            "a secret is shown");
}

}  // namespace quorate::fuzz
