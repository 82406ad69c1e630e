#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/relay/delay_line.hpp"

namespace quorate::relay {

/// Where a link ends: a TUN device in a network namespace of `ip netns`.
struct LinkEnd {
    std::string netns;
    std::string device;

    friend bool operator==(const LinkEnd&, const LinkEnd&) = default;
};

struct Link {
    std::string name;
    LinkEnd one;
    LinkEnd other;
    double rtt_ms = 0;        ///< half of it each way
    double loss_percent = 0;  ///< of the packets, each way

    Path path() const;
};

inline constexpr std::size_t kLinksMax = 64;

/// Reads the file of links: a line each, `NAME NETNS DEVICE NETNS DEVICE RTT_MS LOSS_PERCENT`, by
/// blanks; empty lines and those that begin with `#` are none.
/// Throws std::runtime_error, which names the line and what is wrong with it.
std::vector<Link> parse_links(std::string_view text);

/// Whether a file that was read again names the links of before: only rtt and loss may change.
bool same_links(const std::vector<Link>& before, const std::vector<Link>& after);

}  // namespace quorate::relay
