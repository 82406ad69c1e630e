#pragma once

#include <cstdint>

#include "core/time/time.hpp"

namespace quorate::coordinator {

/// A time as the admin API tells it.
inline std::int64_t us(UtcTime time) {
    return time.time_since_epoch().count();
}

}  // namespace quorate::coordinator
