#include "platform/runtime/within.hpp"

#include <stdexcept>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"
#include "tests/unit/platform/runtime/run_task.hpp"

namespace quorate {
namespace {

using boost::system::error_code;
using tcp = asio::ip::tcp;
using test::forever;
using test::forever_then;
using test::run_task;

constexpr milliseconds kFar{60'000};

Deadline in(milliseconds wait) {
    return SystemClock{}.steady_now() + wait;
}

Task<error_code> connect_to(tcp::endpoint peer) {
    tcp::socket socket{co_await asio::this_coro::executor};
    const auto [error] = co_await socket.async_connect(peer, asio::as_tuple(asio::use_awaitable));
    co_return error;
}

Task<error_code> connect_and_read(tcp::endpoint peer) {
    tcp::socket socket{co_await asio::this_coro::executor};
    co_await socket.async_connect(peer, asio::use_awaitable);
    char byte = 0;
    const auto [error, bytes] = co_await socket.async_read_some(
        asio::buffer(&byte, 1), asio::as_tuple(asio::use_awaitable));
    co_return error;
}

/// Has no default constructor: `within` must not need one.
struct Answer {
    explicit Answer(std::string said) : text{std::move(said)} {}
    std::string text;
};

Task<Answer> answer_at_once() {
    co_return Answer{"a text that is longer than the small-string buffer"};
}

Task<> throw_at_once() {
    throw std::runtime_error{"broken"};
    co_return;
}

TEST(Within, WorkThatEndsInTimeGivesItsValue) {
    run_task([]() -> Task<> {
        auto work = answer_at_once();
        auto answer = co_await within(in(kFar), std::move(work));
        EXPECT_TRUE(answer.has_value());
        if (!answer) co_return;
        EXPECT_EQ(answer->text, "a text that is longer than the small-string buffer");
    });
}

TEST(Within, ARefusedConnectionIsReportedAtOnceAndAsItself) {
    run_task([]() -> Task<> {
        auto executor = co_await asio::this_coro::executor;
        const auto peer = tcp::acceptor{executor, {asio::ip::address_v4::loopback(), 0}}
                              .local_endpoint();  // closed again: nobody listens there
        const auto deadline = in(kFar);
        auto work = connect_to(peer);
        const auto outcome = co_await within(deadline, std::move(work));
        EXPECT_LT(SystemClock{}.steady_now() + kFar / 2, deadline);
        EXPECT_TRUE(outcome.has_value());
        if (!outcome) co_return;
        EXPECT_EQ(*outcome, asio::error::connection_refused);
    });
}

TEST(Within, ASilentPeerEndsAtTheDeadline) {
    run_task([]() -> Task<> {
        auto executor = co_await asio::this_coro::executor;
        const tcp::acceptor silent{executor, {asio::ip::address_v4::loopback(), 0}};
        const auto deadline = in(milliseconds{50});
        auto work = connect_and_read(silent.local_endpoint());
        const auto outcome = co_await within(deadline, std::move(work));
        EXPECT_FALSE(outcome.has_value());
        EXPECT_GE(SystemClock{}.steady_now(), deadline);
    });
}

TEST(Within, WorkIsNeverLeftRunningAfterTheDeadline) {
    run_task([]() -> Task<> {
        bool ended = false;
        auto work = forever_then(ended);
        const bool done = co_await done_within(in(milliseconds{10}), std::move(work));
        EXPECT_FALSE(done);
        EXPECT_TRUE(ended);
    });
}

TEST(Within, WhatTheWorkThrowsIsThrown) {
    EXPECT_THROW(run_task([]() -> Task<> {
                     auto work = throw_at_once();
                     co_await done_within(in(kFar), std::move(work));
                 }),
                 std::runtime_error);
}

TEST(Within, ACancelledParentIsNeverTakenForALateAnswer) {
    bool ended = false;
    bool returned = false;
    const auto parent = [&]() -> Task<> {
        auto work = forever_then(ended);
        co_await done_within(in(kFar), std::move(work));
        returned = true;
    };
    run_task([&]() -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 1};
        group.spawn("parent", parent());
        auto pause = forever();
        co_await done_within(in(milliseconds{10}), std::move(pause));
        group.cancel();
        co_await group.join();
    });
    EXPECT_TRUE(ended);
    EXPECT_FALSE(returned);
}

TEST(Within, AValueThatTheWorkGivesWhenItsCallerIsCancelledCounts) {
    std::optional<std::optional<error_code>> outcome;
    run_task([&]() -> Task<> {
        auto executor = co_await asio::this_coro::executor;
        const tcp::acceptor silent{executor, {asio::ip::address_v4::loopback(), 0}};
        const auto parent = [&]() -> Task<> {
            auto work = connect_and_read(silent.local_endpoint());
            outcome = co_await within(in(kFar), std::move(work));
        };
        TaskGroup group{executor, 1};
        group.spawn("parent", parent());
        auto pause = forever();
        co_await done_within(in(milliseconds{20}), std::move(pause));
        group.cancel();
        co_await group.join();
    });
    ASSERT_TRUE(outcome.has_value() && outcome->has_value());
    EXPECT_EQ(**outcome, asio::error::operation_aborted);
}

}  // namespace
}  // namespace quorate
