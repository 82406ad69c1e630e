#include "tests/support/relay/delay_line.hpp"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace quorate::relay {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr SteadyTime kStart{std::chrono::hours{1}};

Packet packet_of(std::size_t size, int first = 0) {
    Packet packet(size);
    if (size > 0) packet.front() = static_cast<std::byte>(first);
    return packet;
}

TEST(DelayLine, APacketLeavesAfterTheDelayAndNotAMicrosecondBefore) {
    DelayLine line{{}, 1};
    line.set({milliseconds{45}, 0});
    line.put(packet_of(100, 7), kStart);
    ASSERT_EQ(line.next(), kStart + milliseconds{45});
    EXPECT_FALSE(line.take(kStart + milliseconds{45} - microseconds{1}));
    const auto packet = line.take(kStart + milliseconds{45});
    ASSERT_TRUE(packet);
    EXPECT_EQ(*packet, packet_of(100, 7));
    EXPECT_FALSE(line.next());
}

TEST(DelayLine, PacketsThatCameTogetherLeaveTogetherHoweverManyTheyAre) {
    DelayLine line{{}, 1};
    line.set({milliseconds{110}, 0});
    for (int i = 0; i < 1000; ++i)
        line.put(packet_of(1500), kStart);
    int left = 0;
    while (line.take(kStart + milliseconds{110}))
        ++left;
    EXPECT_EQ(left, 1000) << "a line delays; it has no rate";
}

TEST(DelayLine, NoneOvertakesAnotherWhenTheDelayBecomesLess) {
    DelayLine line{{}, 1};
    line.set({milliseconds{400}, 0});
    line.put(packet_of(10, 1), kStart);
    line.set({milliseconds{10}, 0});
    line.put(packet_of(10, 2), kStart + milliseconds{1});
    EXPECT_FALSE(line.take(kStart + milliseconds{399}));
    EXPECT_EQ(line.take(kStart + milliseconds{400}), packet_of(10, 1));
    EXPECT_EQ(line.take(kStart + milliseconds{400}), packet_of(10, 2));
    line.put(packet_of(10, 3), kStart + milliseconds{401});
    EXPECT_EQ(line.next(), kStart + milliseconds{411}) << "the new delay, once the old ones left";
}

TEST(DelayLine, LosesThePartThatItIsTold) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    DelayLine line{{.packets_max = 400'000, .bytes_max = 1U << 30U}, seed};
    line.set({milliseconds{1}, 0.001});
    constexpr std::uint64_t kPackets = 200'000;
    for (std::uint64_t i = 0; i < kPackets; ++i)
        line.put(packet_of(1), kStart);
    // 200 with a standard deviation of 14: seven of them either way.
    EXPECT_GT(line.counts().lost, 100U);
    EXPECT_LT(line.counts().lost, 300U);
    EXPECT_EQ(line.counts().taken, kPackets);
    EXPECT_EQ(line.waiting(), kPackets - line.counts().lost);
}

TEST(DelayLine, LosesNothingAtZeroAndEverythingAtOne) {
    DelayLine line{{}, 1};
    line.set({milliseconds{1}, 0});
    for (int i = 0; i < 1000; ++i)
        line.put(packet_of(1), kStart);
    EXPECT_EQ(line.counts().lost, 0U);
    line.set({milliseconds{1}, 1});
    for (int i = 0; i < 1000; ++i)
        line.put(packet_of(1), kStart);
    EXPECT_EQ(line.counts().lost, 1000U);
}

TEST(DelayLine, DropsAndCountsWhatComesAboveItsBoundOfPackets) {
    DelayLine line{{.packets_max = 3, .bytes_max = 1U << 20U}, 1};
    line.set({milliseconds{5}, 0});
    for (int i = 0; i < 5; ++i)
        line.put(packet_of(10, i), kStart);
    EXPECT_EQ(line.waiting(), 3U);
    EXPECT_EQ(line.counts().dropped, 2U);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(line.take(kStart + milliseconds{5}), packet_of(10, i))
            << "the latest are dropped";
    line.put(packet_of(10), kStart + milliseconds{6});
    EXPECT_EQ(line.waiting(), 1U) << "there is room again";
    EXPECT_EQ(line.counts().dropped, 2U);
}

TEST(DelayLine, DropsAndCountsWhatComesAboveItsBoundOfBytes) {
    DelayLine line{{.packets_max = 1000, .bytes_max = 100}, 1};
    line.set({milliseconds{5}, 0});
    line.put(packet_of(60), kStart);
    line.put(packet_of(60), kStart);
    line.put(packet_of(40), kStart);
    EXPECT_EQ(line.waiting(), 2U);
    EXPECT_EQ(line.counts().dropped, 1U);
    EXPECT_EQ(line.take(kStart + milliseconds{5})->size(), 60U);
    line.put(packet_of(60), kStart + milliseconds{5});
    EXPECT_EQ(line.waiting(), 2U) << "what left takes no room";
}

}  // namespace
}  // namespace quorate::relay
