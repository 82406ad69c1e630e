#include "tests/support/relay/links.hpp"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace quorate::relay {
namespace {

constexpr const char* kTwo =
    "# name netns device netns device rtt loss\n"
    "\n"
    "us-east.core quorate-0-us-east core quorate-0-core us-east 20 0.1\n"
    "us-east.endpoints quorate-0-us-east endpoints quorate-0-endpoints us-east 820.5 0\n";

std::string refusal(const std::string& text) {
    try {
        parse_links(text);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "taken";
}

TEST(RelayLinks, HalfOfTheRoundTripIsTheDelayOfEachWay) {
    const auto links = parse_links(kTwo);
    ASSERT_EQ(links.size(), 2U);
    EXPECT_EQ(links[0].name, "us-east.core");
    EXPECT_EQ(links[0].one, (LinkEnd{"quorate-0-us-east", "core"}));
    EXPECT_EQ(links[0].other, (LinkEnd{"quorate-0-core", "us-east"}));
    EXPECT_EQ(links[0].path().delay, std::chrono::milliseconds{10});
    EXPECT_DOUBLE_EQ(links[0].path().loss, 0.001);
    EXPECT_EQ(links[1].path().delay, std::chrono::microseconds{410'250});
}

TEST(RelayLinks, WhatIsWrongIsSaidWithItsLine) {
    EXPECT_EQ(refusal(""), "there is no link");
    EXPECT_EQ(refusal("\na b c\n"),
              "line 2: NAME NETNS DEVICE NETNS DEVICE RTT_MS LOSS_PERCENT are wanted");
    EXPECT_EQ(refusal("a n d n e 1 0 more"),
              "line 1: NAME NETNS DEVICE NETNS DEVICE RTT_MS LOSS_PERCENT are wanted");
    EXPECT_EQ(refusal("a n d n e 1ms 0"),
              "line 1: the round trip is no number from 0 on that is small enough: 1ms");
    EXPECT_EQ(refusal("a n d n e -1 0"),
              "line 1: the round trip is no number from 0 on that is small enough: -1");
    EXPECT_EQ(refusal("a n d n e 1 100.5"),
              "line 1: the loss is no number from 0 on that is small enough: 100.5");
    EXPECT_EQ(refusal("a ../n d n e 1 0"), "line 1: no name of a namespace: ../n");
    EXPECT_EQ(refusal("a n d2345678901234567 n e 1 0"),
              "line 1: too long for a device: d2345678901234567");
    EXPECT_EQ(refusal("a n d n e 1 0\na n d n e 1 0"), "line 2: a is there twice");
    std::string many;
    for (std::size_t i = 0; i <= kLinksMax; ++i)
        many += "l" + std::to_string(i) + " n d n e 1 0\n";
    EXPECT_EQ(refusal(many), "line 65: more than 64 links");
}

TEST(RelayLinks, OnlyRttAndLossMayChangeLater) {
    const auto before = parse_links(kTwo);
    auto after = before;
    after[0].rtt_ms = 900;
    after[1].loss_percent = 50;
    EXPECT_TRUE(same_links(before, after));
    after[0].one.device = "another";
    EXPECT_FALSE(same_links(before, after));
    EXPECT_FALSE(same_links(before, {before[0]}));
}

}  // namespace
}  // namespace quorate::relay
