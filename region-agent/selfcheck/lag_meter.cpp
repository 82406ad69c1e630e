#include "region-agent/selfcheck/lag_meter.hpp"

#include <algorithm>

#include "platform/runtime/sleep.hpp"

namespace quorate::agent {
namespace {

microseconds whole(SteadyTime::duration duration) {
    return std::chrono::duration_cast<microseconds>(duration);
}

}  // namespace

Task<> LagMeter::run() {
    for (;;) {
        due_ = clock_->steady_now() + kTick;
        co_await sleep_until(due_);
        const auto now = clock_->steady_now();
        note(now, whole(now - due_));
    }
}

void LagMeter::note(SteadyTime at, microseconds late) {
    while (!samples_.empty() && samples_.back().late <= late)
        samples_.pop_back();
    samples_.push_back({at, late});
    while (samples_.front().at < at - kKept)
        samples_.pop_front();
}

microseconds LagMeter::worst_since(SteadyTime since) const {
    const auto first = std::ranges::lower_bound(samples_, since, {}, &Sample::at);
    const auto measured = first == samples_.end() ? microseconds{0} : first->late;
    const auto now = clock_->steady_now();
    return now <= due_ ? measured : std::max(measured, whole(now - due_));
}

}  // namespace quorate::agent
