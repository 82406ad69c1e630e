#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "platform/runtime/task.hpp"

namespace quorate::testing {

/// Runs one coroutine to its end on an io_context of its own; throws what it threw.
template <class T>
T run_task(Task<T> task) {
    asio::io_context io;
    auto result = asio::co_spawn(io, std::move(task), asio::use_future);
    io.run();
    return result.get();
}

}  // namespace quorate::testing
