#include "core/maintenance/planned_window.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

using std::chrono::seconds;

UtcMinute minute(std::int64_t number) {
    return UtcMinute::from_epoch_ms(number * 60'000);
}

PlannedWindow window(std::int64_t from_s, std::int64_t to_s) {
    PlannedWindow made;
    made.id = 1;
    made.start = UtcTime{seconds{from_s}};
    made.end = UtcTime{seconds{to_s}};
    return made;
}

bool holds(const PlannedWindow& window, std::int64_t number) {
    return overlaps(window, minute(number), seconds{60});
}

TEST(PlannedWindow, OverlapsEachMinuteThatItHasAMomentOf) {
    const auto some = window(119, 181);
    EXPECT_FALSE(holds(some, 0));
    EXPECT_TRUE(holds(some, 1)) << "its last second";
    EXPECT_TRUE(holds(some, 2));
    EXPECT_TRUE(holds(some, 3)) << "its first second";
    EXPECT_FALSE(holds(some, 4));
    EXPECT_FALSE(holds(window(120, 180), 1));
    EXPECT_FALSE(holds(window(120, 180), 3));
    EXPECT_FALSE(holds(window(120, 120), 2)) << "an empty one holds never";
}

TEST(PlannedWindow, IsInForceFromTheMinuteAfterItWasMadeKnownUntilItIsEnded) {
    auto some = window(0, 600);
    some.valid_from = minute(3);
    some.valid_to = minute(5);
    for (std::int64_t i = 0; i < 10; ++i)
        EXPECT_EQ(holds(some, i), i == 3 || i == 4) << i;
}

TEST(PlannedWindow, ARuleWithoutItsClockHoldsNever) {
    auto some = window(0, 600);
    some.weekly = WeeklyRule{};
    some.weekly->days = *parse_weekdays("MO,TU,WE,TH,FR,SA,SU");
    some.weekly->duration = WeeklyRule::kDurationMax;
    EXPECT_FALSE(holds(some, 5));
    some.clock = [](std::chrono::local_seconds local) { return UtcTime{local.time_since_epoch()}; };
    EXPECT_TRUE(holds(some, 5));
}

TEST(PlannedWindow, AMatcherWantsAllThatItGivesAndAWindowAnyOfItsMatchers) {
    const Labels labels{{"team", "retrieval"}, {"as", "64500"}};
    const auto one = [&](EndpointMatcher matcher) {
        return matches(matcher, "acme", "search", labels);
    };
    EXPECT_TRUE(one({"acme", "", {}}));
    EXPECT_TRUE(one({"acme", "search", {}}));
    EXPECT_FALSE(one({"other", "search", {}}));
    EXPECT_FALSE(one({"acme", "sear", {}}));
    EXPECT_TRUE(one({"", "", {{"team", "retrieval"}}}));
    EXPECT_TRUE(one({"acme", "", {{"team", "retrieval"}, {"as", "64500"}}}));
    EXPECT_FALSE(one({"acme", "", {{"team", "retrieval"}, {"as", "1"}}}));
    EXPECT_FALSE(one({"", "", {{"tier", "retrieval"}}}));
    EXPECT_FALSE(one({"other", "", {{"team", "retrieval"}}}));
    auto some = window(0, 600);
    EXPECT_FALSE(matches(some, "acme", "search", labels)) << "without a matcher";
    some.matchers = {{"other", "", {}}, {"", "", {{"team", "retrieval"}}}};
    EXPECT_TRUE(matches(some, "acme", "search", labels));
}

}  // namespace
}  // namespace quorate
