#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/time/time.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::testing {

/// The time of day of a program that is started with `variables()` in its environment: the
/// system's, until a test moves it ahead. Steady time stays as it is, and so does the test's own.
class MovableClock {
public:
    MovableClock() : file_{folder_.path() + "/ahead"} {
        const int descriptor = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        void* at = MAP_FAILED;
        if (descriptor >= 0 && ::ftruncate(descriptor, sizeof(std::int64_t)) == 0)
            at = ::mmap(nullptr, sizeof(std::int64_t), PROT_WRITE, MAP_SHARED, descriptor, 0);
        const int error = errno;
        if (descriptor >= 0) ::close(descriptor);
        if (at == MAP_FAILED) throw std::system_error{error, std::generic_category(), file_};
        ahead_ns_ = static_cast<std::int64_t*>(at);
    }
    ~MovableClock() { ::munmap(ahead_ns_, sizeof(std::int64_t)); }
    MovableClock(const MovableClock&) = delete;
    MovableClock& operator=(const MovableClock&) = delete;

    void advance(microseconds step) {
        const auto ns = std::chrono::nanoseconds{step}.count();
        __atomic_fetch_add(ahead_ns_, ns, __ATOMIC_RELAXED);
    }
    std::vector<std::string> variables() const {
        return {"LD_PRELOAD=" QUORATE_BINARY_DIR "/tests/movable_clock.so",
                "QUORATE_MOVABLE_CLOCK=" + file_};
    }

private:
    const TemporaryFolder folder_;
    std::string file_;
    std::int64_t* ahead_ns_ = nullptr;
};

}  // namespace quorate::testing
