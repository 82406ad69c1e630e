#pragma once

#include <string>

namespace quorate {

/// What is wrong with a value that must be an IPv4 or IPv6 address, for `KeyBuilder::check`; empty
/// if nothing.
std::string ip_address_problem(const std::string& address);

}  // namespace quorate
