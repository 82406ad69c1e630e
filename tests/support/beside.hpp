#pragma once

#include <exception>
#include <functional>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include "platform/redis/client.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate::testing {

/// Runs `body` on an executor of its own, to its end; what it throws is thrown.
inline void run_on_executor(const std::function<Task<>()>& body) {
    asio::io_context io{1};
    std::exception_ptr failure;
    asio::co_spawn(io, body(), [&failure](std::exception_ptr thrown) { failure = thrown; });
    io.run();
    if (failure) std::rethrow_exception(failure);
}

/// Runs `body` beside the services, which are cancelled when it ends. Throws what it threw.
inline Task<> beside(std::vector<Task<>> services, std::function<Task<>()> body) {
    TaskGroup group{co_await asio::this_coro::executor, services.size()};
    for (auto& service : services)
        group.spawn("service", std::move(service));
    std::exception_ptr failure;
    try {
        co_await body();
    } catch (...) {
        failure = std::current_exception();
    }
    group.cancel();
    co_await group.join();
    if (failure) std::rethrow_exception(failure);
}

/// Runs `body` while `clients` are served.
inline Task<> serving(std::vector<RedisClient*> clients, std::function<Task<>()> body) {
    std::vector<Task<>> services;
    for (auto* client : clients)
        services.push_back(client->serve());
    co_await beside(std::move(services), std::move(body));
}

}  // namespace quorate::testing
