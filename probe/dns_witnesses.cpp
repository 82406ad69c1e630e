#include "probe/dns_witnesses.hpp"

#include <algorithm>

namespace quorate {
namespace {

std::ptrdiff_t count(std::span<const DnsSays> witnesses, DnsSays says) {
    return std::count(witnesses.begin(), witnesses.end(), says);
}

}  // namespace

Reason reason_of(std::span<const DnsSays> witnesses) {
    if (count(witnesses, DnsSays::server_failure) >= 2) return Reason::dns_server_failure;
    if (count(witnesses, DnsSays::silent) >= 2) return Reason::dns_timeout;
    return Reason::agent_unhealthy;
}

std::string describe(std::span<const DnsSays> witnesses) {
    std::string text = "of " + std::to_string(witnesses.size()) +
                       (witnesses.size() == 1 ? " name server" : " name servers");
    const auto add = [&](DnsSays says, const char* what) {
        if (const auto n = count(witnesses, says); n > 0)
            text += ", " + std::to_string(n) + " " + what;
    };
    add(DnsSays::server_failure, "failed");
    add(DnsSays::silent, "did not answer");
    add(DnsSays::unreachable, "could not be asked");
    return text;
}

}  // namespace quorate
