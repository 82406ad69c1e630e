#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/coordinator/child_process.hpp"
#include "tests/integration/coordinator/queued_jobs.hpp"
#include "tests/integration/coordinator/running_app.hpp"

namespace quorate::testing {

inline const std::vector<std::string> kRegions{"ap-south", "eu-west", "us-east"};
inline const std::string kCoordinatorBinary =
    std::string{QUORATE_BINARY_DIR} + "/bin/quorate-coordinator";

/// The answer to one GET, status line and all.
std::string http_get(std::uint16_t port, const std::string& path);

bool ready(std::uint16_t port);

/// A config file in a folder that goes with the object.
struct ConfigFile {
    ConfigFile(const Catalogued& lab,
               const std::string& redis_url,
               std::uint16_t grpc_port = 0,
               const std::string& name = "") {
        folder = std::filesystem::temp_directory_path() /
                 ("coordinator-test-" + std::to_string(getpid()) + "-" +
                  std::to_string(reinterpret_cast<std::uintptr_t>(this)));
        std::filesystem::create_directories(folder);
        std::ofstream{path()} << "window: "
                              << lab.deployment.window.length() / std::chrono::seconds{1} << "s\n"
                              << (name.empty() ? "" : "name: " + name + "\n")
                              << "regions: [us-east, eu-west, ap-south]\n"
                              << "postgres: {conninfo: \"" << lab.conninfo << "\"}\n"
                              << "redis: {url: \"" << redis_url << "\"}\n"
                              << "grpc: {port: " << grpc_port << "}\n"
                              << "health: {port: 0}\nlog: {level: error}\n";
    }
    ~ConfigFile() { std::filesystem::remove_all(folder); }
    std::string path() const { return folder / "coordinator.yaml"; }
    std::filesystem::path folder;
};

/// `count` endpoints of the usual kind.
std::string some_endpoints(int count);

/// Applies endpoints now, by the system's clock.
UtcMinute apply_now(Catalogued& lab, const std::string& yaml);

/// Each of `endpoints` was ordered in every region exactly once in each minute from `first` on, up
/// to its last one; what may have been trimmed for its age is left out.
void expect_no_gap_and_nothing_twice(const RedisServer& redis,
                                     Window window,
                                     std::size_t endpoints,
                                     UtcMinute first);

}  // namespace quorate::testing
