#pragma once

#include <exception>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "core/time/time.hpp"
#include "platform/redis/address.hpp"
#include "platform/runtime/task.hpp"

namespace quorate::detail {

/// The socket of a RedisClient; of this folder alone.
class RedisConnection {
public:
    using Socket = asio::generic::stream_protocol::socket;

    explicit RedisConnection(asio::any_io_executor executor) : socket_{std::move(executor)} {}

    /// Connects, selects the database and has a PING answered, so that a Redis that is still
    /// loading counts as away. Throws RedisUnavailable or `boost::system::system_error`.
    Task<> open(RedisAddress address, milliseconds timeout);

    Socket& socket() { return socket_; }

    /// Closes the socket under whoever reads and writes; they fail, and `why_broken` says `why`.
    void break_off(std::string why);

    /// Why the session ended: what `break_off` was told, else what was thrown.
    std::string why_broken(const std::exception& thrown) const;

    void close() noexcept;

private:
    Task<> connect(RedisAddress address);
    Task<> greet(int database);

    Socket socket_;
    std::string broken_off_;
};

}  // namespace quorate::detail
