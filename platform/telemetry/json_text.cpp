#include "platform/telemetry/json_text.hpp"

#include <algorithm>

namespace quorate {
namespace {

/// The length of the UTF-8 character at the front of `text` (RFC 3629 section 4); 0 if malformed.
std::size_t character_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
    const auto follows = [](unsigned value) { return (value & 0xC0U) == 0x80U; };
    for (std::size_t i = 1; i < length; ++i)
        if (!follows(byte(i))) return 0;
    const unsigned second = byte(1);
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool surrogate = lead == 0xED && second > 0x9F;
    const bool too_large = lead == 0xF4 && second > 0x8F;
    return overlong || surrogate || too_large ? 0 : length;
}

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
        const auto length = character_length(rest);
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
