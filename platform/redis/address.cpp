#include "platform/redis/address.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "platform/redis/convert.hpp"

namespace quorate {

namespace {

constexpr std::size_t kSocketPathMax = 107;  // sun_path without its NUL
constexpr std::string_view kUnix = "unix://";

std::optional<int> parse_database(std::string_view path) {
    if (path.empty() || path == "/") return 0;
    path.remove_prefix(1);
    const auto database = detail::parse_number<int>(path);
    if (!database || *database < 0 || *database > kRedisDatabaseMax) return std::nullopt;
    return database;
}

std::optional<RedisUrl> parse_socket(std::string_view path) {
    if (!path.starts_with('/') || path.size() > kSocketPathMax) return std::nullopt;
    RedisUrl url;
    url.address.socket_path = path;
    return url;
}

}  // namespace

std::optional<RedisUrl> parse_redis_url(std::string_view text) {
    if (text.starts_with(kUnix)) return parse_socket(text.substr(kUnix.size()));
    const auto parsed = boost::urls::parse_uri(text);
    if (!parsed) return std::nullopt;
    const bool tls = parsed->scheme() == "rediss";
    if ((parsed->scheme() != "redis" && !tls) || parsed->has_query() || parsed->has_fragment() ||
        parsed->host().empty() || parsed->port_number() == 0)
        return std::nullopt;
    const auto database = parse_database(std::string{parsed->encoded_path()});
    if (!database) return std::nullopt;
    RedisUrl url;
    url.address.host = parsed->host_address();
    url.address.port = parsed->port_number();
    url.address.database = *database;
    url.address.tls = tls;
    url.user = parsed->user();
    url.password = parsed->password();
    if (parsed->has_password() && url.password.empty()) return std::nullopt;
    return url;
}

std::string redis_url_problem(const std::string& url) {
    if (parse_redis_url(url)) return {};
    return "must be redis://[USER[:PASSWORD]@]HOST:PORT[/DB], rediss://… (TLS) or unix:///path (at "
           "most 107 bytes), is \"" +
           without_password(url) + "\"";
}

std::string without_password(const std::string& url) {
    // Also of what is no URL: a password may hold a raw `@` or `/`, so up to the last `@`.
    const auto at = url.rfind('@');
    if (at == std::string::npos) return url;
    const auto scheme = url.find("://");
    const auto user = scheme == std::string::npos || scheme > at ? 0 : scheme + 3;
    const auto colon = url.find(':', user);
    if (colon == std::string::npos || colon > at) return url;
    return url.substr(0, colon + 1) + "***" + url.substr(at);
}

std::optional<RedisAddress> parse_host_port(std::string_view text) {
    if (text.find_first_of("/@?#") != std::string_view::npos) return std::nullopt;
    const auto url = parse_redis_url("redis://" + std::string{text});
    if (!url) return std::nullopt;
    return url->address;
}

std::string to_text(const RedisAddress& address) {
    if (!address.socket_path.empty()) return address.socket_path;
    const bool v6 = address.host.find(':') != std::string::npos;
    return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace quorate
