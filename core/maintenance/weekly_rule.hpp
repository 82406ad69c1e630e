#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/time/time.hpp"

namespace quorate {

/// When a wall clock of one time zone shows a time. A time that it skips lies as long after its
/// last one before the gap as the clock says (02:30 of a night that goes from 02:00 to 03:00 is
/// 03:30); of a time that it shows twice the first (RFC 5545, 3.3.5).
using WallClock = std::function<UtcTime(std::chrono::local_seconds)>;

/// Some days of the week, Monday first.
class Weekdays {
public:
    constexpr Weekdays() = default;
    constexpr void add(std::chrono::weekday day) {
        bits_ = static_cast<std::uint8_t>(bits_ | 1U << (day.iso_encoding() - 1));
    }
    constexpr bool has(std::chrono::weekday day) const {
        return (bits_ >> (day.iso_encoding() - 1) & 1U) != 0;
    }
    constexpr bool empty() const { return bits_ == 0; }
    friend constexpr bool operator==(Weekdays, Weekdays) = default;

private:
    std::uint8_t bits_ = 0;
};

/// What recurs each week, or each so many weeks, at the same wall-clock time: the part of RFC
/// 5545's rules that maintenance needs. Weeks begin on Monday and are counted from that of
/// `first_day`.
struct WeeklyRule {
    static constexpr std::chrono::hours kDurationMax{24 * 7};
    static constexpr std::uint32_t kIntervalMax = 53;

    Weekdays days;
    std::uint32_t interval = 1;  ///< weeks
    std::chrono::local_days first_day{};
    std::chrono::seconds start_of_day{0};  ///< by the wall clock, under 24 h
    std::chrono::seconds duration{0};      ///< elapsed time, whatever the clock does meanwhile
    std::optional<UtcTime> until{};        ///< the last possible start; nothing: for ever
    friend bool operator==(const WeeklyRule&, const WeeklyRule&) = default;
};

/// Whether something of the rule lies in [from, to).
bool overlaps(const WeeklyRule& rule, const WallClock& clock, UtcTime from, UtcTime to);

/// The first start of the rule at or after `from`; nothing: there is none.
std::optional<UtcTime> next_start(const WeeklyRule& rule, const WallClock& clock, UtcTime from);

/// Reads `FREQ=WEEKLY;BYDAY=MO,TH;INTERVAL=2;UNTIL=20270101T000000Z` (the last two may be left out,
/// a leading `RRULE:` is allowed) into days, interval and until. @return what is wrong; empty:
/// nothing
std::string read_rrule(std::string_view text, WeeklyRule& into);
std::string rrule_text(const WeeklyRule& rule);

/// A rule as it is stored.
struct StoredRule {
    std::string rrule;
    std::string first_day;
    std::string start_of_day;
    std::int64_t duration_s = 0;
};
/// Nothing where it can't be read; what the coordinator has stored it has read itself.
std::optional<WeeklyRule> read_stored(const StoredRule& stored);

/// `MO,TH`; nothing if malformed, empty or with a day twice.
std::optional<Weekdays> parse_weekdays(std::string_view text);
std::string weekdays_text(Weekdays days);

/// `02:30` or `02:30:00`, under 24 hours; nothing if malformed.
std::optional<std::chrono::seconds> parse_time_of_day(std::string_view text);
std::string time_of_day_text(std::chrono::seconds time);  ///< seconds only where there are some

/// `2026-12-01`; nothing if there is no such day.
std::optional<std::chrono::local_days> parse_local_day(std::string_view text);
std::string local_day_text(std::chrono::local_days day);

}  // namespace quorate
