#pragma once

#include <optional>
#include <utility>

#include "core/time/time.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

/// Runs `work` until it ends or `deadline` passes, whichever is first, and never leaves it running.
/// This is the one place where "too late" is told apart from "we are stopping":
/// - the work ended first: true; what it threw is thrown.
/// - the deadline passed first: the work was cancelled and has ended; false.
/// - the caller was cancelled: the work was cancelled and its own answer counts. It either threw
///   (usually `boost::system::system_error` with `asio::error::operation_aborted`) or returned, and
///   then the answer is true. The caller's next `co_await` throws `operation_aborted`.
/// Work that does not react to cancellation delays the answer: the deadline cannot end it.
/// Runs on the caller's executor, which must be single-threaded or a strand.
Task<bool> done_within(Deadline deadline, Task<> work);

namespace detail {
template <class T>
Task<> keep(Task<T> work, std::optional<T>& kept) {
    kept.emplace(co_await std::move(work));
}
}  // namespace detail

/// As `done_within`, for work that returns a value: the value, or nothing if the deadline passed
/// first. The caller says what being late means:
/// @code
///     auto exchange = engine.exchange(std::move(endpoint));  // lazy: nothing runs yet
///     auto outcome = co_await within(deadline, std::move(exchange));
///     if (!outcome) co_return Failure{Phase::tcp, Reason::timeout_connect, {}};
/// @endcode
template <class T>
Task<std::optional<T>> within(Deadline deadline, Task<T> work) {
    std::optional<T> kept;
    auto keeping = detail::keep(std::move(work), kept);
    const bool done = co_await done_within(deadline, std::move(keeping));
    if (!done) kept.reset();
    co_return std::move(kept);
}

}  // namespace quorate
