#include "platform/time_zones/time_zones.hpp"

#include <gtest/gtest.h>

#include "core/maintenance/planned_window.hpp"

namespace quorate {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

UtcTime utc(const char* text) {
    return parse_rfc3339(text).value_or(UtcTime{});
}

/// The starts that a daily rule has by that clock on three days around the given one.
std::vector<std::string> starts(const char* zone, const char* day, const char* time) {
    WeeklyRule rule;
    rule.days = *parse_weekdays("MO,TU,WE,TH,FR,SA,SU");
    rule.first_day = *parse_local_day(day) - std::chrono::days{1};
    rule.start_of_day = *parse_time_of_day(time);
    rule.duration = hours{1};
    const auto clock = find_time_zone(zone)->utc_of;
    std::vector<std::string> found;
    auto from = UtcTime{rule.first_day.time_since_epoch()} - hours{24};
    for (int i = 0; i < 3; ++i) {
        const auto start = next_start(rule, clock, from);
        if (!start) break;
        found.push_back(to_rfc3339(*start));
        from = *start + minutes{1};
    }
    return found;
}

PlannedWindow daily(const char* zone, const char* day, const char* time, minutes duration) {
    PlannedWindow window;
    window.clock = find_time_zone(zone)->utc_of;
    window.weekly = WeeklyRule{};
    window.weekly->days = *parse_weekdays("MO,TU,WE,TH,FR,SA,SU");
    window.weekly->first_day = *parse_local_day(day);
    window.weekly->start_of_day = *parse_time_of_day(time);
    window.weekly->duration = duration;
    window.weekly->until = UtcTime{window.weekly->first_day.time_since_epoch()} + hours{12};
    return window;
}

/// How many minutes of the two days around midnight UTC of `day` are in the window.
int minutes_in(const PlannedWindow& window, const char* day) {
    const auto midnight = UtcTime{parse_local_day(day)->time_since_epoch()};
    int count = 0;
    for (int i = -24 * 60; i < 48 * 60; ++i) {
        const auto minute =
            UtcMinute::from_epoch_ms((midnight + minutes{i}).time_since_epoch() / milliseconds{1});
        if (overlaps(window, minute, minutes{1})) ++count;
    }
    return count;
}

using Starts = std::vector<std::string>;

TEST(TimeZones, AStartThatTheClockSkipsMovesForwardByTheGap) {
    EXPECT_EQ(starts("Europe/Berlin", "2026-03-29", "02:30"),
              (Starts{"2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"}))
        << "03:30 summer time";
    EXPECT_EQ(starts("America/New_York", "2026-03-08", "02:30"),
              (Starts{"2026-03-07T07:30:00Z", "2026-03-08T07:30:00Z", "2026-03-09T06:30:00Z"}));
}

TEST(TimeZones, AStartThatTheClockShowsTwiceIsTheFirst) {
    EXPECT_EQ(starts("Europe/Berlin", "2026-10-25", "02:30"),
              (Starts{"2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}));
    EXPECT_EQ(starts("America/New_York", "2026-11-01", "01:30"),
              (Starts{"2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}));
}

TEST(TimeZones, AWindowOverTheChangeLastsAsLongAsEver) {
    for (const auto* day : {"2026-03-29", "2026-10-25"})
        EXPECT_EQ(minutes_in(daily("Europe/Berlin", day, "01:00", hours{4}), day), 240) << day;
    const auto spring = daily("Europe/Berlin", "2026-03-29", "01:00", hours{4});
    EXPECT_TRUE(overlaps(
        *spring.weekly, spring.clock, utc("2026-03-29T03:59:00Z"), utc("2026-03-29T04:00:00Z")))
        << "it ends at 06:00 by the clock";
    EXPECT_FALSE(overlaps(
        *spring.weekly, spring.clock, utc("2026-03-29T04:00:00Z"), utc("2026-03-29T04:01:00Z")));
}

TEST(TimeZones, TheClockOfAZoneGoesBothWays) {
    const auto zone = find_time_zone("Asia/Kathmandu");
    ASSERT_TRUE(zone);
    const auto local = zone->local_of(utc("2026-11-30T20:00:59.5Z"));
    EXPECT_EQ(local_day_text(std::chrono::floor<std::chrono::days>(local)), "2026-12-01");
    EXPECT_EQ(to_rfc3339(zone->utc_of(local)), "2026-11-30T20:00:59Z");
}

TEST(TimeZones, ADayThatAZoneNeverHadMovesTheStartByADay) {
    // Samoa went from the 29th to the 31st of December 2011.
    EXPECT_EQ(starts("Pacific/Apia", "2011-12-30", "02:30"),
              (Starts{"2011-12-29T12:30:00Z", "2011-12-30T12:30:00Z", "2011-12-31T12:30:00Z"}));
}

TEST(TimeZones, WhatIsNoZoneIsNotFound) {
    for (const auto* name : {"",
                             "Mars/Olympus",
                             "localtime",
                             "/etc/localtime",
                             "../../etc/localtime",
                             "Europe/../Europe/Berlin",
                             "file:/etc/localtime",
                             "right/Europe/Berlin",
                             "europe/berlin",
                             "Europe/",
                             "Europe"})
        EXPECT_FALSE(find_time_zone(name)) << name;
    EXPECT_TRUE(find_time_zone("UTC"));
    EXPECT_TRUE(find_time_zone("America/Argentina/Buenos_Aires"));
}

}  // namespace
}  // namespace quorate
