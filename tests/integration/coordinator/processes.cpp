#include "tests/integration/coordinator/processes.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace quorate::testing {

std::string http_get(std::uint16_t port, const std::string& path) {
    asio::io_context io{1};
    asio::ip::tcp::socket socket{io};
    socket.connect({asio::ip::address_v4::loopback(), port});
    asio::write(socket, asio::buffer("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"));
    std::string answer;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    return answer;
}

bool ready(std::uint16_t port) {
    return http_get(port, "/readyz").find(" 200 ") != std::string::npos;
}

std::string some_endpoints(int count) {
    std::string yaml = "endpoints:\n";
    for (int i = 0; i < count; ++i)
        yaml += "  - {name: e" + std::to_string(i) + ", url: 'http://h/', timeout: 1s}\n";
    return yaml;
}

UtcMinute apply_now(Catalogued& lab, const std::string& yaml) {
    SystemClock clock;
    coordinator::ApplyOrder order;
    order.files = {{"e.yaml", yaml}};
    order.actor.principal = "test";
    const auto outcome =
        run_task(coordinator::apply(*lab.database, clock, lab.deployment, std::move(order)));
    if (!outcome.errors.empty()) throw InvalidConfig{outcome.errors};
    return outcome.in_force_from.value();
}

void expect_no_gap_and_nothing_twice(const RedisServer& redis,
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
