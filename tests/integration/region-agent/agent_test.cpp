#include "tests/integration/region-agent/agent_test.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "platform/wire/job_codec.hpp"

namespace quorate::testing {

agent::Config agent_config(const RedisServer& server, const std::string& name) {
    agent::Config config;
    config.region = kRegion;
    config.name = name;
    config.redis.url = server.url();
    config.health_port = 0;
    config.allow_private_addresses = true;
    config.log_level = "error";
    return config;
}

UtcMinute test_minute() {
    static const auto minute = UtcMinute::containing(SystemClock{}.utc_now(), Window::minute());
    return minute;
}

Job job_for(std::uint64_t endpoint, const std::string& url, milliseconds ahead) {
    const auto now = SystemClock{}.utc_now();
    Job job;
    job.key = {EndpointId{endpoint}, kRegionId, test_minute()};
    job.id = std::to_string(test_minute().epoch_ms()) + ":" + std::to_string(endpoint) + ":1";
    job.shard = kShard;
    job.tenant = "default";
    job.name = "endpoint-" + std::to_string(endpoint);
    job.region = kRegion;
    // Within the minute, as the codec asks; a test that begins late in it is due at once.
    const auto due = std::chrono::floor<milliseconds>(now + ahead) - test_minute().start();
    job.slot = std::clamp<milliseconds>(due, milliseconds{0}, Window::minute().length());
    job.not_after = now + ahead + std::chrono::minutes{1};
    job.cell_slot = static_cast<std::uint32_t>(endpoint);
    job.expected_cells = 1;
    job.regions_mask.add(kRegionId);
    job.url = url;
    job.timeout = std::chrono::seconds{5};
    job.retry_gap = milliseconds{20};
    job.era = EraMode::legacy;
    return job;
}

Task<> Bench::enqueue(std::vector<Job> jobs) {
    std::vector<RedisArgs> commands;
    commands.push_back({"MULTI"});
    for (const auto& job : jobs)
        commands.push_back({"XADD", keys::jobs(kRegion), "*", "j", wire::encode_job(job)});
    commands.push_back({"EXEC"});
    co_await redis.run_all(std::move(commands));
}

Task<> Bench::hand_out_unseen(std::string agent, Job job) {
    std::vector<RedisArgs> commands;
    commands.push_back({"MULTI"});
    commands.push_back({"XADD", keys::jobs(kRegion), "*", "j", wire::encode_job(job)});
    commands.push_back({"XREADGROUP",
                        "GROUP",
                        std::string{keys::kAgents},
                        std::move(agent),
                        "STREAMS",
                        keys::jobs(kRegion),
                        ">"});
    commands.push_back({"EXEC"});
    const auto replies = co_await redis.run_all(std::move(commands));
    EXPECT_FALSE(replies.back().list().at(1).is_nil());
}

Task<bool> Bench::queue_is_empty() {
    try {
        const auto now = co_await depth();
        co_return now.entries == 0;
    } catch (const RedisUnavailable&) {
        co_return false;
    }
}

Task<std::vector<Cell>> Bench::cells_of(std::uint64_t endpoints) {
    std::vector<CellsQuery> queries;
    for (std::uint64_t endpoint = 1; endpoint <= endpoints; ++endpoint)
        queries.push_back({kShard,
                           test_minute(),
                           EndpointId{endpoint},
                           static_cast<std::uint32_t>(endpoint),
                           {kRegionId}});
    const auto found = co_await cells.read_cells(std::move(queries));
    std::vector<Cell> all;
    for (const auto& one : found) {
        EXPECT_TRUE(one.undecodable.empty());
        all.insert(all.end(), one.cells.begin(), one.cells.end());
    }
    co_return all;
}

Task<std::size_t> Bench::announcements() {
    std::vector<ShardId> shards{kShard};
    std::vector<RegionId> regions{kRegionId};
    const auto batches = co_await cells.read_done(std::move(shards), std::move(regions), 100'000);
    std::size_t count = 0;
    for (const auto& batch : batches)
        for (const auto& run : batch.runs)
            count += run.count;
    co_return count;
}

void on_bench(const RedisClientOptions& options, const std::function<Task<>(Bench&)>& body) {
    run_on_executor([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        Bench bench{executor, options};
        TaskGroup stub{executor, 1};
        stub.spawn("stub", bench.stub.serve());
        std::vector<RedisClient*> clients{&bench.redis};
        std::function<Task<>()> inner = [&] { return body(bench); };
        co_await serving(std::move(clients), std::move(inner));
        stub.cancel();
        bench.stub.go_on();
        bench.stub.stop();
        co_await stub.join();
        co_await bench.stub.join();
    });
}

void on_bench(const RedisServer& server, const std::function<Task<>(Bench&)>& body) {
    on_bench(options_for(server), body);
}

Task<std::string> get(std::uint16_t port, std::string path) {
    asio::ip::tcp::socket socket{co_await asio::this_coro::executor};
    const asio::ip::tcp::endpoint peer{asio::ip::address_v4::loopback(), port};
    co_await socket.async_connect(peer, asio::use_awaitable);
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    std::string answer;
    std::array<char, 4096> part{};
    for (;;) {
        const auto [error, size] = co_await socket.async_read_some(
            asio::buffer(part), asio::as_tuple(asio::use_awaitable));
        if (error) co_return answer;
        answer.append(part.data(), size);
    }
}

}  // namespace quorate::testing
