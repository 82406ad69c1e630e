#include "probe/dns_answer.hpp"

#include <algorithm>
#include <array>

#include <ares.h>
#include <netdb.h>

namespace quorate {
namespace {

namespace ip = boost::asio::ip;
using Message = std::span<const unsigned char>;
using std::chrono::seconds;

constexpr std::size_t kHeaderBytes = 12;
constexpr unsigned kTypeSoa = 6;
/// Records read of one answer; more are dropped. c-ares wants room before it knows their number.
constexpr std::size_t kRecordsMax = 64;

unsigned number_at(Message message, std::size_t at) {
    return static_cast<unsigned>(message[at]) << 8U | message[at + 1];
}

std::uint32_t long_at(Message message, std::size_t at) {
    return static_cast<std::uint32_t>(number_at(message, at)) << 16U | number_at(message, at + 2);
}

/// The offset behind the name at `at`; nothing where it runs out of the message.
std::optional<std::size_t> behind_name(Message message, std::size_t at) {
    while (at < message.size()) {
        const unsigned length = message[at];
        if (length >= 0xC0U) return at + 2;  // a pointer ends the name
        if (length == 0) return at + 1;
        at += length + 1;
    }
    return std::nullopt;
}

/// TTL of a negative answer: the lesser of the SOA's own and its minimum (RFC 2308 section 5).
/// c-ares reads a SOA only where it was asked for, not from the authority section.
std::optional<seconds> negative_ttl(Message message) {
    const unsigned questions = number_at(message, 4);
    const unsigned records = number_at(message, 6) + number_at(message, 8);  // answer, authority
    std::size_t at = kHeaderBytes;
    for (unsigned i = 0; i < questions; ++i) {
        const auto end = behind_name(message, at);
        if (!end) return std::nullopt;
        at = *end + 4;
    }
    for (unsigned i = 0; i < records; ++i) {
        const auto fixed = behind_name(message, at);
        if (!fixed || *fixed + 10 > message.size()) return std::nullopt;
        const std::size_t data = *fixed + 10;
        const std::size_t size = number_at(message, *fixed + 8);
        if (data + size > message.size()) return std::nullopt;
        if (number_at(message, *fixed) == kTypeSoa && size >= 4) {
            const auto ttl = long_at(message, *fixed + 4);
            return seconds{std::min(ttl, long_at(message, data + size - 4))};
        }
        at = data + size;
    }
    return std::nullopt;
}

struct Record {
    ip::address address;
    int ttl;
};

std::pair<int, std::vector<Record>> read_v4(Message message) {
    std::array<ares_addrttl, kRecordsMax> raw{};
    int count = static_cast<int>(raw.size());
    const int status = ares_parse_a_reply(
        message.data(), static_cast<int>(message.size()), nullptr, raw.data(), &count);
    std::vector<Record> records;
    for (int i = 0; status == ARES_SUCCESS && i < count; ++i)
        records.push_back({ip::address_v4{ntohl(raw[i].ipaddr.s_addr)}, raw[i].ttl});
    return {status, std::move(records)};
}

std::pair<int, std::vector<Record>> read_v6(Message message) {
    std::array<ares_addr6ttl, kRecordsMax> raw{};
    int count = static_cast<int>(raw.size());
    const int status = ares_parse_aaaa_reply(
        message.data(), static_cast<int>(message.size()), nullptr, raw.data(), &count);
    std::vector<Record> records;
    for (int i = 0; status == ARES_SUCCESS && i < count; ++i) {
        ip::address_v6::bytes_type bytes{};
        std::copy(std::begin(raw[i].ip6addr._S6_un._S6_u8),
                  std::end(raw[i].ip6addr._S6_un._S6_u8),
                  bytes.begin());
        records.push_back({ip::address_v6{bytes}, raw[i].ttl});
    }
    return {status, std::move(records)};
}

}  // namespace

DnsAnswer read_dns_answer(Message message, IpFamily family) {
    constexpr unsigned kNoError = 0;
    constexpr unsigned kNxDomain = 3;
    DnsAnswer answer;
    answer.says = DnsSays::server_failure;
    if (message.size() < kHeaderBytes) return answer;
    const unsigned rcode = message[3] & 0x0FU;
    if (rcode == kNxDomain) {
        answer.says = DnsSays::no_such_name;
        answer.ttl = negative_ttl(message);
        return answer;
    }
    if (rcode != kNoError) return answer;
    const auto [status, records] = family == IpFamily::v6 ? read_v6(message) : read_v4(message);
    // No record of the family, which a CNAME that leads nowhere is too.
    if (status == ARES_ENODATA || (status == ARES_SUCCESS && records.empty())) {
        answer.says = DnsSays::no_addresses;
        answer.ttl = negative_ttl(message);
        return answer;
    }
    if (status != ARES_SUCCESS) return answer;
    answer.says = DnsSays::addresses;
    for (const auto& [address, ttl] : records) {
        const seconds lifetime{std::max(ttl, 0)};
        answer.ttl = std::min(answer.ttl.value_or(lifetime), lifetime);
        if (answer.addresses.size() < kDnsAddressesMax &&
            std::find(answer.addresses.begin(), answer.addresses.end(), address) ==
                answer.addresses.end())
            answer.addresses.push_back(address);
    }
    return answer;
}

}  // namespace quorate
