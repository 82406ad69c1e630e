#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "probe/request.hpp"

namespace quorate {

/// What an address is for, as far as a probe may or may not go there.
enum class AddressKind : std::uint8_t {
    public_internet,
    loopback,
    private_network,  ///< RFC 1918, ULA, site-local
    shared_network,   ///< CGNAT, RFC 6598
    link_local,
    metadata,       ///< where clouds hand out credentials of the machine
    documentation,  ///< also benchmarking
    multicast,
    unusable,    ///< unspecified, broadcast, reserved
    translated,  ///< v4-mapped, 6to4, Teredo, NAT64 to anything but the public internet
};

/// Sorts an address by the special-purpose registries of IANA (RFC 6890) and, for IPv6 that carries
/// IPv4, by what it carries.
AddressKind kind_of(const boost::asio::ip::address& address);

/// A word for people: "loopback", "private", ….
std::string_view name_of(AddressKind kind);

/// Whether a probe may connect to an address of this kind.
/// @param loopback_literal  the URL itself says 127.0.0.1, [::1] or localhost
bool may_connect(AddressKind kind, const GuardPolicy& policy, bool loopback_literal);

/// Keeps the addresses that may be connected to, in their order.
std::vector<boost::asio::ip::address> permitted(
    const std::vector<boost::asio::ip::address>& addresses,
    const GuardPolicy& policy,
    bool loopback_literal);

}  // namespace quorate
