// Jobs planned and queued by the dispatcher, against bare pipelined XADDs of the same bytes: a line
// of JSON each round.
#include <cstdio>
#include <exception>
#include <string>

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "platform/redis/keys.hpp"
#include "tests/bench/cpu_time.hpp"
#include "tests/bench/distribution/bare_client.hpp"
#include "tests/bench/distribution/catalogued.hpp"
#include "tests/bench/distribution/with_redis.hpp"

namespace quorate::bench {
namespace {

using std::chrono::seconds;

constexpr std::size_t kTogether =
    400;  // commands of a bare write: as many as the dispatcher's call
constexpr std::size_t kReadAtOnce = 10'000;
// Slots lie in the first 42 s of a window at the default timeout: a span of a round is full of
// them.
constexpr seconds kSpan{20};

struct Options {
    std::string socket;
    int rounds = 5;
    CatalogueSize size;
};

/// Takes everything out of the queues: the bytes of the jobs, a list per region.
Task<std::vector<std::vector<std::string>>> take_all(RedisClient& redis, std::size_t regions) {
    std::vector<std::vector<std::string>> taken;
    for (const auto& region : region_names(regions)) {
        auto& jobs = taken.emplace_back();
        std::string after = "-";
        for (;;) {
            RedisArgs command{
                "XRANGE", keys::jobs(region), after, "+", "COUNT", std::to_string(kReadAtOnce)};
            const auto reply = co_await redis.run(std::move(command));
            for (const auto& entry : reply.list()) {
                jobs.push_back(entry.list().at(1).list().at(1).text());
                after = "(" + entry.list().at(0).text();
            }
            if (reply.list().size() < kReadAtOnce) break;
        }
        RedisArgs drop{"DEL", keys::jobs(region)};
        co_await redis.run(std::move(drop));
    }
    co_return taken;
}

std::vector<ReadyWrite> bare_writes(const std::vector<std::vector<std::string>>& jobs,
                                    std::size_t regions) {
    std::vector<ReadyWrite> writes;
    const auto names = region_names(regions);
    for (std::size_t region = 0; region < regions; ++region) {
        const auto key = keys::jobs(names[region]);
        for (std::size_t i = 0; i < jobs[region].size(); ++i) {
            if (i % kTogether == 0) writes.emplace_back();
            writes.back().add({"XADD", key, "*", "j", jobs[region][i]});
        }
    }
    return writes;
}

Task<> measure(const Options& options,
               RedisClient& redis,
               MovedClock& clock,
               CatalogueServer& server) {
    const auto executor = co_await asio::this_coro::executor;
    const SystemClock wall;
    PlanningCoordinator coordinator{executor, server, redis, clock};
    const auto plan_until = [&](UtcTime time) -> Task<> {
        clock.now = time;
        coordinator.catalogue.no_change_before(time);
        co_await coordinator.dispatcher.tick();
    };
    std::function<Task<>()> rounds = [&]() -> Task<> {
        // The endpoints are in force two minutes later; the first tick sorts their slots.
        const auto first = clock.now + seconds{120} - coordinator::Dispatcher::kAhead;
        for (int round = 0; round < options.rounds; ++round) {
            co_await plan_until(first + round * seconds{60});
            co_await take_all(redis, options.size.regions);
            const auto cpu = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
            const auto began = wall.steady_now();
            co_await plan_until(first + round * seconds{60} + kSpan);
            const std::chrono::duration<double> ours = wall.steady_now() - began;
            const auto ours_cpu = cpu_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
            const auto jobs = co_await take_all(redis, options.size.regions);
            std::size_t count = 0;
            for (const auto& of_region : jobs)
                count += of_region.size();
            if (count == 0) throw std::runtime_error{"nothing was planned"};
            const auto writes = bare_writes(jobs, options.size.regions);
            const auto bare_began = wall.steady_now();
            write_bare(options.socket, writes);
            const std::chrono::duration<double> bare = wall.steady_now() - bare_began;
            co_await take_all(redis, options.size.regions);
            const auto n = static_cast<double>(count);
            std::puts(
                fmt::format(R"({{"jobs":{},"per_s":{:.0f},"bare_per_s":{:.0f},"cpu_us":{:.3f}}})",
                            count,
                            n / ours.count(),
                            n / bare.count(),
                            ours_cpu / n * 1e6)
                    .c_str());
        }
    };
    co_await coordinator.run(std::move(rounds));
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) try {
    quorate::bench::Options options;
    CLI::App app{"Plans and queues the jobs of a fleet, and says how that compares to bare XADDs"};
    app.add_option("--socket", options.socket, "Unix socket of a Redis")->required();
    app.add_option("--rounds", options.rounds, "how many");
    app.add_option("--endpoints", options.size.endpoints, "how many");
    app.add_option("--regions", options.size.regions, "how many, at most 255");
    CLI11_PARSE(app, argc, argv);
    quorate::bench::MovedClock clock;
    quorate::bench::CatalogueServer server{options.size, clock};
    quorate::bench::with_redis(options.socket, [&](quorate::RedisClient& redis) {
        return quorate::bench::measure(options, redis, clock, server);
    });
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_distribution_plan: %s\n", error.what());
    return 1;
}
