#pragma once

#include <deque>
#include <functional>

#include "platform/runtime/clock.hpp"
#include "platform/runtime/cpu.hpp"
#include "platform/runtime/task.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate::agent {

/// The agent's load over a sliding window, as a part of the CPU that it can have, 0 to 1. One
/// thread probes, so its core is the first limit; the process against all cores that it may use
/// (affinity, cgroup) is the other, which counts where it may use less than one. The larger of the
/// two is the load. A pure value.
class LoadWindow {
public:
    static constexpr std::chrono::seconds kLength{5};

    explicit LoadWindow(double cores) : cores_{cores} {}

    void add(SteadyTime at, CpuTime used);
    /// 0 until the window has been filled once.
    double load() const { return load_; }

private:
    struct Sample {
        SteadyTime at;
        CpuTime used;
    };

    double cores_;
    std::deque<Sample> samples_;
    double load_ = 0;
};

/// Whether the agent is too busy to measure others: above `load_max` it says so, until it is below
/// nine tenths of that again. With `load_max` 1 it never is. Runs on the probing executor, whose
/// thread it measures.
class LoadWatch {
public:
    static constexpr milliseconds kEvery{500};

    LoadWatch(const Clock& clock,
              Logger& log,
              double load_max,
              double cores = cores_available(),
              std::function<CpuTime()> used = cpu_time_used)
        : clock_{&clock}, log_{&log}, load_max_{load_max}, window_{cores}, used_{std::move(used)} {}

    /// Measures until cancelled.
    Task<> run();
    /// Takes one sample; `run` does.
    void sample();

    double load() const { return window_.load(); }
    double load_max() const { return load_max_; }
    void set_load_max(double load_max) { load_max_ = load_max; }
    bool overloaded() const { return overloaded_; }

private:
    const Clock* clock_;
    Logger* log_;
    double load_max_;
    LoadWindow window_;
    std::function<CpuTime()> used_;
    bool overloaded_ = false;
    SteadyTime since_;
};

}  // namespace quorate::agent
