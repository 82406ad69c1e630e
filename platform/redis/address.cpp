#include "platform/redis/address.hpp"

#include <charconv>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace quorate {

namespace {

constexpr int kDatabaseMax = 15;
constexpr std::size_t kSocketPathMax = 107;  // sun_path without its NUL

std::optional<int> parse_database(std::string_view path) {
    if (path.empty() || path == "/") return 0;
    path.remove_prefix(1);
    int database = 0;
    const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), database);
    if (error != std::errc{} || end != path.data() + path.size()) return std::nullopt;
    if (database < 0 || database > kDatabaseMax) return std::nullopt;
    return database;
}

}  // namespace

std::optional<RedisAddress> parse_redis_url(std::string_view url) {
    constexpr std::string_view kUnix = "unix://";
    RedisAddress address;
    if (url.starts_with(kUnix)) {
        address.socket_path = url.substr(kUnix.size());
        const bool good =
            address.socket_path.starts_with('/') && address.socket_path.size() <= kSocketPathMax;
        return good ? std::optional{address} : std::nullopt;
    }
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed || parsed->scheme() != "redis" || parsed->has_userinfo() || parsed->has_query() ||
        parsed->has_fragment() || parsed->host().empty() || parsed->port_number() == 0)
        return std::nullopt;
    const auto database = parse_database(std::string{parsed->encoded_path()});
    if (!database) return std::nullopt;
    address.host = parsed->host_address();
    address.port = parsed->port_number();
    address.database = *database;
    return address;
}

std::string redis_url_problem(const std::string& url) {
    if (parse_redis_url(url)) return {};
    return "must be redis://HOST:PORT[/DB] or unix:///path (at most 107 bytes), is \"" + url + "\"";
}

std::string to_text(const RedisAddress& address) {
    if (!address.socket_path.empty()) return address.socket_path;
    const bool v6 = address.host.find(':') != std::string::npos;
    return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace quorate
