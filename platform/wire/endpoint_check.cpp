#include "platform/wire/endpoint_check.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "core/base/json_text.hpp"
#include "core/base/text.hpp"
#include "core/model/headers.hpp"
#include "core/model/http_url.hpp"

namespace quorate::wire {
namespace {

bool is_lower_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/// Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j + 1] + 1, row[j] + 1, replaced});
        }
    }
    return row.back();
}

}  // namespace

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 63 && text.front() != '-' &&
           std::all_of(
               text.begin(), text.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

std::string problem_of_url(const std::string& url) {
    const auto parsed = parse_http_url(url);
    if (parsed) return {};
    // A URL with user information may hold a password, so it is not repeated.
    const bool shown = url.find('@') == std::string::npos;
    return parsed.error().detail + (shown ? fmt::format(", is \"{}\"", url) : "");
}

std::string problem_of_header_name(const std::string& name) {
    if (name.size() > 128 || !is_http_token(name)) return "is no valid header name";
    if (is_reserved_header(name)) return "is set by the probe itself";
    return {};
}

bool sends_credential(const EndpointSpec& spec) {
    return spec.bearer || std::ranges::any_of(spec.headers, [](const auto& header) {
               return is_credential_header(header.first) || !header.second.secret.empty();
           });
}

bool is_printable(std::string_view text) {
    return is_safe_text(text);
}

bool is_json_type(std::string_view word) {
    static constexpr std::array<std::string_view, 7> kTypes{
        "string", "number", "integer", "boolean", "array", "object", "null"};
    return std::find(kTypes.begin(), kTypes.end(), word) != kTypes.end();
}

std::string did_you_mean(std::string_view text, const std::vector<std::string>& known) {
    constexpr std::size_t kLongest = 64;
    const std::string* closest = nullptr;
    std::size_t fewest = 3;
    if (text.size() > kLongest) return {};
    for (const auto& name : known) {
        const auto edits = distance(text, name);
        // A word of which nothing is left is no slip of the pen.
        if (edits >= fewest || edits >= text.size()) continue;
        closest = &name;
        fewest = edits;
    }
    return closest == nullptr ? "" : fmt::format("; did you mean \"{}\"?", *closest);
}

boost::json::value to_json_value(const Yaml& yaml) {
    switch (yaml.kind) {
        case Yaml::Kind::null:
            return nullptr;
        case Yaml::Kind::scalar: {
            if (yaml.quoted) return boost::json::string{yaml.text};
            auto value = parse_json(yaml.text);
            if (value && (value->is_number() || value->is_bool() || value->is_null()))
                return *std::move(value);
            return boost::json::string{yaml.text};
        }
        case Yaml::Kind::list: {
            boost::json::array list;
            for (const auto& item : yaml.items)
                list.push_back(to_json_value(item));
            return list;
        }
        case Yaml::Kind::map: {
            boost::json::object map;
            for (const auto& entry : yaml.entries)
                map[entry.key] = to_json_value(entry.value);
            return map;
        }
    }
    return nullptr;
}

}  // namespace quorate::wire
