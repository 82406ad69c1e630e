#pragma once

#include <functional>
#include <string>

#include "platform/redis/client.hpp"
#include "tests/support/beside.hpp"

namespace quorate::bench {

/// For a Redis on a Unix socket; a busy machine is no failure.
inline RedisClientOptions redis_at(const std::string& socket) {
    RedisClientOptions options;
    options.address.socket_path = socket;
    options.timeout = std::chrono::seconds{60};
    return options;
}

/// Runs `body(client)` to its end on an executor of its own. Throws what it threw.
inline void with_redis(const std::string& socket, const std::function<Task<>(RedisClient&)>& body) {
    testing::run_on_executor([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        RedisClient client{executor, redis_at(socket)};
        std::vector<RedisClient*> clients{&client};
        std::function<Task<>()> inner = [&] { return body(client); };
        co_await testing::serving(std::move(clients), std::move(inner));
    });
}

}  // namespace quorate::bench
