#include "core/base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/base/utf8.hpp"

namespace quorate {
namespace {

bool is_harmless(char32_t code) {
    if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
    if (code == 0x200E || code == 0x200F || code == 0x061C || code == 0xFEFF) return false;
    if (code >= 0x2028 && code <= 0x202E) return false;
    return code < 0x2066 || code > 0x2069;
}

bool is_white(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::string safe_text(std::string_view hostile, std::size_t bytes_max) {
    static constexpr std::string_view kEllipsis = "…";
    std::string safe;
    bool spaced = false;  // white space came since the last character
    while (!hostile.empty()) {
        if (is_white(hostile[0])) {
            spaced = !safe.empty();
            hostile.remove_prefix(1);
            continue;
        }
        const auto character = first_character(hostile);
        const bool keep = character.size > 0 && is_harmless(character.code);
        const auto next = keep ? hostile.substr(0, character.size) : std::string_view{"?"};
        const auto room = safe.size() + (spaced ? 1 : 0) + next.size() + kEllipsis.size();
        if (room > bytes_max) return safe.append(kEllipsis);
        if (std::exchange(spaced, false)) safe.push_back(' ');
        safe.append(next);
        hostile.remove_prefix(std::max<std::size_t>(character.size, 1));
    }
    return safe;
}

bool is_safe_text(std::string_view text) {
    while (!text.empty()) {
        const auto character = first_character(text);
        if (character.size == 0 || !is_harmless(character.code)) return false;
        text.remove_prefix(character.size);
    }
    return true;
}

std::string shown_text(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    while (!text.empty()) {
        const auto character = first_character(text);
        if (character.size > 0 && is_harmless(character.code))
            shown.append(text.substr(0, character.size));
        else
            shown.push_back('?');
        text.remove_prefix(std::max<std::size_t>(character.size, 1));
    }
    return shown;
}

std::string to_lower(std::string_view text) {
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) {
        return lower(a) == lower(b);
    });
}

bool is_http_token(std::string_view name) {
    static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
               kMarks.find(c) != std::string_view::npos;
    });
}

bool is_header_value(std::string_view value) {
    return std::all_of(value.begin(), value.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
    });
}

std::string to_base64(std::string_view bytes) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto left = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = (group << 8U) | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k)
            text.push_back(k <= left ? kAlphabet[(group >> (18U - 6U * k)) & 0x3FU] : '=');
    }
    return text;
}

}  // namespace quorate
