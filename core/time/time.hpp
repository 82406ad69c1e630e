#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace quorate {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Stamps events. Never subtract two of them to get a latency.
using UtcTime = std::chrono::sys_time<microseconds>;

/// Measures durations within one process.
using SteadyTime = std::chrono::steady_clock::time_point;

/// A point in steady time at which work is given up.
using Deadline = SteadyTime;

/// RFC 3339 in UTC; milliseconds are written only where the time has some:
/// `2026-11-20T12:46:05Z`, `2026-11-20T12:46:05.250Z`.
std::string to_rfc3339(UtcTime time);

/// Parses RFC 3339 with `Z` or a numeric offset, up to microseconds; nothing if malformed.
std::optional<UtcTime> parse_rfc3339(std::string_view text);

/// Parses a duration as users write it: a whole number with `ms`, `s`, `m`, `h` or `d`
/// (`1500ms`, `8s`, `5m`); nothing if malformed or above 100 years.
std::optional<milliseconds> parse_duration(std::string_view text);

/// The shortest form that parse_duration reads back: `1500ms`, `8s`, `5m`.
std::string to_duration_text(milliseconds duration);

}  // namespace quorate
