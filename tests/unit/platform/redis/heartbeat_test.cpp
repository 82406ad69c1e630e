#include <gtest/gtest.h>

#include "platform/redis/fleet.hpp"

namespace quorate {
namespace {

TEST(Heartbeat, ComesBackAsItWas) {
    Heartbeat heartbeat;
    heartbeat.agent = "us-east-1";
    heartbeat.instance = "0123abcd";
    heartbeat.version = "0.1.0 \"x\"";
    heartbeat.started_at = UtcTime{milliseconds{1'700'000'000'123}};
    heartbeat.at = UtcTime{milliseconds{1'700'000'009'000}};
    heartbeat.in_flight = 17;
    heartbeat.lag = milliseconds{3};
    heartbeat.load = 0.625;
    heartbeat.state = AgentState::overloaded;
    heartbeat.clock_offset = milliseconds{-250};
    heartbeat.probes_total = 123'456'789'012;
    heartbeat.missed_total = 5;
    heartbeat.duplicates_total = 6;
    heartbeat.held_back_total = 7;
    heartbeat.spooled = 8;
    const auto decoded = decode_heartbeat("us-east-1", encode_heartbeat(heartbeat));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, heartbeat);
}

TEST(Heartbeat, OneOfAnEarlierVersionHasNoLoadAndIsOfAnAgentThatWorks) {
    const auto decoded =
        decode_heartbeat("a",
                         R"({"version":"1","started_at_ms":1,"at_ms":2,"in_flight":3,"lag_ms":4,)"
                         R"("clock_offset_ms":5,"probes_total":6})");
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->load, 0);
    EXPECT_EQ(decoded->state, AgentState::working);
    EXPECT_EQ(decoded->instance, "");
}

TEST(Heartbeat, AStateOfALaterVersionIsNotTakenForOneThatTakesJobs) {
    Heartbeat heartbeat;
    auto json = encode_heartbeat(heartbeat);
    json.replace(json.find("working"), 7, "resting");
    EXPECT_EQ(decode_heartbeat("a", json)->state, AgentState::draining);
}

TEST(Heartbeat, WhatIsNoneOfOursIsNothing) {
    for (const auto* json : {"",
                             "{",
                             "[]",
                             "{}",
                             R"({"version":1})",
                             R"({"version":"1","at_ms":"x"})",
                             R"({"version":"1","started_at_ms":1,"at_ms":1.5})"})
        EXPECT_FALSE(decode_heartbeat("a", json)) << json;
}

}  // namespace
}  // namespace quorate
