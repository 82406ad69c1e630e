#include "probe/assertion.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include <boost/json/serialize.hpp>

#include "core/base/text.hpp"
#include "probe/jsonrpc.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr std::size_t kValueBytesMax = 60;

/// One step of a path: a member, an index, or, when both are unset, a wildcard.
struct PathStep {
    std::optional<std::string> member;
    std::optional<std::int64_t> index;
};

/// `['name']` or `[12]` or `[*]`, without its brackets.
std::optional<PathStep> parse_bracket(std::string_view inside) {
    if (inside == "*") return PathStep{};
    if (inside.size() >= 2 && (inside.front() == '\'' || inside.front() == '"') &&
        inside.back() == inside.front())
        return PathStep{std::string{inside.substr(1, inside.size() - 2)}, {}};
    std::int64_t index = 0;
    const auto* end = inside.data() + inside.size();
    const auto [rest, error] = std::from_chars(inside.data(), end, index);
    if (error != std::errc{} || rest != end) return std::nullopt;
    return PathStep{{}, index};
}

std::optional<std::vector<PathStep>> parse_path(std::string_view path) {
    if (path.empty() || path.front() != '$') return std::nullopt;
    path.remove_prefix(1);
    std::vector<PathStep> steps;
    while (!path.empty()) {
        if (path.front() == '.') {
            const auto end = std::min(path.find_first_of(".[", 1), path.size());
            const auto name = path.substr(1, end - 1);
            if (name.empty()) return std::nullopt;
            steps.push_back(name == "*" ? PathStep{} : PathStep{std::string{name}, {}});
            path.remove_prefix(end);
            continue;
        }
        const auto end = path.find(']');
        if (path.front() != '[' || end == path.npos) return std::nullopt;
        auto step = parse_bracket(path.substr(1, end - 1));
        if (!step) return std::nullopt;
        steps.push_back(*std::move(step));
        path.remove_prefix(end + 1);
    }
    return steps;
}

void follow(const json::value& from, const PathStep& step, std::vector<const json::value*>& found) {
    if (step.member) {
        const auto* object = from.if_object();
        const auto* value = object == nullptr ? nullptr : object->if_contains(*step.member);
        if (value != nullptr) found.push_back(value);
    } else if (const auto* array = from.if_array()) {
        const auto size = static_cast<std::int64_t>(array->size());
        if (step.index) {
            const auto at = *step.index < 0 ? size + *step.index : *step.index;
            if (at >= 0 && at < size) found.push_back(&(*array)[static_cast<std::size_t>(at)]);
            return;
        }
        for (const auto& item : *array)
            found.push_back(&item);
    } else if (const auto* object = from.if_object(); object != nullptr && !step.index) {
        for (const auto& member : *object)
            found.push_back(&member.value());
    }
}

std::optional<double> number_of(const json::value& value) {
    boost::system::error_code error;
    const auto number = value.to_number<double>(error);
    if (error) return std::nullopt;
    return number;
}

/// In a text, numbers and truth values are looked for as they are written in JSON: nobody puts
/// `contains 5` in quotes.
bool text_contains(std::string_view text, const json::value& part) {
    if (part.is_null() || part.is_structured()) return false;
    const auto* words = part.if_string();
    return text.find(words == nullptr ? json::serialize(part)
                                      : std::string{std::string_view{*words}}) != text.npos;
}

bool contains(const json::value& whole, const json::value& part) {
    if (const auto* text = whole.if_string()) return text_contains(*text, part);
    if (const auto* array = whole.if_array())
        return std::find(array->begin(), array->end(), part) != array->end();
    const auto* object = whole.if_object();
    return object != nullptr && part.is_string() && object->contains(part.get_string());
}

bool is_type(const json::value& value, const json::value& type) {
    if (!type.is_string()) return false;
    const std::string_view name{type.get_string()};
    if (name == "string") return value.is_string();
    if (name == "number") return value.is_number();
    if (name == "integer") return value.is_int64() || value.is_uint64();
    if (name == "boolean") return value.is_bool();
    if (name == "array") return value.is_array();
    if (name == "object") return value.is_object();
    return name == "null" && value.is_null();
}

bool holds(const json::value& value, std::string_view op, const json::value& wanted) {
    if (op == "contains") return contains(value, wanted);
    if (op == "is") return is_type(value, wanted);
    if (op == "==" && value == wanted) return true;  // large integers too, exactly
    const auto left = number_of(value);
    const auto right = number_of(wanted);
    if (op == "==")
        return left && right && (value.is_double() || wanted.is_double()) && *left == *right;
    return left && right && (op == ">=" ? *left >= *right : *left <= *right);
}

std::string shown(const json::value& value) {
    return safe_text(json::serialize(value), kValueBytesMax);
}

}  // namespace

std::optional<json::value> value_at(const json::value& root, std::string_view path) {
    const auto steps = parse_path(path);
    if (!steps) return std::nullopt;
    std::vector<const json::value*> here{&root};
    bool wildcard = false;
    for (const auto& step : *steps) {
        std::vector<const json::value*> next;
        for (const auto* value : here)
            follow(*value, step, next);
        wildcard = wildcard || (!step.member && !step.index);
        here = std::move(next);
    }
    if (!wildcard) return here.empty() ? std::nullopt : std::optional{*here.front()};
    json::array all;
    for (const auto* value : here)
        all.push_back(*value);
    return json::value(std::move(all));
}

std::string assertion_error(const CanaryAssertion& assertion) {
    static constexpr std::string_view kOperators[] = {"==", ">=", "<=", "contains", "is"};
    if (!parse_path(assertion.path)) return "not a path: " + assertion.path;
    if (std::find(std::begin(kOperators), std::end(kOperators), assertion.op) ==
        std::end(kOperators))
        return "not an operator: " + assertion.op;
    if (!parse_json(assertion.value_json)) return "not a JSON value: " + assertion.value_json;
    return {};
}

std::optional<std::string> assertion_failure(const json::value& root,
                                             const CanaryAssertion& assertion) {
    const auto wanted = parse_json(assertion.value_json);
    const auto value = value_at(root, assertion.path);
    const auto rule = assertion.path + " " + assertion.op + " " + assertion.value_json;
    if (!value || !wanted) return rule + ": there is nothing at that path";
    if (holds(*value, assertion.op, *wanted)) return std::nullopt;
    return rule + ": it is " + shown(*value);
}

json::value assertion_root(const json::object& result) {
    if (const auto* structured = result.if_contains("structuredContent")) return *structured;
    const auto* content = result.if_contains("content");
    if (content == nullptr || !content->is_array()) return nullptr;
    for (const auto& item : content->get_array()) {
        const auto* object = item.if_object();
        if (object == nullptr || string_member(*object, "type") != "text") continue;
        const auto text = string_member(*object, "text").value_or("");
        auto parsed = parse_json(text);
        return parsed ? *std::move(parsed) : json::value(json::string(text));
    }
    return nullptr;
}

}  // namespace quorate
