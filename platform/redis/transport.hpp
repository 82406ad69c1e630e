#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "platform/redis/options.hpp"
#include "platform/runtime/task.hpp"
#include "platform/tls/tls_client.hpp"

namespace quorate::detail {

/// A byte stream to a Redis, over TCP, TLS or a Unix socket; of this folder alone. One reader and
/// one writer at a time. All functions throw RedisUnavailable or `boost::system::system_error`.
class RedisTransport {
public:
    explicit RedisTransport(asio::any_io_executor executor) : socket_{std::move(executor)} {}

    /// Connects and, where the address says TLS, shakes hands. Nobody may read or write meanwhile.
    Task<> connect(RedisAddress address, RedisTls tls);

    /// At least one byte. @return how many. An end of the stream throws `asio::error::eof`.
    Task<std::size_t> read_some(std::span<char> into);

    /// All of them; they must stay valid until it returns.
    Task<> write(std::string_view bytes);

    bool is_open() const { return socket_.is_open(); }

    /// Who reads and writes fails with `operation_aborted`.
    void close() noexcept;

private:
    Task<> connect_tcp(RedisAddress address);
    Task<> shake_hands(RedisAddress address, RedisTls tls);
    Task<> wait_for(TlsStep step);
    [[noreturn]] void fail(TlsStep step) const;

    asio::generic::stream_protocol::socket socket_;
    std::unique_ptr<TlsClient> tls_;  // lives until the next connect, for who still waits
    std::size_t reads_in_a_row_ = 0;  // that did not have to wait
};

}  // namespace quorate::detail
