#include "platform/runtime/cpu.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <sched.h>
#include <time.h>

namespace quorate {
namespace {

namespace fs = std::filesystem;

std::chrono::nanoseconds read_clock(clockid_t clock) {
    timespec used{};
    if (::clock_gettime(clock, &used) != 0) return {};
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

double cores_of_affinity() {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    // Fails on machines with more CPUs than a cpu_set_t holds (1,024): one core is the safe answer,
    // since an agent probes on one thread.
    if (::sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
    return std::max(1, CPU_COUNT(&mask));
}

/// The quota of one cgroup in cores ("50000 100000" is half a core); `most` where it has none.
double quota_of(const fs::path& cgroup, double most) {
    std::ifstream file{cgroup / "cpu.max"};
    double quota = 0;
    double period = 0;
    if (!(file >> quota >> period) || quota <= 0 || period <= 0) return most;  // "max 100000"
    return std::min(most, quota / period);
}

/// The path of our cgroup below the mount, as version 2 tells it: "0::/system.slice/x.service".
std::string own_cgroup() {
    std::ifstream file{"/proc/self/cgroup"};
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::/")) return line.substr(4);
    return {};
}

}  // namespace

CpuTime cpu_time_used() {
    return {read_clock(CLOCK_PROCESS_CPUTIME_ID), read_clock(CLOCK_THREAD_CPUTIME_ID)};
}

double cores_available() {
    // The tightest of the cgroup and those above it counts. In a container the root of the mount is
    // the container's own cgroup.
    fs::path cgroup{"/sys/fs/cgroup"};
    auto cores = quota_of(cgroup, cores_of_affinity());
    for (const auto& part : fs::path{own_cgroup()}) {
        cgroup /= part;
        cores = quota_of(cgroup, cores);
    }
    return cores;
}

}  // namespace quorate
