#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "core/time/time.hpp"
#include "platform/redis/address.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

/// One command as a list of arguments, each any bytes: `{"SET", key, value}`. Never a format
/// string.
using RedisArgs = std::vector<std::string>;

struct RedisClientOptions {
    RedisAddress address;
    milliseconds timeout{2000};          ///< of a command that names none, from `run` to the reply
    milliseconds connect_timeout{2000};  ///< of the connection with its first PING
    milliseconds backoff_first{50};      ///< before the second try to connect; doubles, jittered
    milliseconds backoff_longest{2000};
    std::size_t commands_max = 20'000;   ///< queued or under way; above it RedisUnavailable
    std::size_t bytes_max = 64U << 20U;  ///< of queued commands; above it RedisUnavailable
    std::uint64_t seed = 0;              ///< of the jitter; 0: taken from the system
};

/// One connection to one Redis, shared by any number of coroutines; commands are pipelined in the
/// order of the calls. A read that blocks on the server (XREADGROUP BLOCK) holds up everything
/// behind it, so it needs a client of its own.
///
/// While Redis is away `serve` tries again and again with a jittered, growing wait. Commands given
/// meanwhile wait for their own timeout, in a queue of `commands_max` and `bytes_max`; above either
/// they fail at once. A command under way when the connection breaks fails and is never sent again:
/// its caller knows whether it may run twice. A reply that does not come in time breaks the
/// connection, for the replies behind it cannot come either.
///
/// All members are called on the client's executor, which must be single-threaded or a strand.
class RedisClient {
public:
    /// Connects to nothing yet: `serve` does.
    RedisClient(asio::any_io_executor executor, RedisClientOptions options);
    ~RedisClient();
    RedisClient(const RedisClient&) = delete;
    RedisClient& operator=(const RedisClient&) = delete;

    /// Keeps the connection, until cancelled; then fails what is waiting with RedisUnavailable and
    /// throws `operation_aborted`. Call once, before or after the first command.
    Task<> serve();

    /// Runs one command. @return its reply, never an error: those throw RedisError.
    /// Throws RedisUnavailable (see there). Cancelled: throws `boost::system::system_error` with
    /// `operation_aborted`; a command already sent runs nevertheless.
    Task<RedisReply> run(RedisArgs command);
    /// As above, with a timeout of its own: a command that blocks for its BLOCK plus the usual.
    Task<RedisReply> run(RedisArgs command, milliseconds timeout);

    /// Runs all commands in one write and waits for all replies, in order. Not a transaction.
    /// Throws RedisError for the first that failed, after all were answered; otherwise as `run`.
    Task<std::vector<RedisReply>> run_all(std::vector<RedisArgs> commands);

    /// As `run_all`, but errors of the server stay in their replies: look with `RedisReply::error`.
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands);
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands, milliseconds timeout);

    /// True while connected.
    bool reachable() const;

    /// Called on each change: `reachable`, and why not as one line without secrets. The first call
    /// comes with the first success or failure. Must not throw; runs inside `serve`.
    void on_change(std::function<void(bool reachable, const std::string& why)> callback);

    /// Commands queued or under way; for a gauge.
    std::size_t waiting() const;

private:
    struct State;
    struct Loops;
    std::shared_ptr<State> state_;
};

}  // namespace quorate
