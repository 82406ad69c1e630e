#include "platform/runtime/task_group.hpp"

#include <exception>
#include <list>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "platform/runtime/overloaded.hpp"

namespace quorate {
namespace {

struct Running {
    std::string name;
    asio::cancellation_signal signal;
};

bool is_aborted(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
        return error.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

}  // namespace

struct TaskGroup::State {
    State(asio::any_io_executor on, std::size_t most)
        : executor{std::move(on)},
          tasks_max{most},
          changed{executor, asio::steady_timer::time_point::max()} {}

    asio::any_io_executor executor;
    std::size_t tasks_max;
    std::list<std::shared_ptr<Running>> tasks;
    bool cancelled = false;
    std::exception_ptr failure;
    std::string failed_task;
    asio::steady_timer changed;  // never expires; cancelling it wakes who waits for a change

    void cancel() {
        cancelled = true;
        // A copy, because a task may end, and leave the list, while its signal is emitted.
        const std::vector<std::shared_ptr<Running>> asked{tasks.begin(), tasks.end()};
        for (const auto& task : asked)
            task->signal.emit(asio::cancellation_type::terminal);
        changed.cancel();
    }

    void ended(std::list<std::shared_ptr<Running>>::iterator task, std::exception_ptr thrown) {
        const auto name = std::move((*task)->name);
        tasks.erase(task);
        if (thrown && !failure && !(cancelled && is_aborted(thrown))) {
            failure = std::move(thrown);
            failed_task = name;
            cancel();
        }
        changed.cancel();
    }
};

TaskGroup::TaskGroup(asio::any_io_executor executor, std::size_t tasks_max)
    : state_{std::make_shared<State>(std::move(executor), tasks_max)} {}

TaskGroup::~TaskGroup() {
    state_->cancel();
}

void TaskGroup::spawn(std::string name, Task<> task) {
    if (state_->cancelled) return;
    if (state_->tasks.size() >= state_->tasks_max)
        throw Overloaded{"no room for task " + name + " among " +
                         std::to_string(state_->tasks_max)};
    const auto running = std::make_shared<Running>();
    running->name = std::move(name);
    const auto entry = state_->tasks.insert(state_->tasks.end(), running);
    // The handler keeps the signal alive: the coroutine holds a slot of it until it has ended.
    auto on_end = [state = state_, running, entry](std::exception_ptr thrown) {
        state->ended(entry, std::move(thrown));
    };
    asio::co_spawn(state_->executor,
                   std::move(task),
                   asio::bind_cancellation_slot(running->signal.slot(), std::move(on_end)));
}

Task<> TaskGroup::room() {
    const auto state = state_;
    while (state->tasks.size() >= state->tasks_max && !state->cancelled) {
        co_await state->changed.async_wait(asio::as_tuple(asio::use_awaitable));
        const auto stop = co_await asio::this_coro::cancellation_state;
        if (stop.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error{asio::error::operation_aborted};
    }
}

void TaskGroup::cancel() {
    state_->cancel();
}

Task<> TaskGroup::join() {
    const auto state = state_;
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto stop = co_await asio::this_coro::cancellation_state;
    const auto stopping = [&stop] { return stop.cancelled() != asio::cancellation_type::none; };
    if (stopping()) state->cancel();
    while (!state->tasks.empty()) {
        co_await state->changed.async_wait(asio::as_tuple(asio::use_awaitable));
        if (stopping() && !state->cancelled) state->cancel();
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    if (state->failure) std::rethrow_exception(state->failure);
    if (stopping()) throw boost::system::system_error{asio::error::operation_aborted};
}

std::size_t TaskGroup::running() const {
    return state_->tasks.size();
}

bool TaskGroup::cancelled() const {
    return state_->cancelled;
}

const std::string& TaskGroup::failed_task() const {
    return state_->failed_task;
}

}  // namespace quorate
