#include "core/maintenance/weekly_rule.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <vector>

#include "core/base/text.hpp"

namespace quorate {
namespace {

namespace chrono = std::chrono;
using chrono::days;

constexpr std::size_t kRuleMax = 200;
constexpr std::size_t kShownMax = 40;  // of what somebody wrote, in the answer

constexpr std::array<std::string_view, 7> kDays{"MO", "TU", "WE", "TH", "FR", "SA", "SU"};

// A local day begins at most 14 hours before and ends at most 12 hours after the same day of UTC; a
// zone that skipped a whole day (Samoa in 2011) moves a start by another one.
constexpr days kSlack{2};

std::vector<std::string_view> split(std::string_view text, char by) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto end = text.find(by);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::optional<int> digits(std::string_view text) {
    int number = 0;
    const auto* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || at != end || text.empty() || text[0] == '-') return std::nullopt;
    return number;
}

std::string two(int number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
}

chrono::local_days monday_of(chrono::local_days day) {
    return day - (chrono::weekday{day} - chrono::Monday);
}

bool is_day_of(const WeeklyRule& rule, chrono::local_days day) {
    if (day < rule.first_day || !rule.days.has(chrono::weekday{day})) return false;
    const auto weeks = (monday_of(day) - monday_of(rule.first_day)).count() / 7;
    return rule.interval > 0 && weeks % rule.interval == 0;
}

/// The start of that day, where the rule has one.
std::optional<UtcTime> start_on(const WeeklyRule& rule,
                                const WallClock& clock,
                                chrono::local_days day) {
    if (!is_day_of(rule, day)) return std::nullopt;
    const auto start = clock(chrono::local_seconds{day} + rule.start_of_day);
    if (rule.until && start > *rule.until) return std::nullopt;
    return start;
}

chrono::local_days utc_day(UtcTime time) {
    return chrono::local_days{chrono::floor<days>(time).time_since_epoch()};
}

/// `20270101T000000Z`
std::optional<UtcTime> parse_until(std::string_view text) {
    if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
    std::string rfc{text};
    for (const std::size_t place : {13U, 11U})
        rfc.insert(place, ":");
    rfc.insert(6, "-").insert(4, "-");
    return parse_rfc3339(rfc);
}

std::string until_text(UtcTime until) {
    std::string text;
    for (const char c : to_rfc3339(chrono::floor<chrono::seconds>(until)))
        if (c != '-' && c != ':') text += c;
    return text;
}

}  // namespace

bool overlaps(const WeeklyRule& rule, const WallClock& clock, UtcTime from, UtcTime to) {
    const auto last = utc_day(to) + kSlack;
    for (auto day = utc_day(from - rule.duration) - kSlack; day <= last; day += days{1}) {
        const auto start = start_on(rule, clock, day);
        if (start && *start < to && from < *start + rule.duration) return true;
    }
    return false;
}

std::optional<UtcTime> next_start(const WeeklyRule& rule, const WallClock& clock, UtcTime from) {
    const auto first = std::max(utc_day(from) - kSlack, rule.first_day);
    const auto last = first + days{7} * (rule.interval + 1) + kSlack;
    for (auto day = first; day <= last; day += days{1})
        if (const auto start = start_on(rule, clock, day); start && *start >= from) return start;
    return std::nullopt;
}

std::string read_rrule(std::string_view text, WeeklyRule& into) {
    if (text.starts_with("RRULE:")) text.remove_prefix(6);
    if (text.empty()) return "the rule is empty";
    if (text.size() > kRuleMax) return "a rule has at most 200 bytes";
    bool weekly = false;
    std::string seen;
    for (const auto part : split(text, ';')) {
        const auto equals = part.find('=');
        const auto key = part.substr(0, equals);
        const auto value = equals == std::string_view::npos ? "" : part.substr(equals + 1);
        const auto mark = std::string{key} + ";";
        if (seen.find(";" + mark) != std::string::npos || seen.starts_with(mark))
            return safe_text(key, kShownMax) + " stands there twice";
        seen += mark;
        if (key == "FREQ") {
            weekly = value == "WEEKLY";
        } else if (key == "BYDAY") {
            const auto wanted = parse_weekdays(value);
            if (!wanted) return "BYDAY is a list of MO, TU, WE, TH, FR, SA and SU";
            into.days = *wanted;
        } else if (key == "INTERVAL") {
            const auto weeks = digits(value);
            if (!weeks || *weeks < 1 || *weeks > static_cast<int>(WeeklyRule::kIntervalMax))
                return "INTERVAL is a number of weeks from 1 to 53";
            into.interval = static_cast<std::uint32_t>(*weeks);
        } else if (key == "UNTIL") {
            into.until = parse_until(value);
            if (!into.until) return "UNTIL is a time in UTC such as 20270101T000000Z";
        } else {
            return "a rule has FREQ, BYDAY, INTERVAL and UNTIL, and no " +
                   safe_text(key, kShownMax);
        }
    }
    if (!weekly) return "a rule begins with FREQ=WEEKLY";
    if (into.days.empty()) return "a rule needs BYDAY";
    return {};
}

std::string rrule_text(const WeeklyRule& rule) {
    auto text = "FREQ=WEEKLY;BYDAY=" + weekdays_text(rule.days);
    if (rule.interval != 1) text += ";INTERVAL=" + std::to_string(rule.interval);
    if (rule.until) text += ";UNTIL=" + until_text(*rule.until);
    return text;
}

std::optional<WeeklyRule> read_stored(const StoredRule& stored) {
    WeeklyRule rule;
    const auto first_day = parse_local_day(stored.first_day);
    const auto start = parse_time_of_day(stored.start_of_day);
    rule.duration = chrono::seconds{stored.duration_s};
    const bool lasts = rule.duration.count() > 0 && rule.duration <= WeeklyRule::kDurationMax;
    if (!first_day || !start || !lasts || !read_rrule(stored.rrule, rule).empty())
        return std::nullopt;
    rule.first_day = *first_day;
    rule.start_of_day = *start;
    return rule;
}

std::optional<Weekdays> parse_weekdays(std::string_view text) {
    Weekdays found;
    for (const auto name : split(text, ',')) {
        unsigned day = 0;
        while (day < kDays.size() && kDays.at(day) != name)
            ++day;
        if (day == kDays.size() || found.has(chrono::weekday{day + 1})) return std::nullopt;
        found.add(chrono::weekday{day + 1});
    }
    return found;
}

std::string weekdays_text(Weekdays wanted) {
    std::string text;
    for (unsigned day = 0; day < kDays.size(); ++day)
        if (wanted.has(chrono::weekday{day + 1}))
            text += (text.empty() ? "" : ",") + std::string{kDays.at(day)};
    return text;
}

std::optional<chrono::seconds> parse_time_of_day(std::string_view text) {
    if (text.size() != 5 && text.size() != 8) return std::nullopt;
    if (text[2] != ':' || (text.size() == 8 && text[5] != ':')) return std::nullopt;
    const auto hour = digits(text.substr(0, 2));
    const auto minute = digits(text.substr(3, 2));
    const auto second = text.size() == 8 ? digits(text.substr(6, 2)) : std::optional{0};
    if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59)
        return std::nullopt;
    return chrono::hours{*hour} + chrono::minutes{*minute} + chrono::seconds{*second};
}

std::string time_of_day_text(chrono::seconds time) {
    const chrono::hh_mm_ss split_time{time};
    auto text = two(static_cast<int>(split_time.hours().count())) + ":" +
                two(static_cast<int>(split_time.minutes().count()));
    if (split_time.seconds().count() != 0)
        text += ":" + two(static_cast<int>(split_time.seconds().count()));
    return text;
}

std::optional<chrono::local_days> parse_local_day(std::string_view text) {
    if (text.size() != 10) return std::nullopt;
    const auto midnight = parse_rfc3339(std::string{text} + "T00:00:00Z");
    if (!midnight) return std::nullopt;
    return utc_day(*midnight);
}

std::string local_day_text(chrono::local_days day) {
    return to_rfc3339(UtcTime{day.time_since_epoch()}).substr(0, 10);
}

}  // namespace quorate
