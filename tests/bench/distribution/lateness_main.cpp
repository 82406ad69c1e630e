// A coordinator in real time: how late jobs are queued, and what share of a core that takes. One
// object of JSON.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "platform/redis/job_consumer.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"
#include "tests/bench/cpu_time.hpp"
#include "tests/bench/distribution/catalogued.hpp"
#include "tests/bench/distribution/with_redis.hpp"

namespace quorate::bench {
namespace {

using std::chrono::seconds;

constexpr std::size_t kReadAtOnce = 1000;
constexpr seconds kSettle{10};  // after the endpoints came into force: nothing is made up for then

struct Options {
    std::string socket;
    int seconds = 30;
    CatalogueSize size;
};

/// What the agents of all regions see; on a thread of its own.
struct Agents {
    std::atomic<bool> counts{false};
    std::atomic<bool> stop{false};
    std::atomic<bool> ended{false};
    std::vector<double> late_ms;   ///< of each job, against two seconds before its slot
    std::atomic<double> cpu_s{0};  ///< while it counted
    std::exception_ptr failure;
};

/// Takes the jobs of a region as they come, and finishes them.
Task<> consume(JobConsumer& jobs, Agents& agents) {
    while (!agents.stop) {
        const auto deliveries = co_await jobs.read(kReadAtOnce, milliseconds{100});
        std::vector<std::string> entries;
        for (const auto& delivery : deliveries) {
            entries.push_back(delivery.entry);
            if (!agents.counts) continue;
            if (!delivery.job) throw std::runtime_error{"a job can't be read"};
            const auto& job = *delivery.job;
            const auto queued = std::stoll(delivery.entry);  // milliseconds-sequence
            const auto due = job.key.minute.epoch_ms() + job.slot.count() -
                             coordinator::Dispatcher::kAhead.count();
            agents.late_ms.push_back(static_cast<double>(queued - due));
        }
        if (!entries.empty()) co_await jobs.finish(std::move(entries));
    }
}

Task<> run_agents(const Options& options, Agents& agents) {
    const auto executor = co_await asio::this_coro::executor;
    RedisClient client{executor, redis_at(options.socket)};
    std::vector<std::unique_ptr<RedisClient>> blocking;
    std::vector<std::unique_ptr<JobConsumer>> consumers;
    std::vector<RedisClient*> clients{&client};
    TaskGroup consuming{executor, options.size.regions};
    for (const auto& region : region_names(options.size.regions)) {
        blocking.push_back(std::make_unique<RedisClient>(executor, redis_at(options.socket)));
        clients.push_back(blocking.back().get());
        consumers.push_back(
            std::make_unique<JobConsumer>(client, *blocking.back(), region, "bench"));
        consuming.spawn("consume", consume(*consumers.back(), agents));
    }
    std::function<Task<>()> all = [&consuming] { return consuming.join(); };
    co_await testing::serving(std::move(clients), std::move(all));
}

/// Of a thread: it ends when `agents.stop` is set.
void run_agents_here(const Options& options, Agents& agents) {
    asio::io_context io{1};
    asio::co_spawn(
        io, run_agents(options, agents), [&](std::exception_ptr error) { agents.failure = error; });
    double began = 0;
    bool counted = false;
    while (!io.stopped()) {
        io.run_for(milliseconds{20});
        if (agents.counts && !counted) began = cpu_s(CLOCK_THREAD_CPUTIME_ID);
        counted = agents.counts;
        if (counted) agents.cpu_s = cpu_s(CLOCK_THREAD_CPUTIME_ID) - began;
    }
    agents.ended = true;
}

/// The endpoints are in force from the second minute on.
Task<> measure(const Options& options, const Clock& clock, Agents& agents) {
    const auto in_force =
        UtcMinute::containing(clock.utc_now(), Window::minute()).plus(2, Window::minute());
    const auto settled = in_force.start() + kSettle - clock.utc_now();
    co_await sleep_for(std::chrono::ceil<milliseconds>(settled));
    const seconds length{options.seconds};
    agents.counts = true;
    const auto cpu = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
    const auto began = clock.steady_now();
    co_await sleep_for(length);
    const std::chrono::duration<double> wall = clock.steady_now() - began;
    const auto own = cpu_s(CLOCK_PROCESS_CPUTIME_ID) - cpu - agents.cpu_s;
    agents.stop = true;
    while (!agents.ended)
        co_await sleep_for(milliseconds{20});
    auto& late = agents.late_ms;
    if (late.empty()) throw std::runtime_error{"no job came"};
    std::ranges::sort(late);
    std::puts(
        fmt::format(
            R"({{"jobs":{},"per_s":{:.0f},"core_share":{:.4f},"p50_ms":{},"p99_ms":{},"max_ms":{}}})",
            late.size(),
            static_cast<double>(late.size()) / wall.count(),
            own / wall.count(),
            late[late.size() / 2],
            late[late.size() * 99 / 100],
            late.back())
            .c_str());
}

Task<> plan_and_measure(const Options& options,
                        RedisClient& redis,
                        CatalogueServer& server,
                        Agents& agents) {
    const auto executor = co_await asio::this_coro::executor;
    const SystemClock clock;
    PlanningCoordinator coordinator{executor, server, redis, clock};
    std::function<Task<>()> planning = [&]() -> Task<> {
        std::vector<Task<>> services;
        services.push_back(coordinator.dispatcher.run());
        std::function<Task<>()> inner = [&] { return measure(options, clock, agents); };
        co_await testing::beside(std::move(services), std::move(inner));
    };
    co_await coordinator.run(std::move(planning));
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) try {
    quorate::bench::Options options;
    CLI::App app{"Queues the jobs of a fleet in real time, and says how late that is"};
    app.add_option("--socket", options.socket, "Unix socket of a Redis")->required();
    app.add_option("--seconds", options.seconds, "how long");
    app.add_option("--endpoints", options.size.endpoints, "how many");
    app.add_option("--regions", options.size.regions, "how many, at most 255");
    CLI11_PARSE(app, argc, argv);
    const quorate::SystemClock clock;
    quorate::bench::CatalogueServer server{options.size, clock};
    quorate::bench::Agents agents;
    std::thread thread{[&] { quorate::bench::run_agents_here(options, agents); }};
    std::exception_ptr failure;
    try {
        quorate::bench::with_redis(options.socket, [&](quorate::RedisClient& redis) {
            return quorate::bench::plan_and_measure(options, redis, server, agents);
        });
    } catch (...) {
        failure = std::current_exception();
    }
    agents.stop = true;
    thread.join();
    if (!failure) failure = agents.failure;
    if (failure) std::rethrow_exception(failure);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_distribution_lateness: %s\n", error.what());
    return 1;
}
