#include "core/manifest/canonical_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

namespace quorate {
namespace {

namespace json = boost::json;

void append_string(std::string& text, std::string_view value) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    text.push_back('"');
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        switch (c) {
            case '"':
                text.append("\\\"");
                break;
            case '\\':
                text.append("\\\\");
                break;
            case '\b':
                text.append("\\b");
                break;
            case '\f':
                text.append("\\f");
                break;
            case '\n':
                text.append("\\n");
                break;
            case '\r':
                text.append("\\r");
                break;
            case '\t':
                text.append("\\t");
                break;
            default:
                if (byte < 0x20)
                    text.append("\\u00").append({kDigits[byte >> 4U], kDigits[byte & 0xFU]});
                else
                    text.push_back(c);
        }
    }
    text.push_back('"');
}

/// Number::toString of ECMA-262: the shortest digits that read back, laid out by the exponent.
std::string number_text(double value) {
    if (value == 0) return "0";  // also -0
    std::array<char, 40> buffer{};
    const auto result = std::to_chars(buffer.data(),
                                      buffer.data() + buffer.size(),
                                      std::abs(value),
                                      std::chars_format::scientific);
    const std::string_view shortest{buffer.data(),
                                    static_cast<std::size_t>(result.ptr - buffer.data())};
    const auto mark = shortest.find('e');
    std::string digits{shortest.substr(0, mark)};
    std::erase(digits, '.');
    int exponent = 0;
    const auto from = mark + (shortest[mark + 1] == '+' ? 2 : 1);
    std::from_chars(shortest.data() + from, shortest.data() + shortest.size(), exponent);
    const int count = static_cast<int>(digits.size());
    const int point = exponent + 1;  // where the point stands, counted from the first digit
    std::string text = value < 0 ? "-" : "";
    if (count <= point && point <= 21) return text + digits + std::string(point - count, '0');
    if (0 < point && point <= 21)
        return text + digits.substr(0, point) + "." + digits.substr(point);
    if (-6 < point && point <= 0) return text + "0." + std::string(-point, '0') + digits;
    text += digits.substr(0, 1);
    if (count > 1) text += "." + digits.substr(1);
    return text + (exponent < 0 ? "e-" : "e+") + std::to_string(std::abs(exponent));
}

/// In UTF-8 the order of bytes is that of code points; UTF-16 sorts U+E000…U+FFFF behind the
/// characters above them, whose surrogates are D800…DFFF.
bool before_in_utf16(std::string_view left, std::string_view right) {
    const auto [l, r] = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
    if (l == left.end() || r == right.end()) return l == left.end() && r != right.end();
    const auto rank = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte == 0xEE || byte == 0xEF ? byte + 0x10 : static_cast<int>(byte);
    };
    return rank(*l) < rank(*r);
}

void append_value(std::string& text, const json::value& value);

void append_object(std::string& text, const json::object& object) {
    std::vector<const json::key_value_pair*> members;
    members.reserve(object.size());
    for (const auto& member : object)
        members.push_back(&member);
    std::sort(members.begin(), members.end(), [](const auto* left, const auto* right) {
        return before_in_utf16(left->key(), right->key());
    });
    text.push_back('{');
    for (const auto* member : members) {
        if (member != members.front()) text.push_back(',');
        append_string(text, member->key());
        text.push_back(':');
        append_value(text, member->value());
    }
    text.push_back('}');
}

void append_array(std::string& text, const json::array& array) {
    text.push_back('[');
    bool first = true;
    for (const auto& item : array) {
        if (!first) text.push_back(',');
        first = false;
        append_value(text, item);
    }
    text.push_back(']');
}

void append_value(std::string& text, const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            text.append("null");
            return;
        case json::kind::bool_:
            text.append(value.get_bool() ? "true" : "false");
            return;
        case json::kind::int64:
            text.append(std::to_string(value.get_int64()));
            return;
        case json::kind::uint64:
            text.append(std::to_string(value.get_uint64()));
            return;
        case json::kind::double_:
            text.append(number_text(value.get_double()));
            return;
        case json::kind::string:
            append_string(text, value.get_string());
            return;
        case json::kind::array:
            append_array(text, value.get_array());
            return;
        case json::kind::object:
            append_object(text, value.get_object());
            return;
    }
}

}  // namespace

std::string canonical_json(const json::value& value) {
    std::string text;
    append_value(text, value);
    return text;
}

}  // namespace quorate
