#include "tests/simulation/virtual_time.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <random>
#include <vector>

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace quorate::simulation::virtual_time {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
/// Above every descriptor that the system gives; closing one does nothing.
constexpr int kFirstPoller = 1 << 24;
constexpr int kFirstTimer = 1 << 25;

struct Poller {
    int timer = -1;
    epoll_data_t of_timer{};
    std::optional<std::int64_t> due_ns;
};

bool simulated = false;
std::int64_t now_ns = 0;
std::mt19937_64 entropy;
std::vector<Poller> pollers;
std::vector<int> poller_of_timer;

Poller* poller(int descriptor) {
    const auto index = static_cast<std::size_t>(descriptor - kFirstPoller);
    return descriptor >= kFirstPoller && index < pollers.size() ? &pollers[index] : nullptr;
}

std::int64_t ns_of(const timespec& time) {
    return time.tv_sec * kNsPerSecond + time.tv_nsec;
}

}  // namespace

void begin(std::uint64_t seed) {
    simulated = true;
    now_ns = 0;
    entropy.seed(seed);
    pollers.clear();
    poller_of_timer.clear();
}

void end() {
    simulated = false;
}

SteadyTime now() {
    return SteadyTime{std::chrono::nanoseconds{now_ns}};
}

void advance_to(SteadyTime time) {
    now_ns = std::max(now_ns, std::chrono::nanoseconds{time.time_since_epoch()}.count());
}

int last_poller() {
    return kFirstPoller + static_cast<int>(pollers.size()) - 1;
}

std::optional<SteadyTime> due(int descriptor) {
    const auto* of = poller(descriptor);
    if (of == nullptr || !of->due_ns) return std::nullopt;
    return SteadyTime{std::chrono::nanoseconds{*of->due_ns}};
}

namespace {

int clock_get(clockid_t clock, timespec* out) {
    std::int64_t ns = now_ns;
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_COARSE:
            ns += std::chrono::nanoseconds{kEpoch.time_since_epoch()}.count();
            break;
        case CLOCK_MONOTONIC:
        case CLOCK_MONOTONIC_COARSE:
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_BOOTTIME:
            break;
        default:  // CPU time
            return static_cast<int>(::syscall(SYS_clock_gettime, clock, out));
    }
    out->tv_sec = ns / kNsPerSecond;
    out->tv_nsec = ns % kNsPerSecond;
    return 0;
}

int new_poller() {
    pollers.emplace_back();
    return last_poller();
}

int new_timer() {
    poller_of_timer.push_back(-1);
    return kFirstTimer + static_cast<int>(poller_of_timer.size()) - 1;
}

/// Asio adds its interrupter and its timer, and nothing else: the simulation opens no socket.
int control(int descriptor, int operation, int added, const epoll_event* event) {
    auto* of = poller(descriptor);
    const auto timer = static_cast<std::size_t>(added - kFirstTimer);
    if (of == nullptr) return 0;
    if (operation == EPOLL_CTL_ADD && added >= kFirstTimer && timer < poller_of_timer.size()) {
        of->timer = added;
        of->of_timer = event->data;
        poller_of_timer[timer] = descriptor;
    }
    return 0;
}

int set_timer(int descriptor, int flags, const itimerspec* value) {
    const auto timer = static_cast<std::size_t>(descriptor - kFirstTimer);
    if (timer >= poller_of_timer.size()) return 0;
    auto* of = poller(poller_of_timer[timer]);
    if (of == nullptr) return 0;
    const auto ns = ns_of(value->it_value);
    const bool absolute = (flags & TFD_TIMER_ABSTIME) != 0;
    of->due_ns = absolute ? ns : now_ns + ns;
    if (ns == 0) of->due_ns.reset();
    return 0;
}

/// Never waits: the simulator calls when something is due.
int wait(int descriptor, epoll_event* events) {
    const auto* of = poller(descriptor);
    if (of == nullptr || !of->due_ns || *of->due_ns > now_ns) return 0;
    events[0].events = EPOLLIN;
    events[0].data = of->of_timer;
    return 1;
}

}  // namespace
}  // namespace quorate::simulation::virtual_time

namespace simulated_time = quorate::simulation::virtual_time;

extern "C" int clock_gettime(clockid_t clock, timespec* out) noexcept {
    if (simulated_time::simulated) return simulated_time::clock_get(clock, out);
    return static_cast<int>(::syscall(SYS_clock_gettime, clock, out));
}

extern "C" int epoll_create1(int flags) noexcept {
    if (simulated_time::simulated) return simulated_time::new_poller();
    return static_cast<int>(::syscall(SYS_epoll_create1, flags));
}

extern "C" int epoll_ctl(int poller, int operation, int added, epoll_event* event) noexcept {
    if (poller >= simulated_time::kFirstPoller)
        return simulated_time::control(poller, operation, added, event);
    return static_cast<int>(::syscall(SYS_epoll_ctl, poller, operation, added, event));
}

extern "C" int epoll_wait(int poller, epoll_event* events, int count, int timeout) {
    if (poller >= simulated_time::kFirstPoller) return simulated_time::wait(poller, events);
    return static_cast<int>(::syscall(SYS_epoll_wait, poller, events, count, timeout));
}

extern "C" int timerfd_create(int clock, int flags) noexcept {
    if (simulated_time::simulated) return simulated_time::new_timer();
    return static_cast<int>(::syscall(SYS_timerfd_create, clock, flags));
}

extern "C" int timerfd_settime(int timer,
                               int flags,
                               const itimerspec* value,
                               itimerspec* old) noexcept {
    if (timer >= simulated_time::kFirstTimer) return simulated_time::set_timer(timer, flags, value);
    return static_cast<int>(::syscall(SYS_timerfd_settime, timer, flags, value, old));
}

/// libstdc++'s, of std::random_device::operator().
unsigned int std::random_device::_M_getval() {
    if (simulated_time::simulated) return static_cast<unsigned int>(simulated_time::entropy());
    unsigned int value = 0;
    if (::getrandom(&value, sizeof value, 0) != sizeof value) std::abort();
    return value;
}
