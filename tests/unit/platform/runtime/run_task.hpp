#pragma once

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "platform/runtime/task.hpp"

namespace quorate::test {

/// Runs the task that `make` returns on an io_context of its own until nothing is left to do;
/// throws what the task threw. `make` stays alive until then, so it may be a capturing lambda.
template <class Make>
void run_task(const Make& make) {
    asio::io_context io{1};
    std::exception_ptr failure;
    asio::co_spawn(io, make(), [&failure](std::exception_ptr thrown) { failure = thrown; });
    io.run();
    if (failure) std::rethrow_exception(failure);
}

/// Waits until it is cancelled.
inline Task<> forever() {
    asio::steady_timer timer{co_await asio::this_coro::executor,
                             asio::steady_timer::time_point::max()};
    co_await timer.async_wait(asio::use_awaitable);
}

/// Waits until it is cancelled, then says so in `ended`.
inline Task<> forever_then(bool& ended) {
    std::exception_ptr thrown;
    try {
        co_await forever();
    } catch (...) {
        thrown = std::current_exception();
    }
    ended = true;
    if (thrown) std::rethrow_exception(thrown);
}

/// Whether calling `action` throws `operation_aborted`.
template <class Action>
bool is_aborted(Action action) {
    try {
        action();
        return false;
    } catch (const boost::system::system_error& error) {
        return error.code() == asio::error::operation_aborted;
    }
}

}  // namespace quorate::test
