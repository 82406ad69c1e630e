#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "core/model/protocol.hpp"

namespace quorate {

/// What one name server said to one question, or that it said nothing.
enum class DnsSays : std::uint8_t {
    addresses,
    no_such_name,    ///< NXDOMAIN
    no_addresses,    ///< NOERROR without records of the family (NODATA)
    server_failure,  ///< SERVFAIL, REFUSED, FORMERR, NOTIMP, or a message nobody can read
    silent,          ///< no answer in its time
    unreachable,     ///< we could not ask: no socket, no route, nobody at that port
};

/// An answer about the addresses of one family.
struct DnsAnswer {
    DnsSays says = DnsSays::unreachable;
    std::vector<boost::asio::ip::address> addresses;  ///< each once, in the server's order
    /// How long the zone lets the answer be kept: the least TTL on the way to the addresses, or for
    /// a negative answer that of RFC 2308; nothing where the message does not say.
    std::optional<std::chrono::seconds> ttl;
};

/// Whether the question is settled: nobody else needs to be asked.
constexpr bool is_definitive(DnsSays says) {
    return says == DnsSays::addresses || says == DnsSays::no_such_name ||
           says == DnsSays::no_addresses;
}

/// Most addresses kept of one answer. A probe tries 8; a zone may hold thousands.
inline constexpr std::size_t kDnsAddressesMax = 16;

/// Reads a message that answers a question for A (`v4`) or AAAA (`v6`) records, as c-ares hands it
/// on: its id and question are those of the question. Any bytes are allowed; what cannot be read is
/// `server_failure`.
DnsAnswer read_dns_answer(std::span<const unsigned char> message, IpFamily family);

}  // namespace quorate
