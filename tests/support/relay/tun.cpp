#include "tests/support/relay/tun.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>

namespace quorate::relay {
namespace {

std::runtime_error failure(const std::string& what) {
    return std::runtime_error{what + ": " + std::strerror(errno)};
}

Descriptor open_file(const std::string& path, int flags) {
    Descriptor file{::open(path.c_str(), flags | O_CLOEXEC)};
    if (file.get() < 0) throw failure(path);
    return file;
}

/// This thread is in another network namespace for as long as the object lives.
class Visit {
public:
    explicit Visit(const std::string& netns) : home_{open_file("/proc/self/ns/net", O_RDONLY)} {
        const auto there = open_file("/run/netns/" + netns, O_RDONLY);
        if (::setns(there.get(), CLONE_NEWNET) != 0) throw failure("namespace " + netns);
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() { ::setns(home_.get(), CLONE_NEWNET); }

private:
    Descriptor home_;
};

}  // namespace

Descriptor open_tun(const LinkEnd& end) {
    const Visit visit{end.netns};
    auto device = open_file("/dev/net/tun", O_RDWR | O_NONBLOCK);
    ifreq request{};
    end.device.copy(static_cast<char*>(request.ifr_name), IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (::ioctl(device.get(), TUNSETIFF, &request) != 0)
        throw failure("device " + end.device + " in " + end.netns);
    return device;
}

}  // namespace quorate::relay
