#pragma once

#include <string>

namespace quorate::relay {

/// Carries packets between the TUN devices of the links that a file names, until SIGTERM or SIGINT.
/// SIGHUP reads the file again: rtt and loss count for packets that come from then on; a file that
/// can't be used changes nothing and is told on stderr. `status_file` is written anew, at once and
/// whole, at the start, after each SIGHUP that was followed, and every second: what the links do
/// and what became of their packets. Throws std::runtime_error at the start.
void run(const std::string& links_file, const std::string& status_file);

}  // namespace quorate::relay
