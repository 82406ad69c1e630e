#pragma once

#include "tests/support/relay/descriptor.hpp"
#include "tests/support/relay/links.hpp"

namespace quorate::relay {

/// Makes a TUN device in a namespace and opens it, without blocking. It is gone when it is closed.
/// Throws std::runtime_error, which says where and why.
Descriptor open_tun(const LinkEnd& end);

}  // namespace quorate::relay
