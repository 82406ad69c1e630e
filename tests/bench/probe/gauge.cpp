#include "tests/bench/probe/gauge.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include <sys/resource.h>
#include <unistd.h>

namespace quorate::bench {
namespace {

std::chrono::microseconds duration_of(const timeval& time) {
    return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
}

double percentile(const std::vector<float>& sorted, double part) {
    if (sorted.empty()) return 0;
    const auto index = static_cast<std::size_t>(part * static_cast<double>(sorted.size()));
    return sorted[std::min(index, sorted.size() - 1)];
}

}  // namespace

std::chrono::microseconds cpu_used() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return duration_of(usage.ru_utime) + duration_of(usage.ru_stime);
}

std::size_t resident_kib() {
    std::ifstream file{"/proc/self/statm"};
    std::size_t pages_in_all = 0;
    std::size_t resident = 0;
    if (!(file >> pages_in_all >> resident))
        throw std::runtime_error{"cannot read /proc/self/statm"};
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

void Window::open(SteadyTime now) {
    open_ = true;
    took_us_.reserve(std::size_t{1} << 18U);
    began_ = now;
    cpu_ = cpu_used();
}

void Window::close(SteadyTime now) {
    cpu_ = cpu_used() - cpu_;
    ended_ = now;
    open_ = false;
}

void Window::add(std::chrono::nanoseconds took) {
    if (open_) took_us_.push_back(std::chrono::duration<float, std::micro>{took}.count());
}

std::string Window::json() const {
    auto sorted = took_us_;
    std::sort(sorted.begin(), sorted.end());
    const auto count = static_cast<double>(std::max<std::size_t>(sorted.size(), 1));
    const std::chrono::duration<double, std::micro> wall = ended_ - began_;
    const auto cpu_us = static_cast<double>(cpu_.count());
    return fmt::format(
        R"({{"probes": {}, "errors": {}, "cpu_us": {:.3f}, "core_share": {:.3f}, "per_s": {:.1f}, )"
        R"("p50_us": {:.1f}, "p99_us": {:.1f}}})",
        sorted.size(),
        errors_,
        cpu_us / count,
        cpu_us / wall.count(),
        count / wall.count() * 1e6,
        percentile(sorted, 0.5),
        percentile(sorted, 0.99));
}

}  // namespace quorate::bench
