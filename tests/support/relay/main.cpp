// Carries packets between TUN devices with delay and loss, where the kernel has no netem.
// Usage: packet_relay LINKS_FILE STATUS_FILE; see README.md
#include <exception>
#include <iostream>

#include <sched.h>

#include "tests/support/relay/relay.hpp"

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: packet_relay LINKS_FILE STATUS_FILE\n";
        return 2;
    }
    // A cable does not wait for a busy processor. Where that is refused the delays are a little
    // longer under load, which whoever measures them sees.
    const sched_param first{1};
    if (::sched_setscheduler(0, SCHED_RR, &first) != 0) std::cerr << "no real-time priority\n";
    try {
        quorate::relay::run(argv[1], argv[2]);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
