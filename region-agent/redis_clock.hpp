#pragma once

#include <chrono>

#include "platform/runtime/clock.hpp"

namespace quorate::agent {

/// UTC as Redis has it: our clock plus the offset last measured. Slots and `not_after` are read
/// against it, so that agents with wrong clocks still look at the right time. For
/// one executor.
class RedisClock final : public Clock {
public:
    static constexpr std::chrono::seconds kSkewMax{10};

    explicit RedisClock(const Clock& own) : own_{&own} {}

    UtcTime utc_now() const override { return own_->utc_now() + offset_; }
    SteadyTime steady_now() const override { return own_->steady_now(); }

    const Clock& own() const { return *own_; }
    void set_offset(microseconds offset) { offset_ = offset; }
    microseconds offset() const { return offset_; }
    /// Too far off to be trusted with a verdict.
    bool skewed() const { return std::chrono::abs(offset_) > kSkewMax; }

private:
    const Clock* own_;
    microseconds offset_{0};
};

}  // namespace quorate::agent
