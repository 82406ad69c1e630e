#pragma once

#include <cstddef>
#include <string>

#include "region-agent/selfcheck/descriptors.hpp"

namespace quorate::agent {

/// What one self-check found.
struct Findings {
    std::size_t landmarks = 0;  ///< asked
    std::size_t landmarks_reached = 0;
    std::size_t name_servers = 0;  ///< asked, each on its own
    std::size_t name_servers_answering = 0;
    Descriptors descriptors;
};

/// One of a kind is no witness: it may be down itself.
inline constexpr std::size_t kWitnessesMin = 2;

/// Why an agent that found this can't judge servers, for people; empty if it can: of at least
/// `kWitnessesMin` landmarks none was reached, of as many name servers none answered, or more than
/// 90 % of the descriptors are open.
std::string blindness(const Findings& findings);

}  // namespace quorate::agent
