#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "core/time/time.hpp"

namespace quorate {

/// The deployment-wide length of a verdict-minute: one of 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60 s,
/// so that it divides a minute and windows stay aligned to the epoch.
class Window {
public:
    static constexpr std::array kLengthsS{2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60};

    /// Nothing if `length` is none of the eleven.
    static constexpr std::optional<Window> of(milliseconds length) {
        for (const auto seconds : kLengthsS)
            if (length == std::chrono::seconds{seconds}) return Window{length};
        return std::nullopt;
    }
    static constexpr Window minute() { return Window{std::chrono::seconds{60}}; }
    constexpr milliseconds length() const { return length_; }
    friend constexpr auto operator<=>(const Window&, const Window&) = default;

private:
    explicit constexpr Window(milliseconds length) : length_{length} {}
    milliseconds length_;
};

/// The key of a verdict: the UTC start of a verdict-minute `[m, m + window)`. It comes from the
/// coordinator and is carried along; agents never derive it from their own clock.
class UtcMinute {
public:
    using Start = std::chrono::sys_time<milliseconds>;

    constexpr UtcMinute() = default;

    /// The window that `time` lies in.
    static constexpr UtcMinute containing(UtcTime time, Window window) {
        const auto since_epoch = std::chrono::floor<milliseconds>(time.time_since_epoch());
        const auto length = window.length();
        auto index = since_epoch / length;
        if (since_epoch % length < milliseconds{0}) --index;
        return UtcMinute{Start{index * length}};
    }
    /// Takes back a start that a UtcMinute gave out (a wire format, a table); checks nothing.
    static constexpr UtcMinute from_epoch_ms(std::int64_t epoch_ms) {
        return UtcMinute{Start{milliseconds{epoch_ms}}};
    }

    constexpr Start start() const { return start_; }
    constexpr std::int64_t epoch_ms() const { return start_.time_since_epoch().count(); }
    /// Windows since the epoch.
    constexpr std::int64_t index(Window window) const {
        return epoch_ms() / window.length().count();
    }
    constexpr UtcTime end(Window window) const { return start_ + window.length(); }
    /// The minute `count` windows later (earlier if negative).
    constexpr UtcMinute plus(std::int64_t count, Window window) const {
        return UtcMinute{start_ + count * window.length()};
    }
    friend constexpr auto operator<=>(const UtcMinute&, const UtcMinute&) = default;

private:
    explicit constexpr UtcMinute(Start start) : start_{start} {}
    Start start_{};
};

/// RFC 3339, as in logs, JSON and the CLI.
inline std::string to_rfc3339(UtcMinute minute) {
    return to_rfc3339(UtcTime{minute.start()});
}

}  // namespace quorate

template <>
struct std::hash<quorate::UtcMinute> {
    std::size_t operator()(quorate::UtcMinute minute) const noexcept {
        return std::hash<std::int64_t>{}(minute.epoch_ms());
    }
};
