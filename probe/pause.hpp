#pragma once

#include "core/time/time.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

/// Waits for `duration`; false where the wait was cancelled.
Task<bool> pause_for(milliseconds duration);

}  // namespace quorate
