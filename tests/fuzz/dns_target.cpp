#include <algorithm>
#include <set>

#include "probe/dns_answer.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

using std::chrono::seconds;

DnsAnswer read(std::string_view message, IpFamily family) {
    return read_dns_answer({reinterpret_cast<const unsigned char*>(message.data()), message.size()},
                           family);
}

std::string bytes_of(const boost::asio::ip::address& address) {
    const auto copied = [](const auto& bytes) { return std::string(bytes.begin(), bytes.end()); };
    return address.is_v4() ? copied(address.to_v4().to_bytes())
                           : copied(address.to_v6().to_bytes());
}

std::string number(std::uint32_t value, unsigned bytes) {
    std::string text;
    for (unsigned left = bytes; left > 0; --left)
        text.push_back(static_cast<char>(value >> (8 * (left - 1))));
    return text;
}

/// A message that says the same, written down by RFC 1035.
std::string message_of(const DnsAnswer& answer, IpFamily family) {
    const auto type = number(family == IpFamily::v6 ? 28 : 1, 2);
    const auto count = static_cast<std::uint32_t>(answer.addresses.size());
    auto message = number(0, 2) + number(0x8180, 2) + number(1, 2) + number(count, 2) +
                   number(0, 4) + std::string{"\1a\0", 3} + type + number(1, 2);
    for (const auto& address : answer.addresses) {
        const auto data = bytes_of(address);
        message += number(0xC00C, 2) + type + number(1, 2) +
                   number(static_cast<std::uint32_t>(answer.ttl->count()), 4) +
                   number(static_cast<std::uint32_t>(data.size()), 2) + data;
    }
    return message;
}

void check_addresses(const DnsAnswer& answer, std::string_view message, IpFamily family) {
    require(!answer.addresses.empty(), "addresses, but none");
    require(answer.addresses.size() <= kDnsAddressesMax, "more than 16 addresses are kept");
    require(answer.ttl.has_value(), "addresses without a TTL");
    std::set<boost::asio::ip::address> seen;
    for (const auto& address : answer.addresses) {
        require(address.is_v6() == (family == IpFamily::v6), "an address is of the other family");
        require(message.find(bytes_of(address)) != message.npos,
                "an address stands nowhere in the message");
        require(seen.insert(address).second, "an address is kept twice");
    }
    const auto again = read(message_of(answer, family), family);
    require(again.says == DnsSays::addresses && again.addresses == answer.addresses &&
                again.ttl == answer.ttl,
            "an answer does not survive its own message");
}

}  // namespace

/// A whole message, read for either family.
void fuzz_dns(std::string_view input) {
    const unsigned code = input.size() < 12 ? 2 : static_cast<unsigned char>(input[3]) & 0x0FU;
    for (const auto family : {IpFamily::v4, IpFamily::v6}) {
        const auto answer = read(input, family);
        require((answer.says == DnsSays::no_such_name) == (code == 3),
                "NXDOMAIN, or not, and read as the other");
        if (code != 0 && code != 3)
            require(answer.says == DnsSays::server_failure, "a failure is none");
        require(answer.addresses.empty() || answer.says == DnsSays::addresses,
                "addresses that nobody may believe");
        const std::int64_t ttl = answer.ttl.value_or(seconds{0}).count();
        require(ttl >= 0 && ttl <= 0xFFFFFFFFLL, "a TTL is no number of 32 bits");
        switch (answer.says) {
            case DnsSays::addresses:
                check_addresses(answer, input, family);
                break;
            case DnsSays::server_failure:
                require(!answer.ttl, "a failure may be kept");
                break;
            case DnsSays::no_such_name:
            case DnsSays::no_addresses:
                break;
            case DnsSays::silent:
            case DnsSays::unreachable:
                throw InvariantBroken{"a message that came is none"};
        }
    }
}

}  // namespace quorate::fuzz
