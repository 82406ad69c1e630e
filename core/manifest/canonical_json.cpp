#include "core/manifest/canonical_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace quorate {
namespace {

namespace json = boost::json;

/// Number::toString of ECMA-262: the shortest digits that read back, laid out by the exponent.
std::string number_text(double value) {
    if (value == 0) return "0";  // also -0
    if (!std::isfinite(value)) return "null";
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

void append_integer(std::string& text, auto value) {
    std::array<char, 24> buffer{};
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    text.append(buffer.data(), result.ptr);
}

/// Whether a byte can't stand in a string as it is.
constexpr auto kNeedsEscape = [] {
    std::array<bool, 256> table{};
    for (std::size_t byte = 0; byte < 0x20; ++byte)
        table[byte] = true;
    table['"'] = table['\\'] = true;
    return table;
}();

bool needs_escape(char c) {
    return kNeedsEscape[static_cast<unsigned char>(c)];
}

void append_escaped(std::string& text, char c) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
        case '"':
        case '\\':
            text.push_back('\\');
            text.push_back(c);
            return;
        case '\b':
            text.append("\\b");
            return;
        case '\f':
            text.append("\\f");
            return;
        case '\n':
            text.append("\\n");
            return;
        case '\r':
            text.append("\\r");
            return;
        case '\t':
            text.append("\\t");
            return;
        default:
            text.append("\\u00").append({kDigits[byte >> 4U], kDigits[byte & 0xFU]});
    }
}

}  // namespace

/// In UTF-8 the order of bytes is that of code points; UTF-16 sorts U+E000…U+FFFF behind the
/// characters above them, whose surrogates are D800…DFFF.
bool before_in_utf16(std::string_view left, std::string_view right) {
    const auto common = std::min(left.size(), right.size());
    std::size_t at = 0;
    while (at < common && left[at] == right[at])
        ++at;
    if (at == common) return left.size() < right.size();
    const auto rank = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte == 0xEE || byte == 0xEF ? byte + 0x10 : static_cast<int>(byte);
    };
    return rank(left[at]) < rank(right[at]);
}

SortedMembers::SortedMembers(const json::object& object) {
    members_.reserve(object.size());
    const auto before = [](const auto* left, const auto* right) {
        return before_in_utf16(left->key(), right->key());
    };
    bool sorted = true;
    for (const auto& member : object) {
        sorted = sorted && (members_.empty() || before(members_.back(), &member));
        members_.push_back(&member);
    }
    if (!sorted) std::sort(members_.begin(), members_.end(), before);
}

void append_canonical_string(std::string& text, std::string_view value) {
    text.push_back('"');
    while (!value.empty()) {
        const auto special = std::find_if(value.begin(), value.end(), needs_escape);
        const auto plain = static_cast<std::size_t>(special - value.begin());
        text.append(value.substr(0, plain));
        if (special == value.end()) break;
        append_escaped(text, *special);
        value.remove_prefix(plain + 1);
    }
    text.push_back('"');
}

void append_canonical(std::string& text, const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            text.append("null");
            return;
        case json::kind::bool_:
            text.append(value.get_bool() ? "true" : "false");
            return;
        case json::kind::int64:
            return append_integer(text, value.get_int64());
        case json::kind::uint64:
            return append_integer(text, value.get_uint64());
        case json::kind::double_:
            text.append(number_text(value.get_double()));
            return;
        case json::kind::string:
            return append_canonical_string(text, value.get_string());
        case json::kind::array: {
            char before = '[';
            for (const auto& item : value.get_array()) {
                text.push_back(std::exchange(before, ','));
                append_canonical(text, item);
            }
            text.append(before == '[' ? "[]" : "]");
            return;
        }
        case json::kind::object: {
            char before = '{';
            for (const auto* member : SortedMembers{value.get_object()}) {
                text.push_back(std::exchange(before, ','));
                append_canonical_string(text, member->key());
                text.push_back(':');
                append_canonical(text, member->value());
            }
            text.append(before == '{' ? "{}" : "}");
            return;
        }
    }
}

std::string canonical_json(const json::value& value) {
    std::string text;
    append_canonical(text, value);
    return text;
}

}  // namespace quorate
