// What recording cells costs in Redis; one run, printed as one JSON object.
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/cell_calls.hpp"
#include "platform/redis/scripts.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"
#include "tests/bench/distribution/bare_client.hpp"
#include "tests/bench/distribution/fleet.hpp"
#include "tests/bench/distribution/with_redis.hpp"

namespace quorate::bench {
namespace {

// Of both clients the same: this many flushes of each of five regions are on their way.
constexpr std::size_t kInFlight = 4;
constexpr std::size_t kTogether =
    10;  // flushes of a write of the bare client, which has two on its way

struct Options {
    std::string socket;
    bool bare = false;
    std::int64_t first = 0;
    std::int64_t minutes = 1;
    FleetOptions fleet;
};

/// What the server says of itself.
struct Server {
    double cpu_us = 0;
    double memory = 0;
};

double field(const std::string& info, const std::string& name) {
    const auto at = info.find("\n" + name + ":");
    if (at == info.npos) throw std::runtime_error{"INFO says nothing of " + name};
    return std::stod(info.substr(at + name.size() + 2));
}

Task<Server> ask(RedisClient& client) {
    RedisArgs command{"INFO"};
    const auto reply = co_await client.run(std::move(command));
    const auto& info = reply.text();
    co_return Server{
        (field(info, "used_cpu_user_main_thread") + field(info, "used_cpu_sys_main_thread")) * 1e6,
        field(info, "used_memory")};
}

/// Writes one flush after the other.
Task<> write_all(RedisClient& client, std::vector<Flush> share) {
    CellBuffer buffer{client};
    for (auto& flush : share) {
        const auto answers = co_await buffer.record(std::move(flush));
        for (const auto answer : answers)
            if (answer != Recorded::fresh) throw std::runtime_error{"a cell was not the first"};
    }
}

/// What each of `kInFlight` writers of each region writes.
std::vector<std::vector<Flush>> shares_of(std::vector<Flush> flushes, std::size_t regions) {
    std::vector<std::vector<Flush>> shares(regions * kInFlight);
    std::vector<std::size_t> next(regions);
    for (auto& flush : flushes) {
        const auto region = flush.front().key.region.value() - 1;
        shares[region * kInFlight + next[region]++ % kInFlight].push_back(std::move(flush));
    }
    return shares;
}

/// The same calls as bytes, `kTogether` flushes in each.
std::vector<ReadyWrite> encode(const std::vector<Flush>& flushes) {
    const RedisScript script{scripts::record};
    const CellBufferLimits limits;
    std::vector<ReadyWrite> writes;
    for (std::size_t i = 0; i < flushes.size(); ++i) {
        if (i % kTogether == 0) writes.emplace_back();
        for (const auto& made :
             detail::record_calls(flushes[i], {limits.minute_ttl, limits.done_max})) {
            const auto& [keys, arguments] = made.call;
            const auto count = std::to_string(keys.size());
            std::vector<std::string_view> command{"EVALSHA", script.sha1(), count};
            command.insert(command.end(), keys.begin(), keys.end());
            command.insert(command.end(), arguments.begin(), arguments.end());
            writes.back().add(command);
        }
    }
    return writes;
}

/// What one minute took, without making it.
struct Taken {
    std::chrono::duration<double> wall{0};
    double cpu_us = 0;
    std::size_t cells = 0;
};

Task<> run_minute(const Options& options,
                  std::vector<Flush> flushes,
                  std::vector<RedisClient*> agents,
                  Taken& taken) {
    const SystemClock clock;
    std::vector<ReadyWrite> writes;
    for (const auto& flush : flushes)
        taken.cells += flush.size();
    std::vector<std::vector<Flush>> shares;
    if (options.bare) {
        writes = encode(flushes);
    } else {
        shares = shares_of(std::move(flushes), agents.size());
    }
    const auto before = co_await ask(*agents.front());
    const auto started = clock.steady_now();
    if (options.bare) {
        write_bare(options.socket, writes, "fresh");
    } else {
        TaskGroup group{co_await asio::this_coro::executor, shares.size()};
        for (std::size_t i = 0; i < shares.size(); ++i)
            group.spawn("agent", write_all(*agents[i / kInFlight], std::move(shares[i])));
        co_await group.join();
    }
    taken.wall += clock.steady_now() - started;
    const auto after = co_await ask(*agents.front());
    taken.cpu_us += after.cpu_us - before.cpu_us;
}

Task<> run(const Options& options, std::vector<RedisClient*> agents) {
    const Fleet fleet{options.fleet};
    RedisArgs load{"SCRIPT", "LOAD", std::string{scripts::record}};
    co_await agents.front()->run(std::move(load));
    const auto before = co_await ask(*agents.front());
    Taken taken;
    for (std::int64_t i = 0; i < options.minutes; ++i) {
        auto flushes = fleet.minute(options.first + i);
        co_await run_minute(options, std::move(flushes), agents, taken);
    }
    const auto after = co_await ask(*agents.front());
    const auto cells = static_cast<double>(taken.cells);
    std::puts(fmt::format(R"({{"cells":{},"per_s":{:.0f},"server_cpu_us":{:.4f},"bytes":{:.2f}}})",
                          taken.cells,
                          cells / taken.wall.count(),
                          taken.cpu_us / cells,
                          (after.memory - before.memory) / cells)
                  .c_str());
}

Task<> serve_and_run(const Options& options) {
    const auto executor = co_await asio::this_coro::executor;
    std::vector<std::unique_ptr<RedisClient>> clients;
    std::vector<RedisClient*> agents;
    for (std::uint32_t i = 0; i < options.fleet.regions; ++i) {
        clients.push_back(std::make_unique<RedisClient>(executor, redis_at(options.socket)));
        agents.push_back(clients.back().get());
    }
    auto served = agents;
    std::function<Task<>()> inner = [&] { return run(options, agents); };
    co_await testing::serving(std::move(served), std::move(inner));
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) try {
    quorate::bench::Options options;
    CLI::App app{"Records the cells of a fleet, as its agents do, and says what that cost Redis"};
    app.add_option("--socket", options.socket, "Unix socket of a Redis")->required();
    app.add_flag("--bare", options.bare, "the same calls as ready bytes, pipelined, instead");
    app.add_option("--first", options.first, "number of the first minute");
    app.add_option("--minutes", options.minutes, "how many");
    app.add_option("--endpoints", options.fleet.endpoints, "how many");
    app.add_option("--regions", options.fleet.regions, "how many, at most 255");
    app.add_option("--spread-ms", options.fleet.spread_ms, "mean of how unevenly probes end");
    app.add_option("--details", options.fleet.details, "share of cells with details");
    CLI11_PARSE(app, argc, argv);
    quorate::testing::run_on_executor([&] { return quorate::bench::serve_and_run(options); });
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_distribution_record: %s\n", error.what());
    return 1;
}
