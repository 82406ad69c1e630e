#pragma once

#include "core/time/time.hpp"

namespace quorate {

/// Where time comes from; injected, so that tests drive it. Safe to call from any thread.
class Clock {
public:
    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;
    virtual UtcTime utc_now() const = 0;
    virtual SteadyTime steady_now() const = 0;
};

/// The operating system's clocks.
class SystemClock final : public Clock {
public:
    UtcTime utc_now() const override;
    SteadyTime steady_now() const override;
};

}  // namespace quorate
