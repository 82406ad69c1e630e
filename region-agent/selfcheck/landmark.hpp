#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/runtime/task.hpp"
#include "probe/resolver.hpp"

namespace quorate::agent {

/// A place that should be reachable from here whatever happens to the servers we watch.
struct Landmark {
    std::string host;  ///< a name or an IP address, without brackets
    std::uint16_t port = 0;
};

/// Reads `HOST:PORT`, `[IPv6]:PORT` or an http(s) URL, of which host and port count. Nothing if it
/// is none of these.
std::optional<Landmark> parse_landmark(std::string_view text);

/// Whether a TCP connection to it can be opened until `deadline`; it is closed at once and nothing
/// is sent. @param bind_address source address of the connection, may be empty. Throws nothing but
/// `operation_aborted` when cancelled. Runs on the caller's executor.
Task<bool> reachable(Landmark landmark,
                     std::string bind_address,
                     Resolver& resolver,
                     Deadline deadline);

}  // namespace quorate::agent
