#include <algorithm>
#include <array>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "core/model/http_url.hpp"
#include "probe/guard.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

namespace ip = boost::asio::ip;

/// What IANA's registries of special-purpose addresses (RFC 6890) do not call globally reachable,
/// and where clouds hand out credentials.
constexpr std::array kForbiddenV4{"0.0.0.0/8",
                                  "10.0.0.0/8",
                                  "100.64.0.0/10",
                                  "127.0.0.0/8",
                                  "169.254.0.0/16",
                                  "172.16.0.0/12",
                                  "192.0.0.0/24",
                                  "192.0.2.0/24",
                                  "192.168.0.0/16",
                                  "198.18.0.0/15",
                                  "198.51.100.0/24",
                                  "203.0.113.0/24",
                                  "224.0.0.0/4",
                                  "240.0.0.0/4",
                                  "168.63.129.16/32",
                                  "192.88.99.0/24"};
constexpr std::array kForbiddenV6{"::/128",
                                  "::1/128",
                                  "::ffff:0:0/96",
                                  "64:ff9b:1::/48",
                                  "100::/64",
                                  "2001:2::/48",
                                  "2001:db8::/32",
                                  "3fff::/20",
                                  "2001::/32",
                                  "2002::/16",
                                  "fc00::/7",
                                  "fe80::/10",
                                  "fec0::/10",
                                  "ff00::/8",
                                  "5f00::/16",
                                  "::/96"};

bool is_in(const ip::address_v4& address, const ip::network_v4& network) {
    return ip::network_v4{address, network.prefix_length()}.network() == network.network();
}

bool is_in(const ip::address_v6& address, const ip::network_v6& network) {
    return ip::network_v6{address, network.prefix_length()}.network() == network.network();
}

template <class Address, class Rows, class Make>
bool is_in_one_of(const Address& address, const Rows& rows, Make make) {
    return std::any_of(
        rows.begin(), rows.end(), [&](const char* row) { return is_in(address, make(row)); });
}

bool is_forbidden(const ip::address& address) {
    if (address.is_v4())
        return is_in_one_of(address.to_v4(), kForbiddenV4, [](const char* row) {
            return ip::make_network_v4(row);
        });
    const auto v6 = address.to_v6();
    if (is_in(v6, ip::make_network_v6("64:ff9b::/96"))) {
        const auto bytes = v6.to_bytes();
        return is_forbidden(ip::address_v4{{bytes[12], bytes[13], bytes[14], bytes[15]}});
    }
    return is_in_one_of(v6, kForbiddenV6, [](const char* row) { return ip::make_network_v6(row); });
}

void check(const ip::address& address) {
    const auto kind = kind_of(address);
    const bool is_public = kind == AddressKind::public_internet;
    require(!is_public || !is_forbidden(address), "the guard calls public: " + address.to_string());
    require(is_public || is_forbidden(address) || address.is_v6(),
            "the guard forbids what is public: " + address.to_string());
    require(!name_of(kind).empty(), "a kind has no name");

    const GuardPolicy agent{};
    const GuardPolicy one_shot{true, false};
    const GuardPolicy open{true, true};
    for (const bool literal : {false, true}) {
        require(may_connect(kind, agent, literal) == is_public, "an agent leaves the internet");
        require(may_connect(kind, one_shot, literal) ==
                    (is_public || (literal && kind == AddressKind::loopback)),
                "a one-shot probe may go elsewhere than to loopback that the URL names");
        require(!may_connect(kind, agent, literal) || may_connect(kind, open, literal),
                "a wider policy forbids more");
    }
    require(!address.is_multicast() || !may_connect(kind, open, true),
            "a probe may go to multicast");

    // As the host of a URL it is the same address, and so of the same kind.
    const auto text = address.to_string();
    const auto url = parse_http_url(address.is_v6() ? "http://[" + text + "]/" : "http://" + text);
    require(url.has_value() && url->is_address, "an address is no host: " + text);
    require(kind_of(ip::make_address(url->host)) == kind, "the URL changes the kind of " + text);
}

std::vector<ip::address> addresses_of(std::string_view input) {
    std::vector<ip::address> addresses;
    const auto* bytes = reinterpret_cast<const unsigned char*>(input.data());
    if (input.size() == 4) {
        ip::address_v4::bytes_type raw{};
        std::copy_n(bytes, raw.size(), raw.begin());
        addresses.emplace_back(ip::address_v4{raw});
    } else if (input.size() == 16) {
        ip::address_v6::bytes_type raw{};
        std::copy_n(bytes, raw.size(), raw.begin());
        addresses.emplace_back(ip::address_v6{raw});
    }
    while (!input.empty()) {
        const auto line = input.substr(0, input.find('\n'));
        input.remove_prefix(std::min(line.size() + 1, input.size()));
        boost::system::error_code error;
        const auto address = ip::make_address(std::string{line}, error);
        const bool has_zone = line.find('%') != line.npos;  // no URL can name one
        if (!error && !has_zone) addresses.push_back(address);
    }
    return addresses;
}

}  // namespace

/// 4 or 16 bytes are an address in network order; any input is read as text too, an address a line.
void fuzz_guard(std::string_view input) {
    const auto addresses = addresses_of(input);
    for (const auto& address : addresses)
        check(address);
    const auto kept = permitted(addresses, GuardPolicy{}, true);
    auto next = addresses.begin();
    for (const auto& address : kept) {
        require(!is_forbidden(address), "a forbidden address is kept");
        next = std::find(next, addresses.end(), address);
        require(next != addresses.end(), "addresses are kept in another order");
        ++next;
    }
}

}  // namespace quorate::fuzz
