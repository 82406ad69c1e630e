#include "platform/telemetry/json_text.hpp"

#include <algorithm>

#include "core/base/utf8.hpp"

namespace quorate {
namespace {

void append_ascii(std::string& json, char c) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
        json += '\\';
        json += c;
    } else if (c == '\n') {
        json += "\\n";
    } else if (c == '\t') {
        json += "\\t";
    } else if (code < 0x20 || code == 0x7F) {
        json += "\\u00";
        json += kHex[code >> 4U];
        json += kHex[code & 0xFU];
    } else {
        json += c;
    }
}

/// The longest front of `text` within `bytes_max` that cuts no character.
std::string_view front_of(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    auto end = bytes_max;
    // At most three bytes follow a lead byte.
    while (end > 0 && bytes_max - end < 3 &&
           (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
        --end;
    return text.substr(0, end);
}

}  // namespace

void append_json_text(std::string& json, std::string_view text, std::size_t bytes_max) {
    auto rest = front_of(text, bytes_max);
    const bool cut = rest.size() < text.size();
    json += '"';
    while (!rest.empty()) {
        const auto length = first_character(rest).size;
        if (length == 0)
            json += "\xEF\xBF\xBD";
        else if (length == 1)
            append_ascii(json, rest.front());
        else
            json.append(rest.substr(0, length));
        rest.remove_prefix(std::max<std::size_t>(length, 1));
    }
    if (cut) json += "…";
    json += '"';
}

}  // namespace quorate
