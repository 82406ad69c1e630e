#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/redis/with_client.hpp"

namespace quorate::testing {

/// A served client that remembers why it is not reachable, whatever it was told last.
struct WatchedClient {
    WatchedClient(asio::any_io_executor executor, RedisClientOptions options)
        : client{std::move(executor), std::move(options)} {
        client.on_change([this](bool reachable, const std::string& reason) {
            if (reachable) ++connects;
            if (!reachable) why = reason;
        });
    }
    RedisClient client;
    std::string why;
    int connects = 0;
};

/// Runs `body(watched)` with one served client of these options.
inline void with_watched(const RedisClientOptions& options,
                         const std::function<Task<>(WatchedClient&)>& body) {
    run_on_executor([&]() -> Task<> {
        WatchedClient watched{co_await asio::this_coro::executor, options};
        std::vector<RedisClient*> clients{&watched.client};
        std::function<Task<>()> inner = [&] { return body(watched); };
        co_await serving(std::move(clients), std::move(inner));
    });
}

/// Why a client of these options can't reach its server.
inline std::string why_unreachable(const RedisClientOptions& options) {
    std::string why;
    with_watched(options, [&](WatchedClient& watched) -> Task<> {
        const auto told = [&]() -> Task<bool> { co_return !watched.why.empty(); };
        EXPECT_TRUE(co_await eventually(told));
        EXPECT_EQ(watched.connects, 0);
        why = watched.why;
    });
    return why;
}

/// Runs one command; its text.
inline Task<std::string> ask(RedisClient& client, RedisArgs command) {
    const auto reply = co_await client.run(std::move(command));
    co_return reply.text();
}

/// The code of the RedisError that the command ends with; empty if with none.
inline Task<std::string> refusal_of(RedisClient& client, RedisArgs command) {
    try {
        co_await client.run(std::move(command));
    } catch (const RedisError& error) {
        co_return error.code();
    }
    co_return "";
}

/// Why a PING is not answered within a moment; empty if it is.
inline Task<std::string> why_unavailable(RedisClient& client) {
    RedisArgs ping{"PING"};
    try {
        co_await client.run(std::move(ping), milliseconds{50});
    } catch (const RedisUnavailable& error) {
        co_return error.what();
    }
    co_return "";
}

/// Whether a PING is answered.
inline Task<bool> is_answering(RedisClient& client) {
    RedisArgs ping{"PING"};
    try {
        co_await client.run(std::move(ping), milliseconds{500});
        co_return true;
    } catch (const RedisUnavailable&) {
        co_return false;
    }
}

}  // namespace quorate::testing
