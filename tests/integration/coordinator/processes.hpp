#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "tests/integration/coordinator/child_process.hpp"
#include "tests/integration/coordinator/queued_jobs.hpp"
#include "tests/integration/coordinator/running_app.hpp"

namespace quorate::testing {

inline const std::vector<std::string> kRegions{"ap-south", "eu-west", "us-east"};
inline const std::string kCoordinatorBinary =
    std::string{QUORATE_BINARY_DIR} + "/bin/quorate-coordinator";

/// The answer to one GET, status line and all.
inline std::string http_get(std::uint16_t port, const std::string& path) {
    asio::io_context io{1};
    asio::ip::tcp::socket socket{io};
    socket.connect({asio::ip::address_v4::loopback(), port});
    asio::write(socket, asio::buffer("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"));
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    return answer;
}

inline bool ready(std::uint16_t port) {
    return http_get(port, "/readyz").find(" 200 ") != std::string::npos;
}

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
inline std::string some_endpoints(int count) {
    std::string yaml = "endpoints:\n";
    for (int i = 0; i < count; ++i)
        yaml += "  - {name: e" + std::to_string(i) + ", url: 'http://h/', timeout: 1s}\n";
    return yaml;
}

/// Applies endpoints now, by the system's clock.
inline UtcMinute apply_now(Catalogued& lab, const std::string& yaml) {
    SystemClock clock;
    coordinator::ApplyOrder order;
    order.files = {{"e.yaml", yaml}};
    order.actor.principal = "test";
    const auto outcome =
        run_task(coordinator::apply(*lab.database, clock, lab.deployment, std::move(order)));
    if (!outcome.errors.empty()) throw InvalidConfig{outcome.errors};
    return outcome.in_force_from.value();
}

/// Each of `endpoints` was ordered in every region exactly once in each minute from `first` on, up
/// to its last one; what may have been trimmed for its age is left out.
inline void expect_no_gap_and_nothing_twice(const RedisServer& redis,
                                            Window window,
                                            std::size_t endpoints,
                                            UtcMinute first) {
    const auto young = SystemClock{}.utc_now() - 2 * window.length() - std::chrono::seconds{50};
    first = std::max(first, UtcMinute::containing(young, window));
    std::map<std::pair<EndpointId, RegionId>, std::set<UtcMinute>> minutes;
    for (const auto& [key, count] : count_by_cell(queued_jobs(redis, kRegions))) {
        if (key.minute < first) continue;
        EXPECT_EQ(count, 1) << key.minute.epoch_ms() << " " << key.endpoint.value();
        minutes[{key.endpoint, key.region}].insert(key.minute);
    }
    EXPECT_EQ(minutes.size(), endpoints * kRegions.size());
    for (const auto& [cell, seen] : minutes) {
        EXPECT_EQ(*seen.begin(), first) << cell.first.value();
        const auto last = *seen.rbegin();
        EXPECT_EQ(static_cast<std::int64_t>(seen.size()),
                  last.index(window) - first.index(window) + 1)
            << cell.first.value();
    }
}

}  // namespace quorate::testing
