#pragma once

#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "core/time/time.hpp"
#include "platform/redis/args.hpp"
#include "platform/redis/options.hpp"
#include "platform/redis/reply.hpp"
#include "platform/redis/transport.hpp"
#include "platform/runtime/task.hpp"

namespace quorate::detail {

/// What a connection needs beside the address.
struct RedisGreeting {
    RedisLogin login;
    RedisTls tls;
    bool must_be_master = false;  ///< ask ROLE, and take nothing but a master
    milliseconds timeout{2000};   ///< until it has answered
};

/// A connection that is fit for commands; of this folder alone.
class RedisConnection {
public:
    explicit RedisConnection(asio::any_io_executor executor) : transport_{std::move(executor)} {}

    /// Connects, logs in, selects the database and has a PING answered, so that a Redis that is
    /// still loading counts as away. Throws RedisUnavailable or `boost::system::system_error`.
    Task<> open(RedisAddress address, RedisGreeting greeting);

    /// Sends the commands and reads their replies, on a connection that nobody else uses. Throws as
    /// `open`; errors of the server stay in their replies.
    Task<std::vector<RedisReply>> ask(std::vector<RedisArgs> commands);

    Task<std::size_t> read_some(std::span<char> into) { return transport_.read_some(into); }
    Task<> write(std::string_view bytes) { return transport_.write(bytes); }

    /// Closes the socket under whoever reads and writes; they fail, and `why_broken` says `why`.
    void break_off(std::string why);

    /// Why the session ended: what `break_off` was told, else what was thrown.
    std::string why_broken(const std::exception& thrown) const;

    void close() noexcept { transport_.close(); }

private:
    Task<> greet(RedisAddress address, RedisGreeting greeting);

    RedisTransport transport_;
    std::string broken_off_;
};

/// Connects, asks one thing, and closes. Throws RedisUnavailable, also for an error of the server.
Task<RedisReply> ask_once(RedisAddress address, RedisGreeting greeting, RedisArgs command);

/// One line about what was thrown; never a secret.
std::string why(const std::exception& thrown);

}  // namespace quorate::detail
