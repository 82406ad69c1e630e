#pragma once

#include <deque>

#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"

namespace quorate::agent {

/// How far the agent runs behind itself: a timer of the probing executor fires every `kTick`, and
/// how late its handler runs is how long any handler, also one that stamps a phase of a probe, may
/// have waited there. For one executor.
class LagMeter {
public:
    static constexpr milliseconds kTick{20};
    static constexpr std::chrono::seconds kKept{60};  // longer than any probe lasts
    static constexpr std::chrono::seconds kWindow{5};

    explicit LagMeter(const Clock& clock) : clock_{&clock} {}

    /// Measures until cancelled.
    Task<> run();

    /// A handler that was due at some time ran at `at`, that much too late.
    void note(SteadyTime at, microseconds late);

    /// The worst that was measured since then (at most `kKept` back), a tick that is overdue now
    /// included. So a stall is seen also by what runs before the tick that it delayed.
    microseconds worst_since(SteadyTime since) const;

    /// The worst of the last `kWindow`.
    microseconds worst() const { return worst_since(clock_->steady_now() - kWindow); }

private:
    struct Sample {
        SteadyTime at;
        microseconds late;
    };

    const Clock* clock_;
    /// Ascending by time, descending by lateness: what a later and worse sample outdoes is dropped.
    std::deque<Sample> samples_;
    SteadyTime due_ = SteadyTime::max();  // of the next tick
};

}  // namespace quorate::agent
