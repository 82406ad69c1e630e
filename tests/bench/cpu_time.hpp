#pragma once

#include <stdexcept>

#include <sys/types.h>
#include <time.h>

namespace quorate::bench {

/// CPU seconds so far, user and system: CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID or a
/// process's.
inline double cpu_s(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// The clock of another process's CPU. Throws std::runtime_error.
inline clockid_t cpu_clock_of(pid_t process) {
    clockid_t clock{};
    if (clock_getcpuclockid(process, &clock) != 0) throw std::runtime_error{"no such process"};
    return clock;
}

}  // namespace quorate::bench
