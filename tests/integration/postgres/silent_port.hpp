#pragma once

#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quorate::testing {

/// A port on loopback that takes connections and says nothing.
class SilentPort {
public:
    SilentPort() : descriptor_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        auto* generic = reinterpret_cast<sockaddr*>(&address_);
        if (::bind(descriptor_, generic, size) != 0 || ::listen(descriptor_, 8) != 0 ||
            ::getsockname(descriptor_, generic, &size) != 0)
            throw std::runtime_error{"no silent port"};
    }
    ~SilentPort() { ::close(descriptor_); }
    SilentPort(const SilentPort&) = delete;
    SilentPort& operator=(const SilentPort&) = delete;
    std::string number() const { return std::to_string(ntohs(address_.sin_port)); }

private:
    int descriptor_;
    sockaddr_in address_{};
};

}  // namespace quorate::testing
