#pragma once

#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "platform/runtime/task.hpp"

namespace quorate {

/// Takes SIGTERM, SIGINT and SIGHUP from the process for as long as it lives; from its construction
/// on none of them ends the process by itself. One per process.
class Signals {
public:
    explicit Signals(asio::any_io_executor executor);
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    /// Waits for SIGTERM or SIGINT and returns its number. Each SIGHUP meanwhile calls `on_reload`,
    /// if there is one; it must not throw. Runs on the caller's executor. Cancelled: throws
    /// `operation_aborted`.
    Task<int> stop(std::function<void()> on_reload);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace quorate
