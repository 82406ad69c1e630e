#pragma once

#include <chrono>

namespace quorate {

/// CPU time (user and system) used so far.
struct CpuTime {
    std::chrono::nanoseconds process{0};
    std::chrono::nanoseconds thread{0};  ///< of the calling thread
};

/// What this process and the calling thread have used. Throws nothing.
CpuTime cpu_time_used();

/// How many cores this process may use at once: those of its affinity mask, or fewer where a cgroup
/// (version 2) of it has a quota; above 0, may be a fraction. Reads files: for the start, not for
/// hot paths. A quota that can't be read is none.
double cores_available();

}  // namespace quorate
