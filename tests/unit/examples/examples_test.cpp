// Every file of examples/ is good, by the tables that the daemons themselves load with.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <gtest/gtest.h>

#include "archiver/config.hpp"
#include "coordinator/config.hpp"
#include "platform/wire/endpoint_file.hpp"
#include "region-agent/config.hpp"

namespace quorate {
namespace {

namespace fs = std::filesystem;

const fs::path kExamples = fs::path{QUORATE_SOURCE_DIR} / "examples";

std::string contents(const fs::path& path) {
    std::ifstream stream{path};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

TEST(Examples, EveryDaemonsConfigurationLoadsAndTheyAreOneDeployment) {
    const auto at = [](const char* name) { return (kExamples / "config" / name).string(); };
    const auto coordinator = load_config(coordinator::config_schema(), at("coordinator.yaml"));
    const auto agent = load_config(agent::config_schema(), at("agent.yaml"));
    const auto archiver = load_config(archiver_schema(), at("archiver.yaml"));
    EXPECT_NE(std::ranges::find(coordinator.regions, agent.region), coordinator.regions.end());
    EXPECT_EQ(coordinator.window, archiver.window);
    EXPECT_EQ(coordinator.shards, archiver.shards);
}

TEST(Examples, NoFileOfTheFolderIsLeftOut) {
    std::map<std::string, int> files;
    for (const auto& entry : fs::directory_iterator{kExamples / "config"})
        if (entry.path().extension() != ".md") ++files[entry.path().filename().string()];
    EXPECT_EQ(files,
              (std::map<std::string, int>{
                  {"agent.yaml", 1}, {"archiver.yaml", 1}, {"coordinator.yaml", 1}}));
}

TEST(Examples, EveryEndpointFileIsFreeOfErrors) {
    const std::vector<std::string> regions{"ap-south", "eu-west", "sa-east", "us-east", "us-west"};
    int files = 0;
    for (const auto& entry : fs::directory_iterator{kExamples}) {
        if (entry.path().extension() != ".yaml") continue;
        ++files;
        const auto name = entry.path().filename().string();
        for (const auto window : {std::chrono::seconds{5}, std::chrono::seconds{60}}) {
            wire::EndpointRules rules;
            rules.window = *Window::of(window);
            rules.regions = regions;
            const auto found = wire::parse_endpoint_files({{name, contents(entry.path())}}, rules);
            for (const auto& error : found.errors)
                ADD_FAILURE() << name << ':' << error.line << ": " << error.key << ": "
                              << error.message;
            EXPECT_FALSE(found.specs.empty()) << name;
        }
    }
    EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace quorate
