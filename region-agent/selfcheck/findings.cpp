#include "region-agent/selfcheck/findings.hpp"

namespace quorate::agent {

std::string blindness(const Findings& findings) {
    std::string why;
    const auto add = [&why](const std::string& text) { why += (why.empty() ? "" : "; ") + text; };
    if (findings.landmarks >= kWitnessesMin && findings.landmarks_reached == 0)
        add("none of " + std::to_string(findings.landmarks) + " landmarks can be reached");
    if (findings.name_servers >= kWitnessesMin && findings.name_servers_answering == 0)
        add("none of " + std::to_string(findings.name_servers) + " name servers answers");
    const auto& [open, limit] = findings.descriptors;
    if (open * 10 > limit * 9)
        add(std::to_string(open) + " of " + std::to_string(limit) + " file descriptors are open");
    return why;
}

}  // namespace quorate::agent
