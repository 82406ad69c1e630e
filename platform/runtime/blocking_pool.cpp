#include "platform/runtime/blocking_pool.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace quorate {
namespace {

/// One function in the queue. Exactly one of its ends is reached: run, or dropped.
struct Call {
    std::function<void()> function;
    std::function<void(std::exception_ptr)> resume;
    std::atomic<bool> unwanted = false;  // its caller was cancelled while it was queued

    /// Hands the caller its answer. Gives `resume` away, for it owns the caller's coroutine, whose
    /// cancellation slot owns this Call.
    void answer(std::exception_ptr thrown) {
        const auto handed_over = std::move(resume);
        handed_over(std::move(thrown));
    }
};

std::exception_ptr aborted() {
    return std::make_exception_ptr(boost::system::system_error{asio::error::operation_aborted});
}

/// Wraps a completion handler so that a thread of the pool resumes it on its own executor.
template <class Handler>
std::function<void(std::exception_ptr)> resumer(Handler handler) {
    auto executor = asio::get_associated_executor(handler);
    auto shared = std::make_shared<Handler>(std::move(handler));
    return [shared, work = asio::make_work_guard(executor)](std::exception_ptr thrown) {
        asio::post(work.get_executor(), [shared, thrown = std::move(thrown)]() mutable {
            auto slot = asio::get_associated_cancellation_slot(*shared);
            if (slot.is_connected()) slot.clear();
            std::move (*shared)(std::move(thrown));
        });
    };
}

}  // namespace

struct BlockingPool::State {
    std::size_t taken_max = 0;  // queued and running together
    mutable std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::shared_ptr<Call>> queue;
    std::size_t running = 0;
    bool stopping = false;
    std::vector<std::jthread> threads;

    bool try_push(std::shared_ptr<Call> call) {
        {
            const std::lock_guard lock{mutex};
            if (queue.size() + running >= taken_max) return false;
            queue.push_back(std::move(call));
        }
        changed.notify_one();
        return true;
    }

    void work() {
        std::unique_lock lock{mutex};
        while (true) {
            changed.wait(lock, [this] { return stopping || !queue.empty(); });
            if (queue.empty()) return;
            const auto call = std::move(queue.front());
            queue.pop_front();
            const bool drop = stopping || call->unwanted;
            ++running;
            lock.unlock();
            finish(*call, drop);
            lock.lock();
            --running;
        }
    }

    static void finish(Call& call, bool drop) {
        std::exception_ptr thrown;
        if (drop) {
            thrown = aborted();
        } else {
            try {
                call.function();
            } catch (...) {
                thrown = std::current_exception();
            }
        }
        call.answer(std::move(thrown));
    }
};

BlockingPool::BlockingPool(std::size_t threads, std::size_t queued_max)
    : state_{std::make_unique<State>()} {
    if (threads == 0) throw std::invalid_argument{"a pool needs at least one thread"};
    state_->taken_max = threads + queued_max;
    for (std::size_t i = 0; i < threads; ++i)
        state_->threads.emplace_back([state = state_.get()] { state->work(); });
}

BlockingPool::~BlockingPool() {
    {
        const std::lock_guard lock{state_->mutex};
        state_->stopping = true;
    }
    state_->changed.notify_all();
}

Task<> BlockingPool::perform(std::function<void()> function) {
    const auto call = std::make_shared<Call>();
    call->function = std::move(function);
    bool taken = false;
    auto start = [this, call, &taken](auto handler) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        call->resume = resumer(std::move(handler));
        if (slot.is_connected())
            slot.assign([call](asio::cancellation_type) { call->unwanted = true; });
        taken = state_->try_push(call);
        if (!taken) call->answer(nullptr);
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
        start, asio::use_awaitable);
    if (!taken)
        throw Overloaded{"there are " + std::to_string(state_->taken_max) +
                         " blocking calls already"};
}

std::size_t BlockingPool::queued() const {
    const std::lock_guard lock{state_->mutex};
    return state_->queue.size();
}

std::size_t BlockingPool::running() const {
    const std::lock_guard lock{state_->mutex};
    return state_->running;
}

}  // namespace quorate
