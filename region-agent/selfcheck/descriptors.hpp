#pragma once

#include <cstddef>

namespace quorate::agent {

/// File descriptors of this process: every connection of a probe takes one.
struct Descriptors {
    std::size_t open = 0;
    std::size_t limit = 0;  ///< the soft limit; beyond it nothing can be opened
};

/// Reads files: not for hot paths. Throws nothing; what can't be read is 0.
Descriptors descriptors_now();

/// Raises the soft limit to the hard one, since the usual soft limit of 1,024 is less than an agent
/// needs. Throws nothing. @return the limit now in force.
std::size_t raise_descriptor_limit();

}  // namespace quorate::agent
