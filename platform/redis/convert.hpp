#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/time/time.hpp"

/// Small conversions of this folder alone.
namespace quorate::detail {

/// The whole text as a number; nothing if it is none or does not fit.
template <class T>
std::optional<T> parse_number(std::string_view text) {
    T value{};
    const auto* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    if (error != std::errc{} || end != last) return std::nullopt;
    return value;
}

inline std::int64_t to_ms(UtcTime time) {
    return std::chrono::floor<milliseconds>(time).time_since_epoch().count();
}
inline UtcTime from_ms(std::int64_t epoch_ms) {
    return UtcTime{milliseconds{epoch_ms}};
}

}  // namespace quorate::detail
