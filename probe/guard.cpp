#include "probe/guard.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace quorate {
namespace {

namespace ip = boost::asio::ip;

struct V4Range {
    std::uint32_t network;
    unsigned bits;
    AddressKind kind;
};

constexpr std::uint32_t v4(unsigned a, unsigned b, unsigned c, unsigned d) {
    return a << 24U | b << 16U | c << 8U | d;
}

// First match wins, so that single addresses stand before the ranges that hold them.
constexpr std::array kV4Ranges{
    V4Range{v4(169, 254, 169, 254), 32, AddressKind::metadata},
    V4Range{v4(169, 254, 170, 2), 32, AddressKind::metadata},   // Amazon ECS
    V4Range{v4(169, 254, 170, 23), 32, AddressKind::metadata},  // Amazon EKS
    V4Range{v4(100, 100, 100, 200), 32, AddressKind::metadata},
    V4Range{v4(192, 0, 0, 192), 32, AddressKind::metadata},
    V4Range{v4(168, 63, 129, 16), 32, AddressKind::metadata},
    V4Range{v4(0, 0, 0, 0), 8, AddressKind::unusable},
    V4Range{v4(10, 0, 0, 0), 8, AddressKind::private_network},
    V4Range{v4(100, 64, 0, 0), 10, AddressKind::shared_network},
    V4Range{v4(127, 0, 0, 0), 8, AddressKind::loopback},
    V4Range{v4(169, 254, 0, 0), 16, AddressKind::link_local},
    V4Range{v4(172, 16, 0, 0), 12, AddressKind::private_network},
    V4Range{v4(192, 0, 0, 0), 24, AddressKind::unusable},
    V4Range{v4(192, 0, 2, 0), 24, AddressKind::documentation},
    V4Range{v4(192, 88, 99, 0), 24, AddressKind::unusable},
    V4Range{v4(192, 168, 0, 0), 16, AddressKind::private_network},
    V4Range{v4(198, 18, 0, 0), 15, AddressKind::documentation},
    V4Range{v4(198, 51, 100, 0), 24, AddressKind::documentation},
    V4Range{v4(203, 0, 113, 0), 24, AddressKind::documentation},
    V4Range{v4(224, 0, 0, 0), 4, AddressKind::multicast},
    V4Range{v4(240, 0, 0, 0), 4, AddressKind::unusable},
};

AddressKind kind_of_v4(std::uint32_t address) {
    const auto* range = std::find_if(kV4Ranges.begin(), kV4Ranges.end(), [&](const V4Range& row) {
        return (address ^ row.network) >> (32U - row.bits) == 0;
    });
    return range == kV4Ranges.end() ? AddressKind::public_internet : range->kind;
}

using V6Bytes = ip::address_v6::bytes_type;

bool starts_with(const V6Bytes& bytes, std::initializer_list<unsigned> prefix) {
    return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

/// The IPv4 address that stands at `offset`.
std::uint32_t carried_v4(const V6Bytes& bytes, std::size_t offset) {
    return v4(bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]);
}

AddressKind kind_of_v6(const ip::address_v6& address) {
    const auto bytes = address.to_bytes();
    if (address.is_loopback()) return AddressKind::loopback;
    if (address.is_multicast()) return AddressKind::multicast;
    if (starts_with(bytes, {0xFD, 0x00, 0x0E, 0xC2})) return AddressKind::metadata;
    if ((bytes[0] & 0xFEU) == 0xFC) return AddressKind::private_network;
    if (bytes[0] == 0xFE && (bytes[1] & 0xC0U) == 0x80) return AddressKind::link_local;
    if (bytes[0] == 0xFE && (bytes[1] & 0xC0U) == 0xC0) return AddressKind::private_network;
    if (starts_with(bytes, {0x20, 0x01, 0x0D, 0xB8})) return AddressKind::documentation;
    if (starts_with(bytes, {0x3F, 0xFF}) && (bytes[2] & 0xF0U) == 0)
        return AddressKind::documentation;
    if (starts_with(bytes, {0x20, 0x01, 0x00, 0x02, 0, 0})) return AddressKind::documentation;
    // NAT64 is how an IPv6-only agent reaches the public IPv4 internet (RFC 6052).
    if (starts_with(bytes, {0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0}) &&
        kind_of_v4(carried_v4(bytes, 12)) == AddressKind::public_internet)
        return AddressKind::public_internet;
    // v4-mapped, v4-compatible, other NAT64, 6to4, Teredo: no server is known by one of these.
    if (starts_with(bytes, {0, 0, 0, 0, 0, 0, 0, 0}) && !address.is_unspecified())
        return AddressKind::translated;
    if (starts_with(bytes, {0x00, 0x64, 0xFF, 0x9B})) return AddressKind::translated;
    if (starts_with(bytes, {0x20, 0x02}) || starts_with(bytes, {0x20, 0x01, 0, 0}))
        return AddressKind::translated;
    // 2001::/23 is for protocols (ORCHID, AMT, anycast of TURN and PCP): no server lives there.
    if (starts_with(bytes, {0x20, 0x01}) && bytes[2] < 0x02) return AddressKind::unusable;
    // Only 2000::/3 is given out as global unicast.
    return (bytes[0] & 0xE0U) == 0x20 ? AddressKind::public_internet : AddressKind::unusable;
}

}  // namespace

AddressKind kind_of(const ip::address& address) {
    return address.is_v4() ? kind_of_v4(address.to_v4().to_uint()) : kind_of_v6(address.to_v6());
}

std::string_view name_of(AddressKind kind) {
    switch (kind) {
        case AddressKind::public_internet:
            return "public";
        case AddressKind::loopback:
            return "loopback";
        case AddressKind::private_network:
            return "private";
        case AddressKind::shared_network:
            return "carrier-grade NAT";
        case AddressKind::link_local:
            return "link-local";
        case AddressKind::metadata:
            return "cloud metadata";
        case AddressKind::documentation:
            return "documentation or benchmarking";
        case AddressKind::multicast:
            return "multicast";
        case AddressKind::unusable:
            return "reserved";
        case AddressKind::translated:
            return "IPv4 inside IPv6";
    }
    return {};
}

bool may_connect(AddressKind kind, const GuardPolicy& policy, bool loopback_literal) {
    switch (kind) {
        case AddressKind::public_internet:
            return true;
        case AddressKind::loopback:
            return policy.allow_private || (policy.allow_loopback_literal && loopback_literal);
        case AddressKind::private_network:
        case AddressKind::shared_network:
        case AddressKind::link_local:
        case AddressKind::metadata:
        case AddressKind::documentation:
        case AddressKind::translated:
            return policy.allow_private;
        case AddressKind::multicast:
        case AddressKind::unusable:
            return false;
    }
    return false;
}

std::vector<ip::address> permitted(const std::vector<ip::address>& addresses,
                                   const GuardPolicy& policy,
                                   bool loopback_literal) {
    std::vector<ip::address> result;
    std::copy_if(
        addresses.begin(), addresses.end(), std::back_inserter(result), [&](auto& address) {
            return may_connect(kind_of(address), policy, loopback_literal);
        });
    return result;
}

}  // namespace quorate
