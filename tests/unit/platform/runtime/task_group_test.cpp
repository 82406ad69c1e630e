#include "platform/runtime/task_group.hpp"

#include <array>
#include <stdexcept>

#include <gtest/gtest.h>

#include "platform/runtime/overloaded.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/runtime/within.hpp"
#include "tests/unit/platform/runtime/run_task.hpp"

namespace quorate {
namespace {

using test::forever;
using test::forever_then;
using test::is_aborted;
using test::run_task;

Task<> fail_after(milliseconds wait, std::string message) {
    co_await sleep_for(wait);
    throw std::runtime_error{message};
}

Task<> count_after(milliseconds wait, int& count) {
    co_await sleep_for(wait);
    ++count;
}

TEST(TaskGroup, JoinWaitsForEveryTask) {
    int count = 0;
    run_task([&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 3};
        for (const int wait : {5, 0, 10})
            group.spawn("count", count_after(milliseconds{wait}, count));
        EXPECT_EQ(group.running(), 3U);
        co_await group.join();
        EXPECT_EQ(group.running(), 0U);
    });
    EXPECT_EQ(count, 3);
}

TEST(TaskGroup, TheFirstFailureCancelsTheOthersAndIsThrownByJoin) {
    bool ended = false;
    std::string failed;
    const auto body = [&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 3};
        group.spawn("waiter", forever_then(ended));
        group.spawn("late", fail_after(milliseconds{60'000}, "second"));
        group.spawn("early", fail_after(milliseconds{5}, "first"));
        std::exception_ptr thrown;
        try {
            co_await group.join();
        } catch (...) {
            thrown = std::current_exception();
        }
        failed = group.failed_task();
        if (thrown) std::rethrow_exception(thrown);
    };
    try {
        run_task(body);
        ADD_FAILURE() << "join threw nothing";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "first");
    }
    EXPECT_TRUE(ended);
    EXPECT_EQ(failed, "early");
}

TEST(TaskGroup, ATaskThatAbortsWithoutBeingAskedIsAFailure) {
    const auto aborts = []() -> Task<> {
        throw boost::system::system_error{asio::error::operation_aborted};
        co_return;
    };
    const auto body = [&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 1};
        group.spawn("aborts", aborts());
        co_await group.join();
    };
    EXPECT_TRUE(is_aborted([&] { run_task(body); }));
}

TEST(TaskGroup, AFullGroupRefusesATaskAndRunsNothingOfIt) {
    int count = 0;
    run_task([&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 1};
        group.spawn("first", forever());
        EXPECT_THROW(group.spawn("second", count_after(milliseconds{0}, count)), Overloaded);
        group.cancel();
        co_await group.join();
    });
    EXPECT_EQ(count, 0);
}

TEST(TaskGroup, RoomWaitsUntilATaskHasEnded) {
    int count = 0;
    run_task([&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 2};
        for (int i = 0; i < 6; ++i) {
            co_await group.room();
            EXPECT_LT(group.running(), 2U);
            group.spawn("count", count_after(milliseconds{1}, count));
        }
        co_await group.join();
    });
    EXPECT_EQ(count, 6);
}

TEST(TaskGroup, ACancelledRoomThrowsAndTheGroupGoesOn) {
    int count = 0;
    run_task([&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 1};
        group.spawn("count", count_after(milliseconds{30}, count));
        auto waiting = group.room();
        const auto soon = SystemClock{}.steady_now() + milliseconds{1};
        const bool room = co_await done_within(soon, std::move(waiting));
        EXPECT_FALSE(room);
        EXPECT_FALSE(group.cancelled());
        co_await group.join();
    });
    EXPECT_EQ(count, 1);
}

TEST(TaskGroup, ACancelledGroupStartsNothingAndItsJoinIsNoFailure) {
    int count = 0;
    bool ended = false;
    run_task([&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 2};
        group.spawn("waiter", forever_then(ended));
        co_await sleep_for(milliseconds{1});
        group.cancel();
        group.spawn("count", count_after(milliseconds{0}, count));
        co_await group.join();
    });
    EXPECT_TRUE(ended);
    EXPECT_EQ(count, 0);
}

TEST(TaskGroup, ATaskCancelledBeforeItStartedEndsToo) {
    run_task([]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 1};
        group.spawn("waiter", forever());
        group.cancel();
        co_await group.join();
        EXPECT_EQ(group.running(), 0U);
    });
}

TEST(TaskGroup, ACancelledJoinCancelsTheTasksAndStillWaitsForThem) {
    std::array<bool, 3> ended{};
    bool join_returned = false;
    const auto parent = [&]() -> Task<> {
        TaskGroup inner{co_await asio::this_coro::executor, ended.size()};
        for (auto& each : ended)
            inner.spawn("waiter", forever_then(each));
        co_await inner.join();
        join_returned = true;
    };
    run_task([&]() -> Task<> {
        TaskGroup outer{co_await asio::this_coro::executor, 1};
        outer.spawn("parent", parent());
        co_await sleep_for(milliseconds{5});
        outer.cancel();
        co_await outer.join();
        EXPECT_EQ(ended, (std::array{true, true, true}));
    });
    EXPECT_FALSE(join_returned);
}

}  // namespace
}  // namespace quorate
