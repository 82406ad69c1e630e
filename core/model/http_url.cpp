#include "core/model/http_url.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include <boost/url.hpp>

#include <arpa/inet.h>

#include "core/base/text.hpp"

namespace quorate {
namespace {

namespace urls = boost::urls;

constexpr std::size_t kUrlBytesMax = 8192;
constexpr std::size_t kHostBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;

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
    for (std::size_t at = 0; at < host.size();) {
        const auto end = std::min(host.find('.', at), host.size());
        if (end - at > kLabelBytesMax) return false;  // DNS cannot ask for it
        at = end + 1;
    }
    return host.find("..") == host.npos && std::all_of(host.begin(), host.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                      c == '_';
           });
}

struct Authority {
    std::string_view host;  ///< without brackets
    bool bracketed = false;
    std::string_view port;  ///< empty: none
};

// Boost.URL 1.81 reads `127.0.0.1.example.com` as the host 127.0.0.1 and the path `.example.com`,
// so the authority is taken apart here, and only path and query are left to it.
std::optional<Authority> split_authority(std::string_view text) {
    Authority authority;
    authority.bracketed = !text.empty() && text.front() == '[';
    const auto end = authority.bracketed ? text.find(']') : std::min(text.find(':'), text.size());
    if (end == text.npos) return std::nullopt;
    authority.host = text.substr(authority.bracketed ? 1 : 0, end - (authority.bracketed ? 1 : 0));
    text.remove_prefix(end + (authority.bracketed ? 1 : 0));
    if (text.empty()) return authority;
    if (text.front() != ':') return std::nullopt;
    authority.port = text.substr(1);
    return authority;
}

/// The canonical text of an address of `family` (AF_INET, AF_INET6); nothing where `host` is none.
std::optional<std::string> address_text(int family, const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_pton(family, host.c_str(), bytes.data()) != 1 ||
        inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr)
        return std::nullopt;
    return text.data();
}

/// Fills the host's fields; false where it is neither name nor address.
bool read_host(const Authority& authority, HttpUrl& result) {
    result.host = to_lower(authority.host);
    if (result.host.find('%') != std::string::npos) return false;  // zones and percent-encoding
    const auto address = address_text(authority.bracketed ? AF_INET6 : AF_INET, result.host);
    result.is_address = address.has_value();
    if (address)
        result.host = *address;
    else if (authority.bracketed || ends_in_a_number(result.host) || !is_host_name(result.host))
        return false;
    result.loopback_literal =
        result.host == "127.0.0.1" || result.host == "::1" || result.host == "localhost";
    return true;
}

/// Fills port and authority; false where the port is none.
bool read_port(const Authority& authority, HttpUrl& result) {
    const std::uint16_t by_default = result.tls ? 443 : 80;
    result.port = by_default;
    if (!authority.port.empty()) {
        const auto* end = authority.port.data() + authority.port.size();
        const auto [rest, error] = std::from_chars(authority.port.data(), end, result.port);
        if (error != std::errc{} || rest != end || result.port == 0) return false;
    }
    result.authority = authority.bracketed ? "[" + result.host + "]" : result.host;
    if (result.port != by_default) result.authority += ":" + std::to_string(result.port);
    return true;
}

/// Whether all of `tail` may stand in a path or a query as it is (RFC 3986 sections 3.3 and 3.4).
bool is_plain(std::string_view tail) {
    static constexpr std::string_view kPunctuation = "-._~!$&'()*+,;=:@/?";
    return std::all_of(tail.begin(), tail.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kPunctuation.find(c) != kPunctuation.npos;
    });
}

/// Path and query of `tail`, as they go into a request line; nothing where they are malformed.
std::optional<std::string> target_of(std::string_view tail) {
    // Most are, and a probe reads its URL each time.
    if (is_plain(tail)) return (tail.starts_with('/') ? "" : "/") + std::string{tail};
    const auto text = "http://x" + std::string{tail};
    const auto parsed = urls::parse_uri(text);
    if (!parsed) return std::nullopt;
    std::string target{std::string_view{parsed->encoded_path()}};
    if (target.empty()) target = "/";
    if (parsed->has_query()) target.append("?").append(std::string_view{parsed->encoded_query()});
    return target;
}

void set_target(HttpUrl& url, std::string target) {
    url.target = std::move(target);
    url.text = (url.tls ? "https://" : "http://") + url.authority + url.target;
}

}  // namespace

Result<HttpUrl> parse_http_url(std::string_view text) {
    if (text.size() > kUrlBytesMax) return invalid("the URL must not be longer than 8192 bytes");
    const auto mark = text.find("://");
    const auto scheme = to_lower(text.substr(0, std::min(mark, text.size())));
    if (mark == text.npos || (scheme != "http" && scheme != "https"))
        return invalid("the URL must be an absolute http or https URL");
    if (text.find('#') != text.npos) return invalid("the URL must not have a fragment");
    const auto rest = text.substr(mark + 3);
    const auto end = std::min(rest.find_first_of("/?"), rest.size());
    if (rest.substr(0, end).find('@') != rest.npos)
        return invalid("the URL must not have a user name or password");
    HttpUrl url;
    url.tls = scheme == "https";
    const auto authority = split_authority(rest.substr(0, end));
    if (!authority || !read_host(*authority, url)) return invalid("the URL must have a valid host");
    if (!read_port(*authority, url)) return invalid("the URL must have a port of 1 to 65535");
    auto target = target_of(rest.substr(end));
    if (!target) return invalid("the URL must have a valid path and query");
    set_target(url, *std::move(target));
    return url;
}

std::optional<HttpUrl> resolve_reference(const HttpUrl& base, std::string_view reference) {
    if (reference.empty() || reference.size() > kUrlBytesMax) return std::nullopt;
    const auto to = urls::parse_uri_reference(reference);
    if (!to) return std::nullopt;
    if (to->has_scheme() || to->has_authority()) {
        auto whole = std::string{reference.substr(0, reference.find('#'))};
        if (!to->has_scheme()) whole.insert(0, base.tls ? "https:" : "http:");
        auto url = parse_http_url(whole);
        return url ? std::optional{*std::move(url)} : std::nullopt;
    }
    const auto from_text = "http://x" + base.target;
    const auto from = urls::parse_uri(from_text);
    urls::url resolved;
    if (!from || !urls::resolve(*from, *to, resolved)) return std::nullopt;
    resolved.remove_fragment();
    auto target = target_of(std::string_view{resolved.buffer()}.substr(std::size("http://x") - 1));
    if (!target) return std::nullopt;
    auto url = base;
    set_target(url, *std::move(target));
    return url;
}

bool same_origin(const HttpUrl& left, const HttpUrl& right) {
    return left.tls == right.tls && left.host == right.host && left.port == right.port;
}

}  // namespace quorate
