#pragma once

#include "platform/runtime/clock.hpp"

namespace quorate::agent {

/// A clock that stands until the test moves it.
class StandingClock final : public Clock {
public:
    UtcTime utc_now() const override { return UtcTime{} + passed; }
    SteadyTime steady_now() const override { return SteadyTime{} + passed; }
    milliseconds passed{0};
};

}  // namespace quorate::agent
