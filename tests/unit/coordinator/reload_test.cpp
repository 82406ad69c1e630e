// A config that is read anew while the daemon runs.
#include "platform/telemetry/reload.hpp"

#include <fstream>
#include <memory>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include "coordinator/config.hpp"
#include "platform/runtime/clock.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kFile =
    "regions: [us-east]\npostgres: {conninfo: 'host=db password=word'}\n"
    "redis: {url: 'redis://127.0.0.1:6379'}\n";

struct Reloaded {
    TemporaryFolder folder;
    std::ostringstream lines;
    SystemClock clock;
    Logger log{"test",
               LogLevel::info,
               clock,
               std::make_shared<spdlog::sinks::ostream_sink_mt>(lines, true)};
    Config running = parse_config(config_schema(), kFile, "c.yaml");
    std::vector<std::string> restart_needed;
    int applied = 0;

    void reload(const std::string& more) {
        const auto file = folder.path() + "/c.yaml";
        std::ofstream{file} << kFile << more;
        lines.str("");
        reload_config(log, config_schema(), file, running, [&](const auto& keys) {
            restart_needed = keys;
            ++applied;
        });
    }
};

TEST(Reload, LiveKeysAreTakenAndOthersCountFromTheNextStartOn) {
    Reloaded daemon;
    daemon.reload(
        "log: {level: debug}\npoliteness: {origin_rate: 7}\ngrpc: {rate: 3, port: 1234}\n");
    EXPECT_EQ(daemon.applied, 1);
    EXPECT_TRUE(daemon.log.enabled(LogLevel::debug));
    EXPECT_EQ(daemon.running.politeness.origin, 7);
    EXPECT_EQ(daemon.running.grpc_rate, 3);
    EXPECT_EQ(daemon.running.grpc_port, 7443) << "as it is bound";
    EXPECT_THAT(daemon.restart_needed, ElementsAre("grpc.port"));
    EXPECT_THAT(daemon.lines.str(), HasSubstr("config.reloaded"));
    EXPECT_THAT(daemon.lines.str(), HasSubstr("politeness.origin_rate grpc.rate log.level"));
    daemon.reload("");
    EXPECT_EQ(daemon.running.politeness.origin, Config{}.politeness.origin);
    EXPECT_TRUE(daemon.restart_needed.empty());
}

TEST(Reload, ABadFileChangesNothing) {
    Reloaded daemon;
    daemon.reload("grpc: {rate: 5, prot: 1}\nlog: {level: debug}\n");
    EXPECT_EQ(daemon.applied, 0);
    EXPECT_EQ(daemon.running.grpc_rate, Config{}.grpc_rate);
    EXPECT_FALSE(daemon.log.enabled(LogLevel::debug));
    EXPECT_THAT(daemon.lines.str(), HasSubstr("config.refused"));
    EXPECT_THAT(daemon.lines.str(), HasSubstr("grpc.prot"));
}

TEST(Reload, LiveKeysThatDoNotFitWhatIsInForceBesideThemAreRefused) {
    Reloaded daemon;
    daemon.reload(
        "grpc: {rate: 5, admins: [ops], tls: {certificate: /c, key: /k, client_ca: /a}}\n");
    EXPECT_EQ(daemon.applied, 0) << "an admin by certificate, where no client_ca is in force";
    EXPECT_EQ(daemon.running.grpc_rate, Config{}.grpc_rate);
    EXPECT_THAT(daemon.lines.str(), HasSubstr("count from the next start on"));
}

}  // namespace
}  // namespace quorate::coordinator
