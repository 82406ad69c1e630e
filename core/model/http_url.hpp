#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/failure.hpp"

namespace quorate {

/// An absolute http(s) URL, taken apart for a client.
struct HttpUrl {
    bool tls = false;
    std::string host;  ///< lower case, without brackets
    std::uint16_t port = 0;
    std::string authority;  ///< what goes into `Host`: the host, and the port unless it is default
    std::string target;     ///< path and query, what goes into the request line
    bool is_address = false;        ///< the host is an IP address, in brackets for IPv6
    bool loopback_literal = false;  ///< 127.0.0.1, [::1] or localhost, literally
    std::string text;               ///< the whole URL, as in reports

    friend bool operator==(const HttpUrl&, const HttpUrl&) = default;
};

/// Reads a URL that an owner wrote.
/// @return the URL; or `config_invalid` where it is not absolute http(s), holds userinfo or a
///     fragment, or where its host reads as a number that is no dotted IPv4 address (`0177.0.0.1`,
///     `2130706433`, `0x7f.1`), which resolvers disagree about.
Result<HttpUrl> parse_http_url(std::string_view text);

/// Resolves what a server gave as reference (`Location`, the endpoint event) against `base`
/// (RFC 3986 section 5), its fragment dropped; nothing where the result is no http(s) URL.
std::optional<HttpUrl> resolve_reference(const HttpUrl& base, std::string_view reference);

/// Same scheme, host and port (RFC 6454).
bool same_origin(const HttpUrl& left, const HttpUrl& right);

}  // namespace quorate
