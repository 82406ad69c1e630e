#include "core/schedule/schedule.hpp"

#include <cstdint>
#include <limits>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "core/base/sha256.hpp"
#include "core/model/endpoint.hpp"

namespace quorate {
namespace {

using namespace std::chrono_literals;

TEST(Timing, OfTheDefaultEndpointInAMinuteIsItsOwnTimeout) {
    const auto timing = timing_of(8s, Window::minute());
    EXPECT_EQ(timing.retry_gap, 2s);
    EXPECT_EQ(timing.timeout_in_force, 8s);
    EXPECT_EQ(timing.budget, 18s);
    EXPECT_EQ(timing.span, 42s);
    EXPECT_FALSE(timing.clipped);
}

TEST(Timing, ClipsTheTimeoutInAShortWindow) {
    const auto timing = timing_of(8s, *Window::of(5s));
    EXPECT_EQ(timing.retry_gap, 500ms);
    EXPECT_EQ(timing.timeout_in_force, 2250ms);
    EXPECT_EQ(timing.budget, 5s);
    EXPECT_EQ(timing.span, 500ms);
    EXPECT_TRUE(timing.clipped);
}

TEST(Timing, EndsAWholeProbeBeforeTheWatermarkInEveryWindow) {
    for (const auto seconds : Window::kLengthsS) {
        const auto window = *Window::of(std::chrono::seconds{seconds});
        for (const auto timeout : {milliseconds{1}, milliseconds{8000}, milliseconds{60000}}) {
            const auto timing = timing_of(timeout, window);
            const auto minute = UtcMinute::from_epoch_ms(1'800'000'000'000);
            const auto latest = not_after(minute, window, timing.budget);
            EXPECT_LE(latest + timing.budget, watermark(minute, window)) << seconds;
            // Known limit of the formulas: where two attempts fill more than 57 s of a 60 s window
            // (a timeout over 27.5 s), the last slots lie after the latest start.
            if (timing.budget <= 57s) {
                EXPECT_GE(latest, minute.start() + timing.span) << seconds;
            }
            EXPECT_GE(timing.span, window.length() / 10) << seconds;
        }
    }
}

TEST(Slot, StaggersTheRegionsOfAnEndpointEvenly) {
    EXPECT_EQ(slot_of(0, 0, 5, 42s), 0ms);
    EXPECT_EQ(slot_of(0, 1, 5, 42s), 8400ms);
    EXPECT_EQ(slot_of(0, 4, 5, 42s), 33600ms);
    EXPECT_EQ(slot_of(41'000, 1, 5, 42s), 7400ms);
    EXPECT_EQ(slot_of(7, 1, 3, 100ms), 40ms) << "floor(100 / 3) = 33";
}

TEST(Slot, DoesNotOverflowForTheLargestHash) {
    constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
    const auto expected = (kMost % 42'000 + 33'600) % 42'000;
    EXPECT_EQ(slot_of(kMost, 4, 5, 42s).count(), static_cast<std::int64_t>(expected));
    EXPECT_LT(slot_of(kMost, 31, 32, 54s), 54s);
}

TEST(Slot, OfANamedEndpointNeverChanges) {
    EXPECT_EQ(slot_of(stable_hash("abc"), 0, 5, 42s).count(), 0xba7816bf8f01cfeaULL % 42'000);
}

TEST(Watermark, IsFiveSecondsAfterTheEndOfTheWindow) {
    const auto minute = UtcMinute::from_epoch_ms(1'800'000'000'000);
    EXPECT_EQ(watermark(minute, *Window::of(10s)), minute.start() + 15s);
    EXPECT_EQ(not_after(minute, Window::minute(), 18s), minute.start() + 45s);
}

TEST(Interval, ExpectsExactlyOneWindowInEachInterval) {
    const auto window = *Window::of(10s);
    for (const std::uint64_t hash : {0ULL, 1ULL, 5ULL, 0xba7816bf8f01cfeaULL}) {
        int expected = 0;
        for (int i = 0; i < 60; ++i)
            if (expects(UtcMinute::from_epoch_ms(i * 10'000), window, 60s, hash)) {
                ++expected;
                EXPECT_EQ(static_cast<std::uint64_t>(i) % 6, hash % 6);
            }
        EXPECT_EQ(expected, 10);
    }
}

TEST(Interval, OfOneWindowExpectsEveryWindow) {
    for (int i = 0; i < 10; ++i)
        EXPECT_TRUE(expects(UtcMinute::from_epoch_ms(i * 60'000), Window::minute(), 60s, 12345));
}

TEST(Shard, HoldsTheEndpointsThatARegionLooksAtOneAfterTheOther) {
    // 60 s - (2 x 8 s + 2 s) = 42,000 ms of slots: 656.25 ms a shard of 64.
    const auto window = Window::minute();
    EXPECT_EQ(turn_of(42'000 * 7 + 656, window), 656U);
    EXPECT_EQ(shard_of(0, 64, window), ShardId{0});
    EXPECT_EQ(shard_of(656, 64, window), ShardId{0});
    EXPECT_EQ(shard_of(657, 64, window), ShardId{1});
    EXPECT_EQ(shard_of(41'999, 64, window), ShardId{63});
    EXPECT_EQ(shard_of(42'000, 64, window), ShardId{0});
    EXPECT_EQ(shard_of(std::numeric_limits<std::uint64_t>::max(), 1, window), ShardId{0});
}

TEST(Shard, GoesByTheTimeoutOfAnEndpointThatAsksForNone) {
    EXPECT_EQ(EndpointSpec{}.timeout, kTimeoutDefault);
}

TEST(Shard, AllAreUsedAtAnyWindow) {
    for (const auto length : {2s, 5s, 60s}) {
        const auto window = *Window::of(length);
        std::set<ShardId> used;
        std::mt19937_64 random{1};
        for (int i = 0; i < 20'000; ++i)
            used.insert(shard_of(random(), 64, window));
        EXPECT_EQ(used.size(), 64U);
        EXPECT_LT(*used.rbegin(), ShardId{64});
    }
}

}  // namespace
}  // namespace quorate
