#include "core/maintenance/matchers_json.hpp"

#include <optional>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace quorate {
namespace {

namespace json = boost::json;

json::value parsed(std::string_view text) {
    json::error_code error;
    auto value = json::parse(json::string_view{text.data(), text.size()}, error);
    return error ? json::value{} : value;
}

/// All texts of an object; nothing where it has anything else.
std::optional<Labels> texts_of(const json::value& value) {
    Labels texts;
    if (!value.is_object()) return std::nullopt;
    for (const auto& [key, text] : value.get_object()) {
        if (!text.is_string()) return std::nullopt;
        texts.emplace(std::string{key}, std::string{text.get_string()});
    }
    return texts;
}

std::optional<EndpointMatcher> matcher_of(const json::value& value) {
    EndpointMatcher matcher;
    if (!value.is_object()) return std::nullopt;
    for (const auto& [key, part] : value.get_object()) {
        if (key == "tenant" && part.is_string()) {
            matcher.tenant = std::string{part.get_string()};
        } else if (key == "endpoint" && part.is_string()) {
            matcher.endpoint = std::string{part.get_string()};
        } else if (auto labels = texts_of(part); key == "labels" && labels) {
            matcher.labels = *std::move(labels);
        } else {
            return std::nullopt;
        }
    }
    if (matcher == EndpointMatcher{}) return std::nullopt;
    return matcher;
}

}  // namespace

std::string matchers_json(const std::vector<EndpointMatcher>& matchers) {
    json::array list;
    for (const auto& matcher : matchers) {
        json::object entry;
        if (!matcher.tenant.empty()) entry["tenant"] = matcher.tenant;
        if (!matcher.endpoint.empty()) entry["endpoint"] = matcher.endpoint;
        json::object labels;
        for (const auto& [key, value] : matcher.labels)
            labels[key] = value;
        if (!labels.empty()) entry["labels"] = std::move(labels);
        list.emplace_back(std::move(entry));
    }
    return json::serialize(list);
}

std::vector<EndpointMatcher> parse_matchers(std::string_view text) {
    std::vector<EndpointMatcher> matchers;
    const auto list = parsed(text);
    if (!list.is_array()) return matchers;
    for (const auto& each : list.get_array())
        if (auto matcher = matcher_of(each)) matchers.push_back(*std::move(matcher));
    return matchers;
}

Labels parse_labels(std::string_view text) {
    Labels labels;
    const auto object = parsed(text);
    if (!object.is_object()) return labels;
    for (const auto& [key, value] : object.get_object())
        if (value.is_string()) labels.emplace(std::string{key}, std::string{value.get_string()});
    return labels;
}

}  // namespace quorate
