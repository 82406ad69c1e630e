#include "platform/config/ip_address.hpp"

#include <arpa/inet.h>

namespace quorate {

std::string ip_address_problem(const std::string& address) {
    in6_addr parsed{};                                           // room for both kinds
    const auto unscoped = address.substr(0, address.find('%'));  // fe80::1%eth0
    if (inet_pton(AF_INET, address.c_str(), &parsed) == 1 ||
        inet_pton(AF_INET6, unscoped.c_str(), &parsed) == 1)
        return {};
    return "must be an IP address, is \"" + address + "\"";
}

}  // namespace quorate
