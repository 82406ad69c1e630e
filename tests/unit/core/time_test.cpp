#include "core/time/time.hpp"

#include <gtest/gtest.h>

#include "core/time/utc_minute.hpp"

namespace quorate {
namespace {

using namespace std::chrono_literals;

TEST(Rfc3339, ReadsWhatItWrites) {
    for (const auto* text : {"2026-11-20T12:46:05Z", "2026-11-20T12:46:05.250Z"}) {
        const auto time = parse_rfc3339(text);
        ASSERT_TRUE(time) << text;
        EXPECT_EQ(to_rfc3339(*time), text);
    }
}

TEST(Rfc3339, UnderstandsOffsets) {
    EXPECT_EQ(parse_rfc3339("2026-11-20T14:46:05+02:00"), parse_rfc3339("2026-11-20T12:46:05Z"));
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
    for (const auto* text : {"",
                             "2026-11-20",
                             "2026-13-20T00:00:00Z",
                             "2026-02-30T00:00:00Z",
                             "2026-11-20T24:00:00Z",
                             "2026-11-20T12:46:05",
                             "2026-11-20T12:46:05Zx"})
        EXPECT_FALSE(parse_rfc3339(text)) << text;
}

TEST(Duration, IsReadInEveryUnitAndWrittenInTheShortest) {
    EXPECT_EQ(parse_duration("1500ms"), 1500ms);
    EXPECT_EQ(parse_duration("8s"), 8s);
    EXPECT_EQ(parse_duration("5m"), 5min);
    EXPECT_EQ(parse_duration("72h"), 72h);
    EXPECT_EQ(to_duration_text(1500ms), "1500ms");
    EXPECT_EQ(to_duration_text(60s), "1m");
    EXPECT_EQ(to_duration_text(24h), "24h");
}

TEST(Duration, RefusesSignsFractionsAndMissingUnits) {
    for (const auto* text : {"", "8", "-8s", "1.5s", "s", "8 s", "99999999999d"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(WindowLength, IsOneOfElevenDivisorsOfAMinute) {
    EXPECT_TRUE(Window::of(5s));
    EXPECT_TRUE(Window::of(60s));
    EXPECT_FALSE(Window::of(7s));
    EXPECT_FALSE(Window::of(1s));
    EXPECT_FALSE(Window::of(2500ms));
}

TEST(Minute, ContainsEveryTimeFromItsStartToBeforeItsEnd) {
    const auto window = *Window::of(5s);
    const auto minute = UtcMinute::containing(UtcTime{1'000'000'004'999ms}, window);
    EXPECT_EQ(minute.epoch_ms(), 1'000'000'000'000);
    EXPECT_EQ(minute.plus(1, window).epoch_ms(), 1'000'000'005'000);
    EXPECT_EQ(UtcMinute::containing(minute.end(window), window), minute.plus(1, window));
    EXPECT_EQ(UtcMinute::containing(UtcTime{-1ms}, window).epoch_ms(), -5000);
}

}  // namespace
}  // namespace quorate
