#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "platform/runtime/clock.hpp"

namespace quorate {

/// UTC as Redis has it: our clock plus the offset last measured, so that those whose own clocks are
/// wrong still agree on when something is due. Set by one thread.
class RedisClock final : public Clock {
public:
    static constexpr std::chrono::seconds kSkewMax{10};

    explicit RedisClock(const Clock& own) : own_{&own} {}

    UtcTime utc_now() const override { return own_->utc_now() + offset(); }
    SteadyTime steady_now() const override { return own_->steady_now(); }

    const Clock& own() const { return *own_; }
    void set_offset(microseconds offset) { offset_us_ = offset.count(); }
    microseconds offset() const { return microseconds{offset_us_}; }
    /// Too far off to be trusted with a verdict.
    bool skewed() const { return std::chrono::abs(offset()) > kSkewMax; }

private:
    const Clock* own_;
    std::atomic<std::int64_t> offset_us_{0};
};

}  // namespace quorate
