#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <sys/types.h>

#include "platform/redis/address.hpp"

namespace quorate::testing {

/// A private redis-server for tests: its own data in a temporary folder, AOF as in production, a
/// Unix socket or a free TCP port of 127.0.0.1. It dies with the test and leaves nothing behind.
class RedisServer {
public:
    enum class Listen { unix_socket, tcp };

    /// Starts it and waits until it answers. Throws std::runtime_error with the log's end
    /// otherwise.
    explicit RedisServer(Listen listen = Listen::unix_socket);
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    /// For `redis.url`.
    std::string url() const;
    RedisAddress address() const;

    /// Starts it again on the same data and address; returns when it answers.
    void start();
    /// SIGTERM: an orderly end that keeps all data.
    void stop();
    /// kill -9: what was answered is in the AOF, and the rest is gone.
    void kill();
    /// SIGSTOP and SIGCONT: alive, connected, and silent.
    void pause();
    void resume();

private:
    void end(int signal);
    bool answers() const;
    std::filesystem::path folder_;
    std::uint16_t port_ = 0;
    pid_t process_ = 0;
};

}  // namespace quorate::testing
