#include "probe/url.hpp"

#include <algorithm>

#include <boost/asio/ip/address.hpp>
#include <boost/url.hpp>

#include "probe/text.hpp"

namespace quorate {
namespace {

namespace urls = boost::urls;

constexpr std::size_t kUrlBytesMax = 8192;
constexpr std::size_t kHostBytesMax = 253;

Failure invalid(std::string detail) {
    return Failure{Phase::config, Reason::config_invalid, std::move(detail)};
}

/// WHATWG's "ends in a number": such a host is an IPv4 address to some resolvers and a name to
/// others. Only the plain dotted form is one to all of them.
bool ends_in_a_number(std::string_view host) {
    if (!host.empty() && host.back() == '.') host.remove_suffix(1);
    const auto last = host.substr(host.rfind('.') + 1);
    if (last.empty()) return false;
    const bool digits =
        std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
    const bool hexadecimal = last.size() >= 2 && last.substr(0, 2) == "0x" &&
                             last.find_first_not_of("0123456789abcdef", 2) == last.npos;
    return digits || hexadecimal;
}

bool is_host_name(std::string_view host) {
    if (host.empty() || host.size() > kHostBytesMax || host.front() == '.') return false;
    return host.find("..") == host.npos && std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    });
}

/// Fills the host's fields; false where it is neither name nor address.
bool read_host(const urls::url_view& url, HttpUrl& result) {
    namespace ip = boost::asio::ip;
    boost::system::error_code error;
    const bool bracketed = url.host_type() == urls::host_type::ipv6;
    result.host = to_lower(bracketed ? std::string_view{url.host_ipv6_address().to_string()}
                                     : std::string_view{url.host()});
    const auto address = ip::make_address(result.host, error);
    result.is_address = !error;
    if (error && (url.host_type() == urls::host_type::ipvfuture ||
                  ends_in_a_number(result.host) || !is_host_name(result.host)))
        return false;
    if (result.is_address) {
        result.host = address.to_string();
        if (address.is_v4() == bracketed) return false;
    }
    result.loopback_literal =
        result.is_address ? address.is_loopback() : result.host == "localhost";
    return true;
}

std::optional<HttpUrl> take_apart(const urls::url_view& url) {
    HttpUrl result;
    const auto scheme = url.scheme_id();
    if (scheme != urls::scheme::http && scheme != urls::scheme::https) return std::nullopt;
    result.tls = scheme == urls::scheme::https;
    const std::uint16_t by_default = result.tls ? 443 : 80;
    if (url.has_port() && !url.port().empty() && url.port_number() == 0) return std::nullopt;
    result.port = url.has_port() && !url.port().empty() ? url.port_number() : by_default;
    if (!read_host(url, result)) return std::nullopt;
    const bool bracketed = result.is_address && result.host.find(':') != std::string::npos;
    result.authority = bracketed ? "[" + result.host + "]" : result.host;
    if (result.port != by_default) result.authority += ":" + std::to_string(result.port);
    result.target = std::string{std::string_view{url.encoded_path()}};
    if (result.target.empty()) result.target = "/";
    if (url.has_query()) result.target.append("?").append(std::string_view{url.encoded_query()});
    result.text = (result.tls ? "https://" : "http://") + result.authority + result.target;
    return result;
}

}  // namespace

Result<HttpUrl> parse_http_url(std::string_view text) {
    if (text.size() > kUrlBytesMax) return invalid("the URL is longer than 8192 bytes");
    const auto parsed = urls::parse_uri(text);
    if (!parsed || !parsed->has_authority() ||
        (parsed->scheme_id() != urls::scheme::http && parsed->scheme_id() != urls::scheme::https))
        return invalid("the URL is not an absolute http or https URL");
    if (parsed->has_userinfo()) return invalid("the URL holds a user name or password");
    if (parsed->has_fragment()) return invalid("the URL holds a fragment");
    auto url = take_apart(*parsed);
    if (!url) return invalid("the URL's host or port is not valid");
    return *std::move(url);
}

std::optional<HttpUrl> resolve_reference(const HttpUrl& base, std::string_view reference) {
    if (reference.empty() || reference.size() > kUrlBytesMax) return std::nullopt;
    const auto from = urls::parse_uri(base.text);
    const auto to = urls::parse_uri_reference(reference);
    if (!from || !to) return std::nullopt;
    urls::url resolved;
    if (!urls::resolve(*from, *to, resolved)) return std::nullopt;
    if (!resolved.has_authority() || resolved.has_userinfo()) return std::nullopt;
    return take_apart(resolved);
}

bool same_origin(const HttpUrl& left, const HttpUrl& right) {
    return left.tls == right.tls && left.host == right.host && left.port == right.port;
}

}  // namespace quorate
