#pragma once

#include <string>
#include <string_view>

#include "core/time/utc_minute.hpp"

namespace quorate {

/// A bytea as text: `\x` and lower-case hexadecimal digits.
std::string bytea_text(std::string_view bytes);
/// Reads back what Postgres gives for a bytea (bytea_output hex). Throws std::invalid_argument.
std::string bytes_of_bytea(std::string_view text);

/// An array literal of ids, to be cast: `{1,3}`.
template <class Ids>
std::string array_text(const Ids& ids) {
    std::string text = "{";
    for (const auto id : ids) {
        if (text.size() > 1) text += ',';
        text += std::to_string(id.value());
    }
    return text + "}";
}

/// For columns and casts of type timestamptz: RFC 3339 with microseconds.
std::string timestamp_text(UtcTime time);
std::string timestamp_text(UtcMinute minute);

/// What a minute is selected as, to be read by `UtcMinute::from_epoch_ms`.
std::string epoch_ms(const std::string& column);

}  // namespace quorate
