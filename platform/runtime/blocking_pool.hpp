#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "platform/runtime/overloaded.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

/// A fixed number of threads for calls that block (libpqxx, files). The queue is bounded: at the
/// bound `run` throws Overloaded at once, for a wait would only be a second queue without a bound.
/// Thread-safe. The destructor lets running functions finish; functions still queued do not run and
/// their callers get `operation_aborted`.
class BlockingPool {
public:
    /// @param threads how many functions run at the same time, at least 1.
    /// @param queued_max how many functions may wait for a thread.
    BlockingPool(std::size_t threads, std::size_t queued_max);
    ~BlockingPool();
    BlockingPool(const BlockingPool&) = delete;
    BlockingPool& operator=(const BlockingPool&) = delete;

    /// Runs `function()` on a thread of the pool and resumes on the caller's executor with what it
    /// returned; what it threw is thrown. Throws Overloaded if the queue is full.
    /// Cancelled while queued: the function never runs, throws `boost::system::system_error` with
    /// `asio::error::operation_aborted`. Cancelled while the function runs: waits for it (a
    /// blocking call cannot be interrupted) and returns its value; the caller's next `co_await`
    /// throws.
    template <class F>
    Task<std::invoke_result_t<F&>> run(F function) {
        using T = std::invoke_result_t<F&>;
        if constexpr (std::is_void_v<T>) {
            std::function<void()> call = [&function] { function(); };
            co_await perform(std::move(call));
        } else {
            std::optional<T> result;
            std::function<void()> call = [&function, &result] { result.emplace(function()); };
            co_await perform(std::move(call));
            co_return std::move(*result);
        }
    }

    /// Functions that wait for a thread; for a gauge.
    std::size_t queued() const;
    /// Functions that a thread is running; for a gauge.
    std::size_t running() const;

private:
    struct State;
    Task<> perform(std::function<void()> call);
    std::unique_ptr<State> state_;
};

}  // namespace quorate
