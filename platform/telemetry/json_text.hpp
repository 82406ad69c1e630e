#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace quorate {

/// Appends `text` as a JSON string with its quotes (RFC 8259 section 7). Longer text is cut after
/// `bytes_max` bytes and ends in `…`; bytes that are no UTF-8 become U+FFFD. Pure.
void append_json_text(std::string& json, std::string_view text, std::size_t bytes_max);

}  // namespace quorate
