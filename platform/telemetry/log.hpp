#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/base/ids.hpp"
#include "core/time/time.hpp"
#include "core/time/utc_minute.hpp"
#include "platform/runtime/clock.hpp"

namespace spdlog::sinks {
class sink;
}

namespace quorate {

/// `error`: someone must act. `warn`: we degraded. `info`: a state changed. `debug`: everything
/// else.
enum class LogLevel { debug, info, warn, error };

/// The level named `debug`, `info`, `warn` or `error`; throws std::invalid_argument otherwise.
/// Config keys declare `.one_of({"debug", "info", "warn", "error"})`.
LogLevel log_level(std::string_view name);

/// One field of a log line. Names come from the glossary, unit last (`elapsed_ms`).
struct LogField {
    std::string_view name;  // a literal
    std::variant<std::string, std::int64_t, std::uint64_t, double, bool> value;
};

/// Writes one JSON object a line:
/// `{"ts":"2026-11-20T12:46:05.250Z","level":"info","event":"probe.finished","component":"agent",…}`.
/// Thread-safe: each line is written by one call. Text values are cut at `kTextMax` bytes.
class Logger {
public:
    static constexpr std::size_t kTextMax = 1024;

    /// Logs to stderr. @param component the daemon: `agent`, `coordinator`, `archiver`.
    /// `clock` must outlive the logger.
    Logger(std::string component, LogLevel level, const Clock& clock);
    /// Logs to `sink`, which tests read.
    Logger(std::string component,
           LogLevel level,
           const Clock& clock,
           std::shared_ptr<spdlog::sinks::sink> sink);
    ~Logger();
    Logger(const Logger&) = delete;
    Logger& operator=(const Logger&) = delete;

    bool enabled(LogLevel level) const;
    /// Thread-safe; SIGHUP may change the level.
    void set_level(LogLevel level);
    /// Use log_event. Throws nothing: a line that cannot be written is lost.
    void write(LogLevel level, std::string_view event, std::span<const LogField> fields) noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Fields of a log line: text, numbers, booleans; durations become whole milliseconds (name ends in
/// `_ms`), times and minutes RFC 3339, ids their number.
inline LogField kv(std::string_view name, std::string_view value) {
    return {name, std::string{value}};
}
inline LogField kv(std::string_view name, const char* value) {
    return {name, std::string{value}};
}
inline LogField kv(std::string_view name, const std::string& value) {
    return {name, value};
}
inline LogField kv(std::string_view name, bool value) {
    return {name, value};
}
template <class T>
requires std::is_arithmetic_v<T> LogField kv(std::string_view name, T value) {
    if constexpr (std::floating_point<T>)
        return {name, static_cast<double>(value)};
    else if constexpr (std::is_signed_v<T>)
        return {name, static_cast<std::int64_t>(value)};
    else
        return {name, static_cast<std::uint64_t>(value)};
}
template <class Rep, class Period>
LogField kv(std::string_view name, std::chrono::duration<Rep, Period> value) {
    const auto count = std::chrono::duration_cast<milliseconds>(value).count();
    return {name, static_cast<std::int64_t>(count)};
}
template <class Tag>
LogField kv(std::string_view name, Id<Tag> value) {
    return {name, value.value()};
}
inline LogField kv(std::string_view name, UtcTime value) {
    return {name, to_rfc3339(value)};
}
inline LogField kv(std::string_view name, UtcMinute value) {
    return {name, to_rfc3339(value)};
}

/// Writes an event with its fields. `event` is `noun.past_verb` and listed in docs/log-events.md.
/// Never a query string, a header, a body or a token. Throws nothing once the fields are made.
/// @code
///     log_event(log, LogLevel::info, "agent.started", kv("region", region), kv("agent_id", id));
/// @endcode
template <std::same_as<LogField>... Fields>
void log_event(Logger& log, LogLevel level, std::string_view event, Fields... fields) {
    if (!log.enabled(level)) return;
    const std::array<LogField, sizeof...(Fields)> all{std::move(fields)...};
    log.write(level, event, all);
}

}  // namespace quorate
