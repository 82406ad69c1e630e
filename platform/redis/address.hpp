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
    bool tls = false;  ///< TCP alone
    friend bool operator==(const RedisAddress&, const RedisAddress&) = default;
};

inline constexpr int kRedisDatabaseMax = 15;

/// What a `redis.url` says.
struct RedisUrl {
    RedisAddress address;
    std::string user;      ///< empty: the user `default`
    std::string password;  ///< empty: no AUTH
};

/// Parses `redis://[USER[:PASSWORD]@]HOST:PORT[/DB]`, the same with `rediss:` (TLS), or
/// `unix:///path`; an IPv6 HOST stands in brackets, USER and PASSWORD are percent-encoded (as in
/// RFC 3986; `:PASSWORD@` alone is the user `default`). Nothing if malformed.
std::optional<RedisUrl> parse_redis_url(std::string_view url);

/// What is wrong with a `redis.url` of a config file, or an empty text; never repeats a password.
std::string redis_url_problem(const std::string& url);

/// The URL with `***` in place of whatever may be a password.
std::string without_password(const std::string& url);

/// Parses `HOST:PORT`, an IPv6 HOST in brackets.
std::optional<RedisAddress> parse_host_port(std::string_view text);

/// `127.0.0.1:6379` or the path of the socket; for logs and errors, and one text per place.
std::string to_text(const RedisAddress& address);

}  // namespace quorate
