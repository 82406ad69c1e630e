#include "region-agent/selfcheck/load_watch.hpp"

#include <algorithm>

#include "platform/runtime/sleep.hpp"

namespace quorate::agent {
namespace {

// Refusing ends a little below where it began, so that it does not come and go with every sample.
constexpr double kEndsBelow = 0.9;

double part(std::chrono::nanoseconds used, SteadyTime::duration elapsed, double cores) {
    const auto seconds = [](auto duration) {
        return std::chrono::duration<double>(duration).count();
    };
    return std::clamp(seconds(used) / (seconds(elapsed) * cores), 0.0, 1.0);
}

}  // namespace

void LoadWindow::add(SteadyTime at, CpuTime used) {
    samples_.push_back({at, used});
    // The oldest kept is the youngest that spans the window.
    while (samples_.size() > 2 && samples_[1].at <= at - kLength)
        samples_.pop_front();
    const auto& [since, before] = samples_.front();
    if (at - since < kLength) return;
    load_ = std::max(part(used.process - before.process, at - since, cores_),
                     part(used.thread - before.thread, at - since, std::min(1.0, cores_)));
}

Task<> LoadWatch::run() {
    for (;;) {
        sample();
        const auto due = clock_->steady_now() + kEvery;
        co_await sleep_until(due);
    }
}

void LoadWatch::sample() {
    const auto now = clock_->steady_now();
    window_.add(now, used_());
    const auto load = window_.load();
    if (!overloaded_ && load > load_max_) {
        overloaded_ = true;
        since_ = now;
        log_event(
            *log_, LogLevel::warn, "load.exceeded", kv("load", load), kv("load_max", load_max_));
    } else if (overloaded_ && load < kEndsBelow * load_max_) {
        overloaded_ = false;
        log_event(*log_,
                  LogLevel::info,
                  "load.subsided",
                  kv("load", load),
                  kv("elapsed_ms", now - since_));
    }
}

}  // namespace quorate::agent
