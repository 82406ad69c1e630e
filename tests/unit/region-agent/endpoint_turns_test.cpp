#include "region-agent/intake/endpoint_turns.hpp"

#include <exception>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

namespace quorate::agent {
namespace {

using std::chrono::seconds;

constexpr EndpointId kEndpoint{7};
const std::string kUrl = "https://example.com/mcp";
const SteadyTime kNow{std::chrono::hours{5}};

TEST(EndpointTurns, AHoldEndsAfterItsTime) {
    EndpointTurns turns;
    EXPECT_FALSE(turns.held_off(kEndpoint, kUrl, kNow));
    turns.hold_off(kEndpoint, kUrl, kNow, seconds{90});
    EXPECT_EQ(turns.held_off(kEndpoint, kUrl, kNow), seconds{90});
    EXPECT_EQ(turns.held_off(kEndpoint, kUrl, kNow + milliseconds{60'100}), seconds{30});
    EXPECT_FALSE(turns.held_off(EndpointId{8}, kUrl, kNow));
    EXPECT_FALSE(turns.held_off(kEndpoint, kUrl, kNow + seconds{90}));
    EXPECT_EQ(turns.holds(), 0U);
}

TEST(EndpointTurns, NobodyKeepsUsAwayForMoreThanAnHour) {
    EndpointTurns turns;
    turns.hold_off(kEndpoint, kUrl, kNow, seconds{4'000'000'000});
    EXPECT_EQ(turns.held_off(kEndpoint, kUrl, kNow), std::chrono::hours{1});
}

TEST(EndpointTurns, AnotherUrlOfTheEndpointIsNotHeldOff) {
    EndpointTurns turns;
    turns.hold_off(kEndpoint, kUrl, kNow, seconds{90});
    EXPECT_FALSE(turns.held_off(kEndpoint, "https://example.org/mcp", kNow));
}

TEST(EndpointTurns, OneHoldTooManyDropsTheOneThatEndsFirst) {
    EndpointTurns turns;
    for (std::uint64_t i = 0; i < EndpointTurns::kHoldsMax; ++i)
        turns.hold_off(EndpointId{i}, kUrl, kNow, seconds{i == 42 ? 5 : 60});
    turns.hold_off(EndpointId{1'000'000}, kUrl, kNow, seconds{60});
    EXPECT_EQ(turns.holds(), EndpointTurns::kHoldsMax);
    EXPECT_FALSE(turns.held_off(EndpointId{42}, kUrl, kNow));
    EXPECT_TRUE(turns.held_off(EndpointId{1'000'000}, kUrl, kNow));
    EXPECT_TRUE(turns.held_off(EndpointId{0}, kUrl, kNow));
    // Those that ended go first, all of them.
    turns.hold_off(EndpointId{1'000'001}, kUrl, kNow + seconds{61}, seconds{60});
    EXPECT_EQ(turns.holds(), 1U);
}

TEST(EndpointTurns, AnEndpointIsProbedByOneAtATimeInTheOrderOfTheirComing) {
    asio::io_context io{1};
    EndpointTurns turns;
    asio::steady_timer first_may_end{io, asio::steady_timer::time_point::max()};
    std::vector<int> order;
    const auto take = [&](int number, EndpointId endpoint, bool stays) -> Task<> {
        const bool ours = co_await turns.wait(endpoint);
        EXPECT_TRUE(ours);
        const EndpointTurns::Turn turn{turns, endpoint};
        order.push_back(number);
        if (!stays) co_return;
        co_await first_may_end.async_wait(asio::as_tuple(asio::use_awaitable));
        order.push_back(-number);
    };
    const auto rethrow = [](std::exception_ptr thrown) {
        if (thrown) std::rethrow_exception(thrown);
    };
    asio::co_spawn(io, take(1, kEndpoint, true), rethrow);
    asio::co_spawn(io, take(2, kEndpoint, false), rethrow);
    asio::co_spawn(io, take(3, EndpointId{8}, false), rethrow);
    asio::co_spawn(io, take(4, kEndpoint, false), rethrow);
    io.poll();
    EXPECT_EQ(order, (std::vector<int>{1, 3}));
    first_may_end.cancel();
    io.run();
    EXPECT_EQ(order, (std::vector<int>{1, 3, -1, 2, 4}));
}

TEST(EndpointTurns, ACancelledWaitIsNoTurn) {
    asio::io_context io{1};
    EndpointTurns turns;
    const EndpointTurns::Turn turn{turns, kEndpoint};
    std::optional<bool> ours;
    const auto wait = [&]() -> Task<> { ours = co_await turns.wait(kEndpoint); };
    asio::cancellation_signal cancel;
    asio::co_spawn(
        io, wait(), asio::bind_cancellation_slot(cancel.slot(), [](std::exception_ptr) {}));
    io.poll();
    EXPECT_FALSE(ours);
    cancel.emit(asio::cancellation_type::terminal);
    io.run();
    EXPECT_EQ(ours, false);
}

}  // namespace
}  // namespace quorate::agent
