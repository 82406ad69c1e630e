#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "platform/redis/client.hpp"
#include "platform/redis/job_queue.hpp"
#include "platform/redis/keys.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/wire/job_codec.hpp"
#include "tests/support/beside.hpp"
#ifdef QUORATE_ON_MODEL_REDIS
#include "tests/simulation/model_server.hpp"
#else
#include "tests/support/redis_server.hpp"
#endif

namespace quorate::testing {

#ifndef QUORATE_ON_MODEL_REDIS
inline RedisClientOptions options_for(const RedisServer& server) {
    RedisClientOptions options;
    options.address = server.address();
    options.timeout = std::chrono::seconds{10};  // a busy machine is no failure
    options.backoff_first = milliseconds{5};
    options.backoff_longest = milliseconds{50};
    return options;
}

/// Runs `body(client, blocking)` with two served clients of `server`.
inline void with_clients(const RedisServer& server,
                         const std::function<Task<>(RedisClient&, RedisClient&)>& body) {
    run_on_executor([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        RedisClient client{executor, options_for(server)};
        RedisClient blocking{executor, options_for(server)};
        std::vector<RedisClient*> clients{&client, &blocking};
        std::function<Task<>()> inner = [&] { return body(client, blocking); };
        co_await serving(std::move(clients), std::move(inner));
    });
}

#endif

inline void with_client(const RedisServer& server,
                        const std::function<Task<>(RedisClient&)>& body) {
    with_clients(server, [&](RedisClient& client, RedisClient&) { return body(client); });
}

/// Adds jobs to the region's stream, as a planner does.
inline Task<> put_jobs(RedisClient& client, std::string region, std::vector<Job> jobs) {
    std::vector<RedisArgs> commands;
    for (const auto& job : jobs)
        commands.push_back({"XADD", keys::jobs(region), "*", "j", wire::encode_job(job)});
    co_await client.run_all(std::move(commands));
}

/// How much stands in the region's queue of jobs.
inline Task<QueueDepth> depth_of(RedisClient& client, std::string region) {
    std::vector<std::string> regions;
    regions.push_back(std::move(region));
    const auto queues = co_await read_queues(client, std::move(regions));
    co_return queues.front().depth;
}

/// The consumers that Redis knows of the region's group, by name.
inline Task<std::vector<std::string>> consumers_of(RedisClient& client, std::string region) {
    RedisArgs command{"XINFO", "CONSUMERS", keys::jobs(region), std::string{keys::kAgents}};
    const auto reply = co_await client.run(std::move(command));
    std::vector<std::string> names;
    for (const auto& consumer : reply.list())
        names.push_back(consumer.list().at(1).text());
    std::ranges::sort(names);
    co_return names;
}

/// A number of Redis's own statistics. @param name what stands before it, such as
///     `errorstat_NOPERM:count=` in section `errorstats`. @return 0 where Redis does not have it
inline Task<int> statistic(RedisClient& client, std::string section, std::string name) {
    RedisArgs info{"INFO", std::move(section)};
    const auto reply = co_await client.run(std::move(info));
    const auto at = reply.text().find(name);
    co_return at == std::string::npos ? 0 : std::stoi(reply.text().substr(at + name.size()));
}

/// Looks every few milliseconds until `holds` or `patience` is over. @return whether it held.
template <class Holds>
Task<bool> eventually(const Holds& holds,
                      std::chrono::seconds patience = std::chrono::seconds{20}) {
    const auto give_up = SystemClock{}.steady_now() + patience;
    while (SystemClock{}.steady_now() < give_up) {
        const bool now = co_await holds();
        if (now) co_return true;
        co_await sleep_for(milliseconds{5});
    }
    co_return false;
}

}  // namespace quorate::testing
