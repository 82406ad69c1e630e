#include "platform/runtime/blocking_pool.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"
#include "tests/unit/platform/runtime/run_task.hpp"

namespace quorate {
namespace {

using test::is_aborted;
using test::run_task;

/// A function that blocks its thread until `open` is called.
class Gate {
public:
    void wait() {
        entered_.set_value();
        opened_.get_future().wait();
    }
    void open() { opened_.set_value(); }
    /// Blocks until some thread is inside `wait`.
    void await_entered() { entered_.get_future().wait(); }

private:
    std::promise<void> entered_;
    std::promise<void> opened_;
};

Task<> pass(BlockingPool& pool, Gate& gate) {
    auto function = [&gate] { gate.wait(); };
    co_await pool.run(std::move(function));
}

Task<> count(BlockingPool& pool, std::atomic<int>& counter) {
    auto function = [&counter] { ++counter; };
    co_await pool.run(std::move(function));
}

TEST(BlockingPool, AFunctionRunsOnAnotherThreadAndItsCallerResumesOnItsOwn) {
    BlockingPool pool{2, 8};
    run_task([&]() -> Task<> {
        const auto own = std::this_thread::get_id();
        auto function = [] { return std::this_thread::get_id(); };
        const auto other = co_await pool.run(std::move(function));
        EXPECT_NE(other, own);
        EXPECT_EQ(std::this_thread::get_id(), own);
    });
}

TEST(BlockingPool, AMoveOnlyFunctionMayReturnAMoveOnlyValue) {
    BlockingPool pool{1, 1};
    run_task([&]() -> Task<> {
        auto given = std::make_unique<std::string>("a text longer than the small-string buffer");
        auto function = [given = std::move(given)]() mutable { return std::move(given); };
        const auto taken = co_await pool.run(std::move(function));
        EXPECT_EQ(*taken, "a text longer than the small-string buffer");
    });
}

TEST(BlockingPool, WhatTheFunctionThrowsIsThrownAtItsCaller) {
    BlockingPool pool{1, 1};
    const auto body = [&]() -> Task<> {
        auto function = []() -> int { throw std::out_of_range{"broken"}; };
        co_await pool.run(std::move(function));
    };
    EXPECT_THROW(run_task(body), std::out_of_range);
}

TEST(BlockingPool, ManyCallersGetEachItsOwnAnswer) {
    BlockingPool pool{4, 100};
    std::vector<int> answers(100, -1);
    const auto ask = [&](int number) -> Task<> {
        auto function = [number] { return number * number; };
        answers[static_cast<std::size_t>(number)] = co_await pool.run(std::move(function));
    };
    run_task([&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 100};
        for (int number = 0; number < 100; ++number)
            group.spawn("ask", ask(number));
        co_await group.join();
    });
    for (int number = 0; number < 100; ++number)
        EXPECT_EQ(answers[static_cast<std::size_t>(number)], number * number);
}

TEST(BlockingPool, AtItsBoundItRefusesAtOnceAndRecovers) {
    BlockingPool pool{1, 1};
    Gate gate;
    std::atomic<int> counter = 0;
    run_task([&]() -> Task<> {
        auto executor = co_await asio::this_coro::executor;
        TaskGroup group{executor, 2};
        group.spawn("runs", pass(pool, gate));
        group.spawn("queued", count(pool, counter));
        co_await sleep_for(milliseconds{0});
        gate.await_entered();
        EXPECT_EQ(pool.running(), 1U);
        EXPECT_EQ(pool.queued(), 1U);
        bool refused = false;
        try {
            co_await count(pool, counter);
        } catch (const Overloaded&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        gate.open();
        co_await group.join();
        co_await count(pool, counter);
    });
    EXPECT_EQ(counter, 2);
    EXPECT_EQ(pool.queued(), 0U);
}

TEST(BlockingPool, AFunctionWhoseCallerWasCancelledInTheQueueNeverRuns) {
    BlockingPool pool{1, 1};
    Gate gate;
    std::atomic<int> counter = 0;
    run_task([&]() -> Task<> {
        auto executor = co_await asio::this_coro::executor;
        TaskGroup running{executor, 1};
        TaskGroup queued{executor, 1};
        running.spawn("runs", pass(pool, gate));
        queued.spawn("queued", count(pool, counter));
        co_await sleep_for(milliseconds{0});
        gate.await_entered();
        queued.cancel();
        gate.open();
        co_await queued.join();
        co_await running.join();
    });
    EXPECT_EQ(counter, 0);
}

TEST(BlockingPool, ACallerCancelledWhileItsFunctionRunsWaitsForIt) {
    BlockingPool pool{1, 1};
    Gate gate;
    bool resumed = false;
    const auto caller = [&]() -> Task<> {
        co_await pass(pool, gate);
        resumed = true;
    };
    run_task([&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 1};
        group.spawn("runs", caller());
        co_await sleep_for(milliseconds{0});
        gate.await_entered();
        group.cancel();
        EXPECT_EQ(group.running(), 1U);
        gate.open();
        co_await group.join();
    });
    EXPECT_TRUE(resumed);
}

TEST(BlockingPool, ItsEndFinishesWhatRunsAndAbortsWhatIsQueued) {
    auto pool = std::make_unique<BlockingPool>(1, 1);
    Gate gate;
    std::atomic<int> counter = 0;
    bool passed = false;
    bool aborted = false;
    const auto first = [&]() -> Task<> {
        co_await pass(*pool, gate);
        passed = true;
    };
    const auto second = [&]() -> Task<> {
        try {
            co_await count(*pool, counter);
        } catch (const boost::system::system_error& error) {
            aborted = error.code() == asio::error::operation_aborted;
        }
    };
    run_task([&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 2};
        group.spawn("runs", first());
        group.spawn("queued", second());
        co_await sleep_for(milliseconds{0});
        gate.await_entered();
        // The destructor waits for the running function, so another thread has to let it go.
        std::jthread opener{[&gate] { gate.open(); }};
        pool.reset();
        co_await group.join();
    });
    EXPECT_TRUE(passed);
    EXPECT_TRUE(aborted || counter == 1);  // the gate may open before the destructor starts
}

}  // namespace
}  // namespace quorate
