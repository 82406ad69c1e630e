// Fills a region's queue with jobs that nobody has to look for: what an agent does but the probe.
#include <cstdio>
#include <exception>
#include <string>

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "platform/redis/keys.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/wire/job_codec.hpp"
#include "tests/bench/distribution/with_redis.hpp"

namespace quorate::bench {
namespace {

constexpr std::size_t kTogether = 1000;

struct Options {
    std::string socket;
    std::string region;
    std::size_t jobs = 200'000;
};

/// Held back for its origin: the agent makes a cell of it without a look.
Job job(std::size_t number, const std::string& region, UtcTime now) {
    Job job;
    job.key.endpoint = EndpointId{number + 1};
    job.key.region = RegionId{1};
    job.key.minute = UtcMinute::containing(now, Window::minute());
    job.region = region;
    job.tenant = "default";
    job.name = fmt::format("endpoint-{}", number);
    job.url = fmt::format("https://mcp-{}.example.com/mcp", number);
    job.id = job_id(job.key, region);
    job.shard = ShardId{number % 64};
    job.cell_slot = static_cast<std::uint32_t>(number / 64);
    job.regions_mask.add(RegionId{1});
    job.expected_cells = 1;
    job.timeout = milliseconds{8000};
    job.retry_gap = milliseconds{2000};
    job.not_after = now + std::chrono::hours{1};
    job.held_back = HeldBack::origin;
    return job;
}

Task<> fill(const Options& options, RedisClient& redis) {
    const SystemClock clock;
    for (std::size_t first = 0; first < options.jobs; first += kTogether) {
        std::vector<RedisArgs> commands;
        for (auto i = first; i < std::min(options.jobs, first + kTogether); ++i)
            commands.push_back({"XADD",
                                keys::jobs(options.region),
                                "*",
                                "j",
                                wire::encode_job(job(i, options.region, clock.utc_now()))});
        co_await redis.run_all(std::move(commands));
    }
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) try {
    quorate::bench::Options options;
    CLI::App app{"Fills a region's queue with jobs that need no probe"};
    app.add_option("--socket", options.socket, "Unix socket of a Redis")->required();
    app.add_option("--region", options.region, "its name")->required();
    app.add_option("--jobs", options.jobs, "how many");
    CLI11_PARSE(app, argc, argv);
    quorate::bench::with_redis(options.socket, [&](quorate::RedisClient& redis) {
        return quorate::bench::fill(options, redis);
    });
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_distribution_feed: %s\n", error.what());
    return 1;
}
