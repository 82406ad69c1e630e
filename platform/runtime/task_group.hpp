#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "platform/runtime/task.hpp"

namespace quorate {

/// Tasks that live and end together; the one home of detached coroutines. The first task that
/// throws cancels all the others, and `join` throws what it threw. A task that ends with
/// `operation_aborted` after the group was cancelled has ended as asked.
///
/// All members are called on the group's executor, which must be single-threaded or a strand.
/// Objects that the tasks refer to must outlive `join`: join before they go. The destructor only
/// cancels what is still running; it cannot wait. So between the first `spawn` and `join` the owner
/// awaits nothing else (cancelled there, it would never reach `join`): such work is a task too.
/// @code
///     TaskGroup group{co_await asio::this_coro::executor, 2};
///     group.spawn("health_server", health_.serve());
///     group.spawn("intake", intake_.run());
///     co_await group.join();
/// @endcode
class TaskGroup {
public:
    /// @param tasks_max how many tasks may run at the same time.
    TaskGroup(asio::any_io_executor executor, std::size_t tasks_max);
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    /// Starts `task`, by a caller on the group's executor inline, up to its first wait. In a
    /// cancelled group nothing starts. @param name appears in `failed_task`; need not be unique.
    /// Throws Overloaded if `tasks_max` tasks are running.
    void spawn(std::string name, Task<> task);

    /// Waits until fewer than `tasks_max` tasks are running, so that the next `spawn` is taken.
    /// Returns at once in a cancelled group. Cancelled: throws `operation_aborted`; the group
    /// itself goes on.
    Task<> room();

    /// Asks every running task to stop; no task starts any more. Returns at once.
    void cancel();

    /// Waits until no task is running, then throws the first failure if there was one. If the
    /// joining coroutine is cancelled, the group is cancelled, `join` still waits for every task,
    /// and throws `operation_aborted` if no task failed.
    Task<> join();

    std::size_t running() const;
    bool cancelled() const;
    /// The name of the task that failed first; empty while none has.
    const std::string& failed_task() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace quorate
