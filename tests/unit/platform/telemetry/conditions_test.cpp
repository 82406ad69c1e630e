#include "platform/telemetry/conditions.hpp"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include "platform/runtime/clock.hpp"

namespace quorate {
namespace {

using Reasons = std::vector<std::string>;

struct Shown {
    std::ostringstream lines;
    SystemClock clock;
    Logger log{"test",
               LogLevel::info,
               clock,
               std::make_shared<spdlog::sinks::ostream_sink_mt>(lines, true)};
    Readiness readiness;

    bool logged(const std::string& text) const {
        return lines.str().find(text) != std::string::npos;
    }
};

TEST(Conditions, ShowTheCauseAloneAndNotWhatItEntails) {
    Shown shown;
    Conditions conditions{shown.readiness, shown.log};
    const auto reasons = [&] { return shown.readiness.reasons(); };
    EXPECT_EQ(reasons(), (Reasons{"postgres_unreachable", "redis_unreachable"}));
    conditions.redis(true);
    conditions.postgres(true);
    EXPECT_EQ(reasons(), Reasons{"starting"});
    conditions.prepared(true);
    EXPECT_EQ(reasons(), Reasons{"standby"});
    conditions.leading(true);
    EXPECT_TRUE(shown.readiness.ready());
    conditions.postgres(false);
    conditions.leading(false);
    EXPECT_EQ(reasons(), Reasons{"postgres_unreachable"});
    conditions.postgres(true);
    conditions.schema(false);
    EXPECT_EQ(reasons(), Reasons{"schema_mismatch"});
}

TEST(Conditions, OneReasonGivesWayToTheNextWithNoMomentOfReadinessBetween) {
    Shown shown;
    Conditions conditions{shown.readiness, shown.log};
    std::vector<bool> told;
    shown.readiness.on_change([&](bool ready) { told.push_back(ready); });
    conditions.leading(false);
    conditions.redis(true);
    conditions.postgres(true);
    conditions.schema(false);
    conditions.schema(true);
    conditions.prepared(true);
    conditions.postgres(false);
    conditions.postgres(true);
    EXPECT_EQ(told, std::vector<bool>{false}) << "it stands by by now, and never was ready";
    conditions.leading(true);
    conditions.redis(false);
    conditions.postgres(false);
    conditions.redis(true);
    EXPECT_EQ(told, (std::vector<bool>{false, true, false}));
}

TEST(Conditions, ADaemonThatHasOnlyBegunLogsNothing) {
    Shown shown;
    Conditions conditions{shown.readiness, shown.log};
    EXPECT_FALSE(shown.readiness.ready());
    EXPECT_EQ(shown.lines.str(), "");
    conditions.redis(true);
    conditions.postgres(true);
    conditions.prepared(true);
    conditions.leading(true);
    EXPECT_TRUE(shown.readiness.ready());
    EXPECT_EQ(shown.lines.str(), "") << "all was well, and nothing was lost in between";
}

TEST(Conditions, WhatIsAwayAtTheStartIsLoggedOnceItWasTried) {
    Shown shown;
    Conditions conditions{shown.readiness, shown.log};
    conditions.postgres(false);
    EXPECT_TRUE(shown.logged("readiness.lost"));
    EXPECT_TRUE(shown.logged("postgres_unreachable"));
    EXPECT_FALSE(shown.logged("redis_unreachable")) << "not tried yet";
    const auto once = shown.lines.str();
    conditions.postgres(false);
    EXPECT_EQ(shown.lines.str(), once);
    conditions.postgres(true);
    EXPECT_TRUE(shown.logged("readiness.regained"));
}

TEST(Conditions, TheLogSaysWhyRedisIsAway) {
    Shown shown;
    Conditions conditions{shown.readiness, shown.log};
    conditions.redis(true);
    conditions.redis(false, "connection refused");
    EXPECT_TRUE(shown.logged("connection refused")) << shown.lines.str();
}

}  // namespace
}  // namespace quorate
