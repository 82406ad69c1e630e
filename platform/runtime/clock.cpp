#include "platform/runtime/clock.hpp"

namespace quorate {

UtcTime SystemClock::utc_now() const {
    return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady_now() const {
    return std::chrono::steady_clock::now();
}

}  // namespace quorate
