// Preloaded into a program, it makes the system's clock run ahead by what stands in a file.
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

const std::int64_t* ahead_ns = nullptr;

/// Until it has run, the clock is the system's.
__attribute__((constructor)) void open_file() {
    const char* file = std::getenv("QUORATE_MOVABLE_CLOCK");
    if (file == nullptr) return;
    const int descriptor = ::open(file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) std::abort();
    void* const at = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, descriptor, 0);
    ::close(descriptor);
    if (at == MAP_FAILED) std::abort();
    ahead_ns = static_cast<const std::int64_t*>(at);
}

bool is_of_the_day(clockid_t clock) {
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* out) noexcept {
    const auto failed = static_cast<int>(::syscall(SYS_clock_gettime, clock, out));
    if (failed != 0 || ahead_ns == nullptr || !is_of_the_day(clock)) return failed;
    const auto ns = out->tv_nsec + __atomic_load_n(ahead_ns, __ATOMIC_RELAXED);
    const auto rest = (ns % kSecond + kSecond) % kSecond;  // it may be behind
    out->tv_sec += (ns - rest) / kSecond;
    out->tv_nsec = rest;
    return 0;
}

extern "C" int gettimeofday(timeval* __restrict out, void* __restrict /*zone*/) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

extern "C" time_t time(time_t* out) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != nullptr) *out = now.tv_sec;
    return now.tv_sec;
}
