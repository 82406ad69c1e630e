#pragma once

#include "core/time/time.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

/// Waits until the steady clock reaches `deadline`; at once if it has. Runs on the caller's
/// executor. Cancelled: throws `boost::system::system_error` with `asio::error::operation_aborted`.
Task<> sleep_until(Deadline deadline);

/// Waits for `duration` of the operating system's steady clock. Cancellation as above.
Task<> sleep_for(milliseconds duration);

/// Waits until `clock` shows `time` or later. UTC can be stepped, so it looks again at least once
/// a second. Cancellation as above. `clock` must outlive the wait.
Task<> sleep_until(const Clock& clock, UtcTime time);

}  // namespace quorate
