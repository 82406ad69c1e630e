#pragma once

#include "platform/redis/redis_clock.hpp"

namespace quorate::agent {

/// Slots and `not_after` are read against it, so that agents with wrong clocks still look at the
/// right time.
using quorate::RedisClock;

}  // namespace quorate::agent
