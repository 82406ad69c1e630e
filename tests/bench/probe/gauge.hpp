#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "core/time/time.hpp"

namespace quorate::bench {

/// CPU time of this process so far, user and system.
std::chrono::microseconds cpu_used();

/// Resident memory of this process in KiB, as the kernel counts it now.
std::size_t resident_kib();

/// Raises the soft limit of open descriptors to the hard one.
void raise_descriptor_limit();

/// What a client did between `open` and `close`; the time before `open` warms it up.
class Window {
public:
    void open(SteadyTime now);
    void close(SteadyTime now);
    bool is_open() const { return open_; }

    /// One probe that ended well, `took` after it was due.
    void add(std::chrono::nanoseconds took);
    /// One that did not; counted also before the window opens, since none is wanted.
    void add_error() { ++errors_; }
    std::size_t errors() const { return errors_; }

    /// One JSON object: probes, errors, cpu_us (per probe), core_share, per_s, p50_us, p99_us.
    std::string json() const;

private:
    bool open_ = false;
    std::size_t errors_ = 0;
    std::vector<float> took_us_;
    SteadyTime began_;
    SteadyTime ended_;
    std::chrono::microseconds cpu_{0};
};

}  // namespace quorate::bench
