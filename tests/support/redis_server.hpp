#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

#include "platform/redis/address.hpp"

namespace quorate::testing {

/// A port of 127.0.0.1 that nobody listens on now.
std::uint16_t free_port();

/// A private redis-server for tests: its own data in a temporary folder, AOF as in production, a
/// Unix socket or a free TCP port of 127.0.0.1, or as a Sentinel (TCP). It dies with the test and
/// leaves nothing behind.
class RedisServer {
public:
    enum class Listen { unix_socket, tcp, tls, sentinel };

    /// Starts it and waits until it answers, if only that it wants a password. Throws
    /// std::runtime_error with the log's end otherwise.
    /// @param settings further ones, as on its command line: `--requirepass`, `secret`; of a
    ///     sentinel lines of its config file.
    explicit RedisServer(Listen listen = Listen::unix_socket,
                         std::vector<std::string> settings = {});
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    /// For `redis.url`.
    std::string url() const;
    RedisAddress address() const;
    std::uint16_t port() const { return port_; }

    /// Starts it again on the same data and address; returns when it answers.
    void start();
    /// SIGTERM: an orderly end that keeps all data.
    void stop();
    /// kill -9: what was answered is in the AOF, and the rest is gone.
    void kill();
    /// What `start` gives it from now on.
    void set_settings(std::vector<std::string> settings) { settings_ = std::move(settings); }
    /// Likewise, variables of its environment beside ours: `NAME=value`.
    void set_environment(std::vector<std::string> variables) {
        environment_ = std::move(variables);
    }
    /// SIGSTOP and SIGCONT: alive, connected, and silent.
    void pause();
    void resume();

private:
    std::vector<std::string> command_line() const;
    void write_sentinel_config() const;
    void end(int signal);
    bool answers() const;
    Listen listen_;
    std::vector<std::string> settings_;
    std::vector<std::string> environment_;
    std::filesystem::path folder_;
    std::uint16_t port_ = 0;
    pid_t process_ = 0;
};

}  // namespace quorate::testing
