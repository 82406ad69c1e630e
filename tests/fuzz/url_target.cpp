#include <boost/asio/ip/address.hpp>

#include <arpa/inet.h>

#include "core/model/http_url.hpp"
#include "probe/guard.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

namespace ip = boost::asio::ip;

/// Whether some resolver would read `host` as an address without asking DNS: inet_aton takes
/// decimal, octal and hexadecimal numbers of one to four parts.
bool reads_as_address(const std::string& host) {
    in_addr v4{};
    in6_addr v6{};
    return inet_aton(host.c_str(), &v4) != 0 || inet_pton(AF_INET6, host.c_str(), &v6) == 1;
}

void check_host(const HttpUrl& url) {
    require(!url.host.empty(), "a host is empty");
    require(url.host.find_first_of("@/?#[]%\\ ") == std::string::npos, "a host holds a delimiter");
    require(url.is_address == reads_as_address(url.host),
            "the guard and a resolver disagree on whether a host is an address");
    if (!url.is_address) {
        require(!url.loopback_literal || url.host == "localhost", "a name passes for loopback");
        return;
    }
    boost::system::error_code error;
    const auto address = ip::make_address(url.host, error);
    require(!error, "an address cannot be connected to");
    require(address.to_string() == url.host, "an address is not in its canonical form");
    const auto kind = kind_of(address);
    require(!url.loopback_literal || kind == AddressKind::loopback, "not loopback, but said to be");
    if (kind == AddressKind::public_internet)
        require(!address.is_loopback() && !address.is_multicast() && !address.is_unspecified(),
                "the guard calls a private literal public");
}

void check_url(const HttpUrl& url) {
    check_host(url);
    require(url.port != 0, "a port is 0");
    require(url.authority.find_first_of("@/?# ") == std::string::npos, "userinfo got through");
    require(!url.target.empty() && url.target[0] == '/', "a target does not begin with a slash");
    for (const char c : url.text)
        require(c > 0x20 && c < 0x7F, "a byte of a URL could break out of the request line");
    require(url.text.find('#') == std::string::npos, "a fragment got through");
    require(url.text == (url.tls ? "https://" : "http://") + url.authority + url.target,
            "the text is not made of its parts");
    const auto again = parse_http_url(url.text);
    require(again.has_value(), "a URL's own text does not parse: " + url.text);
    require(*again == url, "a URL does not survive its own text: " + url.text);
    require(same_origin(*again, url), "a URL has another origin than itself");
}

void check_reference(const HttpUrl& base, std::string_view reference) {
    const auto resolved = resolve_reference(base, reference);
    if (!resolved) return;
    check_url(*resolved);
    // RFC 3986 section 3.1: without a scheme's colon before any delimiter, and without two slashes
    // in front, a reference stays on its base's origin.
    const auto mark = reference.find_first_of(":/?#");
    const bool has_scheme = mark != reference.npos && reference[mark] == ':';
    if (!has_scheme && reference.substr(0, 2) != "//")
        require(same_origin(base, *resolved), "a relative reference leaves the origin");
    const auto again = resolve_reference(base, resolved->text);
    require(again && *again == *resolved, "a resolved reference resolves to something else");
}

}  // namespace

/// The first line is a URL; the second, where there is one, a reference to resolve against it.
void fuzz_url(std::string_view input) {
    const auto end = input.find('\n');
    const auto url = parse_http_url(input.substr(0, end));
    if (!url) {
        require(url.error().phase == Phase::config && url.error().reason == Reason::config_invalid,
                "a URL is refused for another reason than the configuration's");
        return;
    }
    check_url(*url);
    if (end != input.npos) check_reference(*url, input.substr(end + 1));
}

}  // namespace quorate::fuzz
