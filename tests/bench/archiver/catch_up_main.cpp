// How long an archiver takes to seal an hour that waits in Redis; one run, printed as JSON.
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "archiver/app.hpp"
#include "archiver/store/sql_text.hpp"
#include "core/schedule/schedule.hpp"
#include "platform/postgres/database.hpp"
#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/client.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/wire/cell_codec.hpp"
#include "tests/bench/archiver/history.hpp"
#include "tests/bench/archiver/sealed_fleet.hpp"
#include "tests/bench/cpu_time.hpp"
#include "tests/support/beside.hpp"
#include "tests/support/postgres_cluster.hpp"
#include "tests/support/redis_server.hpp"

namespace quorate::bench {
namespace {

const Window kWindow = Window::minute();
constexpr std::size_t kCellsTogether = 500;
constexpr std::chrono::seconds kPatience{240};

struct Options {
    SealedFleetOptions fleet;
    int minutes = 60;
};

CellToRecord to_record(const EndpointVersion& version, const Cell& cell) {
    return {version.shard,
            cell.key,
            version.cell_slot,
            RegionMask::of(version.regions),
            wire::encode_cell(cell, !cell.agent.empty() || cell.verdict != Verdict::up)};
}

/// What the agents wrote while Postgres was away: minute by minute, region by region.
Task<> fill(RedisClient& client, const SealedFleet& fleet, UtcMinute first, int minutes) {
    CellBuffer buffer{client};
    for (int n = 0; n < minutes; ++n) {
        const auto minute = first.plus(n, kWindow);
        std::vector<std::vector<CellToRecord>> by_region(fleet.names().size());
        for (std::size_t i = 0; i < fleet.size(); ++i) {
            const auto cells = fleet.cells(i, minute);
            for (std::size_t region = 0; region < cells.size(); ++region)
                by_region[region].push_back(to_record(fleet.versions()[i], cells[region]));
        }
        for (auto& cells : by_region)
            for (std::size_t at = 0; at < cells.size(); at += kCellsTogether) {
                const auto end = std::min(cells.size(), at + kCellsTogether);
                std::vector<CellToRecord> some{
                    std::make_move_iterator(cells.begin() + static_cast<std::ptrdiff_t>(at)),
                    std::make_move_iterator(cells.begin() + static_cast<std::ptrdiff_t>(end))};
                co_await buffer.record(std::move(some));
            }
    }
}

Task<> fill_redis(std::string url, const SealedFleet& fleet, UtcMinute first, int minutes) {
    RedisClientOptions options;
    options.address.socket_path = url.substr(url.find("//") + 2);
    options.timeout = std::chrono::seconds{60};
    const auto executor = co_await asio::this_coro::executor;
    RedisClient client{executor, options};
    std::vector<RedisClient*> clients{&client};
    std::function<Task<>()> body = [&] { return fill(client, fleet, first, minutes); };
    co_await testing::serving(std::move(clients), std::move(body));
}

/// From the start of an archiver until the last minute of the hour is sealed in all shards; in
/// between it is found by leases, reads the catalogue, and so on.
Task<> seal(ArchiverConfig config, Database& database, UtcMinute last, double& seconds) {
    const SystemClock clock;
    const auto executor = co_await asio::this_coro::executor;
    const auto began = clock.steady_now();
    ArchiverApp app{std::move(config), executor};
    std::vector<Task<>> services;
    services.push_back(app.run());
    std::function<Task<>()> wait = [&]() -> Task<> {
        auto sealed = [last](pqxx::work& work) {
            return work
                .exec_params1(
                    "SELECT count(*) = 64 AND min(minute) >= $1 FROM quorate.shard_watermark",
                    timestamp_text(last))[0]
                .as<bool>();
        };
        while (clock.steady_now() - began < kPatience) {
            const auto done = co_await database.transact(sealed);
            if (done) co_return;
            co_await sleep_for(milliseconds{100});
        }
        throw std::runtime_error{"the hour is not sealed after four minutes"};
    };
    co_await testing::beside(std::move(services), std::move(wait));
    seconds = std::chrono::duration<double>(clock.steady_now() - began).count();
}

void measure(const Options& options) {
    testing::PostgresCluster postgres{1024};
    testing::RedisServer redis;
    const SealedFleet fleet{options.fleet};
    const auto conninfo = postgres.create_database("bench");
    make_catalogue(conninfo, fleet);
    const auto last = UtcMinute::containing(SystemClock{}.utc_now(), kWindow).plus(-2, kWindow);
    const auto first = last.plus(1 - options.minutes, kWindow);
    postgres.sql(
        "bench",
        "UPDATE quorate.endpoint_version SET valid_from = '" + timestamp_text(first) + "'");
    testing::run_on_executor(
        [&] { return fill_redis(redis.url(), fleet, first, options.minutes); });
    Database database{{.conninfo = conninfo, .application_name = "bench", .connections = 1}};
    ArchiverConfig config;
    config.log_level = "error";
    config.health_port = 0;
    config.redis.url = redis.url();
    config.postgres_conninfo = conninfo;
    double seconds = 0;
    const auto cpu = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
    testing::run_on_executor([&] { return seal(config, database, last, seconds); });
    const auto used = cpu_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    const auto stored =
        postgres.sql("bench",
                     "SELECT count(*) FROM quorate.minute WHERE decision = 0 AND minute <= '" +
                         timestamp_text(last) + "'");
    const auto wanted = fleet.size() * static_cast<std::size_t>(options.minutes);
    // One endpoint in two hundred has a region that fails, which is P2.
    if (std::stoull(stored) < wanted * 98 / 100)
        throw std::runtime_error{"of " + std::to_string(wanted) + " minutes " + stored + " are OK"};
    std::puts(
        fmt::format(
            R"({{"catch_up":{{"minutes":{},"s":{:.2f},"cpu_s":{:.2f}}}}})", wanted, seconds, used)
            .c_str());
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) try {
    quorate::bench::Options options;
    CLI::App app{"How long an archiver takes for an hour that waits"};
    app.add_option("--endpoints", options.fleet.endpoints, "how many");
    app.add_option("--minutes", options.minutes, "that wait");
    CLI11_PARSE(app, argc, argv);
    quorate::bench::measure(options);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_archiver_catch_up: %s\n", error.what());
    return 1;
}
