#pragma once

#include <cstddef>
#include <string_view>

#include <boost/json/value.hpp>

namespace quorate {

/// What JSON is allowed to cost in memory. A value takes 24 bytes and more whatever it says, so
/// that 32 MiB of `[],[],…` would be 600 MB; no list of 5,000 tools comes near a million values.
struct JsonWeight {
    static constexpr std::size_t kValuesMax = 1'000'000;
    static constexpr std::size_t kTextBytesMax = std::size_t{32} << 20U;

    std::size_t values = 0;      ///< member names included
    std::size_t text_bytes = 0;  ///< of strings and member names

    bool too_heavy() const { return values > kValuesMax || text_bytes > kTextBytesMax; }
};

/// Adds what `value` weighs.
void weigh(const boost::json::value& value, JsonWeight& weight);

/// Whether a JSON text has more than JsonWeight::kValuesMax values; counted without building them,
/// and not at all where the text is too short for it.
bool has_too_many_values(std::string_view json_text);

}  // namespace quorate
