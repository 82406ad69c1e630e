#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quorate {

/// Where a Redis listens: a TCP host and port, or the path of a Unix socket.
struct RedisAddress {
    std::string host;         ///< empty: a Unix socket
    std::uint16_t port = 0;   ///< TCP
    std::string socket_path;  ///< empty: TCP
    int database = 0;
};

/// Parses `redis://HOST:PORT[/DB]` (an IPv6 HOST in brackets) or `unix:///path`; nothing if
/// malformed.
std::optional<RedisAddress> parse_redis_url(std::string_view url);

/// What is wrong with a `redis.url` of a config file, or an empty text; for `KeyBuilder::check`.
std::string redis_url_problem(const std::string& url);

/// `127.0.0.1:6379` or the path of the socket; for logs and errors.
std::string to_text(const RedisAddress& address);

}  // namespace quorate
