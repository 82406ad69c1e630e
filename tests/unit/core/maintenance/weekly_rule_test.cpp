#include "core/maintenance/weekly_rule.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

UtcTime utc(const char* text) {
    return parse_rfc3339(text).value_or(UtcTime{});
}

/// Two hours ahead of UTC for ever.
UtcTime clock_of_east(std::chrono::local_seconds local) {
    return UtcTime{local.time_since_epoch()} - hours{2};
}

WeeklyRule rule(const char* rrule, const char* first_day, const char* time, minutes duration) {
    WeeklyRule made;
    EXPECT_EQ(read_rrule(rrule, made), "");
    made.first_day = *parse_local_day(first_day);
    made.start_of_day = *parse_time_of_day(time);
    made.duration = duration;
    return made;
}

bool holds(const WeeklyRule& rule, const char* at) {
    return overlaps(rule, clock_of_east, utc(at), utc(at) + minutes{1});
}

TEST(WeeklyRule, HoldsFromItsStartForItsDurationOnItsDays) {
    const auto twice = rule("FREQ=WEEKLY;BYDAY=MO,TH", "2026-11-30", "02:30", hours{2});
    EXPECT_FALSE(holds(twice, "2026-11-30T00:29:00Z"));
    EXPECT_TRUE(holds(twice, "2026-11-30T00:30:00Z"));
    EXPECT_TRUE(holds(twice, "2026-11-30T02:29:00Z"));
    EXPECT_FALSE(holds(twice, "2026-11-30T02:30:00Z"));
    EXPECT_FALSE(holds(twice, "2026-12-01T01:00:00Z")) << "a Tuesday";
    EXPECT_TRUE(holds(twice, "2026-12-03T01:00:00Z"));
    EXPECT_FALSE(holds(twice, "2026-11-26T01:00:00Z")) << "before its first day";
}

TEST(WeeklyRule, ALongOneReachesIntoLaterDaysAndTheDayIsThatOfTheClock) {
    // Monday 00:30 by the clock is Sunday by UTC.
    const auto lasting = rule("FREQ=WEEKLY;BYDAY=MO", "2026-11-30", "00:30", hours{50});
    EXPECT_TRUE(holds(lasting, "2026-11-29T22:30:00Z"));
    EXPECT_TRUE(holds(lasting, "2026-12-02T00:29:00Z"));
    EXPECT_FALSE(holds(lasting, "2026-12-02T00:30:00Z"));
}

TEST(WeeklyRule, WeeksAreCountedFromTheMondayOfTheFirstDay) {
    const auto fortnightly =
        rule("FREQ=WEEKLY;BYDAY=MO,FR;INTERVAL=2", "2026-12-02", "12:00", hours{1});
    EXPECT_TRUE(holds(fortnightly, "2026-12-04T10:00:00Z")) << "Friday of the first week";
    EXPECT_FALSE(holds(fortnightly, "2026-12-07T10:00:00Z"));
    EXPECT_FALSE(holds(fortnightly, "2026-12-11T10:00:00Z"));
    EXPECT_TRUE(holds(fortnightly, "2026-12-14T10:00:00Z"));
    EXPECT_EQ(next_start(fortnightly, clock_of_east, utc("2026-12-04T10:00:01Z")),
              utc("2026-12-14T10:00:00Z"));
}

TEST(WeeklyRule, UntilIsTheLastStart) {
    const auto ending =
        rule("FREQ=WEEKLY;BYDAY=MO,TU;UNTIL=20261201T100000Z", "2026-11-30", "12:00", hours{3});
    EXPECT_TRUE(holds(ending, "2026-12-01T12:59:00Z")) << "begun in time, it lasts";
    EXPECT_FALSE(holds(ending, "2026-12-07T10:00:00Z"));
    EXPECT_FALSE(next_start(ending, clock_of_east, utc("2026-12-01T10:00:01Z")));
}

TEST(WeeklyRule, TextsAreReadBackAndRefusedWithWhatIsWrong) {
    for (const auto* text : {"FREQ=WEEKLY;BYDAY=MO,TH",
                             "FREQ=WEEKLY;BYDAY=SU;INTERVAL=2",
                             "FREQ=WEEKLY;BYDAY=TU;INTERVAL=53;UNTIL=20270101T000000Z"}) {
        WeeklyRule read;
        EXPECT_EQ(read_rrule(text, read), "");
        EXPECT_EQ(rrule_text(read), text);
        EXPECT_EQ(read_rrule("RRULE:" + std::string{text}, read), "");
    }
    const auto wrong = [](const std::string& text) {
        WeeklyRule read;
        return read_rrule(text, read);
    };
    EXPECT_EQ(wrong("FREQ=DAILY;BYDAY=MO"), "a rule begins with FREQ=WEEKLY");
    EXPECT_EQ(wrong("BYDAY=MO"), "a rule begins with FREQ=WEEKLY");
    EXPECT_EQ(wrong("FREQ=WEEKLY"), "a rule needs BYDAY");
    EXPECT_EQ(wrong("FREQ=WEEKLY;BYDAY=1MO"), "BYDAY is a list of MO, TU, WE, TH, FR, SA and SU");
    EXPECT_EQ(wrong("FREQ=WEEKLY;BYDAY=MO,MO"), "BYDAY is a list of MO, TU, WE, TH, FR, SA and SU");
    for (const auto* interval : {"0", "54", "-1", "x", "", "4294967297"})
        EXPECT_EQ(wrong(("FREQ=WEEKLY;BYDAY=MO;INTERVAL=" + std::string{interval}).c_str()),
                  "INTERVAL is a number of weeks from 1 to 53");
    EXPECT_EQ(wrong("FREQ=WEEKLY;BYDAY=MO;UNTIL=20270101"),
              "UNTIL is a time in UTC such as 20270101T000000Z");
    EXPECT_EQ(wrong("FREQ=WEEKLY;BYDAY=MO;BYDAY=TU"), "BYDAY stands there twice");
    EXPECT_EQ(wrong(""), "the rule is empty");
    EXPECT_EQ(wrong("RRULE:"), "the rule is empty");
    EXPECT_EQ(wrong("\x1b[2J=1"), "a rule has FREQ, BYDAY, INTERVAL and UNTIL, and no ?[2J");
    EXPECT_LT(wrong(std::string(150, 'X')).size(), 150U)
        << "what was written is not given back whole";
    EXPECT_EQ(wrong(std::string(201, 'X')), "a rule has at most 200 bytes");
    EXPECT_EQ(wrong("FREQ=WEEKLY;BYDAY=MO;COUNT=3"),
              "a rule has FREQ, BYDAY, INTERVAL and UNTIL, and no COUNT");
}

TEST(WeeklyRule, TimesAndDaysOfTheWallClockAreRead) {
    EXPECT_EQ(parse_time_of_day("02:30"), minutes{150});
    EXPECT_EQ(time_of_day_text(*parse_time_of_day("23:59:59")), "23:59:59");
    EXPECT_EQ(time_of_day_text(minutes{150}), "02:30");
    for (const auto* text : {"", "2:30", "24:00", "02:60", "02-30", "02:30:60", "-1:30", "02:30Z"})
        EXPECT_FALSE(parse_time_of_day(text)) << text;
    EXPECT_EQ(local_day_text(*parse_local_day("2026-12-01")), "2026-12-01");
    EXPECT_FALSE(parse_local_day("2026-02-30"));
    EXPECT_FALSE(parse_local_day("26-02-03"));
}

TEST(WeeklyRule, IsReadAsItIsStoredOrNotAtAll) {
    const StoredRule stored{"FREQ=WEEKLY;BYDAY=MO", "2026-12-01", "02:30:00", 3600};
    const auto rule = read_stored(stored);
    ASSERT_TRUE(rule);
    EXPECT_EQ(rule->start_of_day, std::chrono::minutes{150});
    EXPECT_EQ(rule->duration, std::chrono::hours{1});
    EXPECT_EQ(local_day_text(rule->first_day), "2026-12-01");
    for (auto broken : {StoredRule{"FREQ=DAILY", "2026-12-01", "02:30:00", 3600},
                        StoredRule{stored.rrule, "2026-13-01", "02:30:00", 3600},
                        StoredRule{stored.rrule, "2026-12-01", "24:30:00", 3600},
                        StoredRule{stored.rrule, "2026-12-01", "02:30:00", 0},
                        StoredRule{stored.rrule, "2026-12-01", "02:30:00", 604801}})
        EXPECT_FALSE(read_stored(broken));
}

}  // namespace
}  // namespace quorate
