#pragma once

#include <cstddef>
#include <string_view>

namespace quorate {

/// One character of UTF-8 text.
struct Utf8Character {
    char32_t code = 0;
    std::size_t size = 0;  ///< in bytes; 0 where the bytes are no character
};

/// The character at the front of `text` (RFC 3629 section 4: neither overlong forms nor surrogates,
/// nothing beyond U+10FFFF). Of size 0 where there is none; an empty `text` has none.
Utf8Character first_character(std::string_view text);

/// Whether `text` is well-formed UTF-8.
bool is_utf8(std::string_view text);

}  // namespace quorate
