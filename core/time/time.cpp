#include "core/time/time.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

namespace quorate {
namespace {

/// Appends `value` in decimal, padded with zeros to `width`.
void append_padded(std::string& text, std::int64_t value, std::size_t width) {
    const auto digits = std::to_string(value);
    if (digits.size() < width) text.append(width - digits.size(), '0');
    text += digits;
}

/// Reads exactly `width` digits from the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t width) {
    if (text.size() < width) return std::nullopt;
    int value = 0;
    for (const char c : text.substr(0, width)) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(width);
    return value;
}

bool take(std::string_view& text, char expected) {
    if (text.empty() || text.front() != expected) return false;
    text.remove_prefix(1);
    return true;
}

/// Reads `.ddd…` (at least one digit; digits after the sixth are dropped) where it stands.
std::optional<microseconds> take_fraction(std::string_view& text) {
    if (!take(text, '.')) return microseconds{0};
    std::int64_t value = 0;
    std::size_t digits = 0;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits) {
        if (digits < 6) value = value * 10 + (text.front() - '0');
        text.remove_prefix(1);
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 6; ++digits)
        value *= 10;
    return microseconds{value};
}

/// Reads `Z`, `z` or `±hh:mm`.
std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
    if (take(text, 'Z') || take(text, 'z')) return std::chrono::minutes{0};
    const bool negative = !text.empty() && text.front() == '-';
    if (!take(text, '+') && !take(text, '-')) return std::nullopt;
    const auto hours = take_digits(text, 2);
    const bool colon = take(text, ':');
    const auto minutes = take_digits(text, 2);
    if (!hours || !colon || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    const std::chrono::minutes offset{*hours * 60 + *minutes};
    return negative ? -offset : offset;
}

}  // namespace

std::string to_rfc3339(UtcTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{std::chrono::floor<milliseconds>(time - day)};
    std::string text;
    append_padded(text, static_cast<int>(date.year()), 4);
    text += '-';
    append_padded(text, static_cast<unsigned>(date.month()), 2);
    text += '-';
    append_padded(text, static_cast<unsigned>(date.day()), 2);
    text += 'T';
    append_padded(text, clock.hours().count(), 2);
    text += ':';
    append_padded(text, clock.minutes().count(), 2);
    text += ':';
    append_padded(text, clock.seconds().count(), 2);
    if (clock.subseconds().count() != 0) {
        text += '.';
        append_padded(text, clock.subseconds().count(), 3);
    }
    return text + 'Z';
}

std::optional<UtcTime> parse_rfc3339(std::string_view text) {
    const auto year = take_digits(text, 4);
    const bool dash_one = take(text, '-');
    const auto month = take_digits(text, 2);
    const bool dash_two = take(text, '-');
    const auto day = take_digits(text, 2);
    const bool separator = take(text, 'T') || take(text, 't') || take(text, ' ');
    const auto hour = take_digits(text, 2);
    const bool colon_one = take(text, ':');
    const auto minute = take_digits(text, 2);
    const bool colon_two = take(text, ':');
    const auto second = take_digits(text, 2);
    if (!year || !dash_one || !month || !dash_two || !day || !separator || !hour || !colon_one ||
        !minute || !colon_two || !second)
        return std::nullopt;
    const auto fraction = take_fraction(text);
    const auto offset = take_offset(text);
    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!fraction || !offset || !text.empty() || !date.ok() || *hour > 23 || *minute > 59 ||
        *second > 60)
        return std::nullopt;
    return UtcTime{std::chrono::sys_days{date}} + std::chrono::hours{*hour} +
           std::chrono::minutes{*minute} + std::chrono::seconds{*second} + *fraction - *offset;
}

namespace {

struct DurationUnit {
    std::string_view suffix;
    milliseconds length;
};
constexpr std::array kUnits{
    DurationUnit{"d", std::chrono::days{1}},
    DurationUnit{"h", std::chrono::hours{1}},
    DurationUnit{"m", std::chrono::minutes{1}},
    DurationUnit{"s", std::chrono::seconds{1}},
    DurationUnit{"ms", std::chrono::milliseconds{1}},
};
constexpr milliseconds kLongestDuration = std::chrono::days{36525};

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
    std::int64_t count = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc{} || count < 0) return std::nullopt;
    const std::string_view suffix{rest, static_cast<std::size_t>(end - rest)};
    for (const auto& unit : kUnits) {
        if (suffix != unit.suffix) continue;
        if (count > kLongestDuration / unit.length) return std::nullopt;
        return count * unit.length;
    }
    return std::nullopt;
}

std::string to_duration_text(milliseconds duration) {
    for (const auto& unit : kUnits) {
        if (duration.count() == 0 || duration % unit.length != milliseconds{0}) continue;
        // Days read badly for what users wrote in hours; everything else takes its largest unit.
        if (unit.suffix == "d" && duration < std::chrono::days{2}) continue;
        return std::to_string(duration / unit.length).append(unit.suffix);
    }
    return std::to_string(duration.count()).append("ms");
}

}  // namespace quorate
