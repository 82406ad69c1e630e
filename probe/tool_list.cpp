#include "probe/tool_list.hpp"

#include <algorithm>

#include <boost/json/value.hpp>

#include "core/base/text.hpp"
#include "probe/jsonrpc.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr int kSchemaDepthMax = 32;

Failure failure(Reason reason, std::string detail) {
    return {Phase::tools_list, reason, std::move(detail)};
}

bool is_header_type(const json::object& property) {
    const auto type = string_member(property, "type");
    return type == "string" || type == "integer" || type == "boolean";
}

/// Whether an `x-mcp-header` stands anywhere in a part of the schema that `properties` do not
/// reach.
bool mentions_header(const json::value& value, int depth) {
    if (depth > kSchemaDepthMax) return false;
    if (const auto* array = value.if_array())
        return std::any_of(array->begin(), array->end(), [&](const json::value& item) {
            return mentions_header(item, depth + 1);
        });
    const auto* object = value.if_object();
    if (object == nullptr) return false;
    return object->contains("x-mcp-header") ||
           std::any_of(object->begin(), object->end(), [&](const auto& member) {
               return mentions_header(member.value(), depth + 1);
           });
}

/// Collects the header properties below `schema`; false where one is not valid.
bool collect(const json::object& schema,
             std::vector<std::string>& path,
             std::vector<HeaderParameter>& found) {
    if (path.size() > kSchemaDepthMax) return true;
    for (const auto& member : schema)
        if (member.key() != "properties" && mentions_header(member.value(), 0)) return false;
    const auto* properties = object_member(schema, "properties");
    if (properties == nullptr) return true;
    for (const auto& member : *properties) {
        const auto* property = member.value().if_object();
        if (property == nullptr) continue;
        path.emplace_back(member.key());
        if (const auto* marker = property->if_contains("x-mcp-header")) {
            if (!marker->is_string() || !is_http_token(marker->get_string()) ||
                !is_header_type(*property))
                return false;
            const std::string name{marker->get_string()};
            const bool taken = std::any_of(found.begin(), found.end(), [&](const auto& other) {
                return equal_ignoring_case(other.header, name);
            });
            if (taken) return false;
            found.push_back(HeaderParameter{path, name});
        } else if (!collect(*property, path, found)) {
            return false;
        }
        path.pop_back();
    }
    return true;
}

}  // namespace

std::optional<std::vector<HeaderParameter>> header_parameters(const json::object& tool) {
    std::vector<HeaderParameter> found;
    std::vector<std::string> path;
    const auto* schema = object_member(tool, "inputSchema");
    if (schema != nullptr && !collect(*schema, path, found)) return std::nullopt;
    return found;
}

std::string header_form(std::string_view value) {
    static constexpr std::string_view kSentinel = "=?base64?";
    const bool plain =
        std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
    const bool padded = !value.empty() && (value.front() == ' ' || value.back() == ' ');
    const bool looks_encoded = value.substr(0, kSentinel.size()) == kSentinel;
    if (plain && !padded && !looks_encoded) return std::string{value};
    return std::string{kSentinel} + to_base64(value) + "?=";
}

Result<void> ToolList::take_tool(const json::value& tool) {
    const auto* object = tool.if_object();
    const auto name = object == nullptr ? std::nullopt : string_member(*object, "name");
    if (!name) return failure(Reason::protocol_invalid_result, "A tool has no string `name`");
    const auto* schema = object_member(*object, "inputSchema");
    if (schema == nullptr || string_member(*schema, "type") != "object")
        return failure(Reason::protocol_invalid_result,
                       "The tool " + safe_text(*name, 80) + " has no object `inputSchema`");
    if (modern_ && !header_parameters(*object)) {
        warnings_.add(Warning::tool_definition_invalid);
        return {};
    }
    if (!names_.emplace(*name).second) {
        warnings_.add(Warning::tool_name_duplicate);
        return {};
    }
    weigh(tool, weight_);
    if (weight_.too_heavy())
        return failure(Reason::response_too_large,
                       "The tools together have more than 1000000 JSON values or 32 MiB of text");
    tools_.push_back(*object);
    return {};
}

Result<std::optional<std::string>> ToolList::take_page(const json::object& result) {
    ++pages_;
    const auto* tools = result.if_contains("tools");
    if (tools == nullptr || !tools->is_array())
        return failure(Reason::protocol_invalid_result, "The ListToolsResult has no array `tools`");
    for (const auto& tool : tools->get_array()) {
        if (tools_.size() >= kToolsMax)
            return failure(Reason::pagination_invalid, "The list has more than 5000 tools");
        const auto taken = take_tool(tool);
        if (!taken) return taken.error();
    }
    const auto* cursor = result.if_contains("nextCursor");
    if (cursor == nullptr || cursor->is_null()) return std::optional<std::string>{};
    if (!cursor->is_string())
        return failure(Reason::protocol_invalid_result, "`nextCursor` is not a string");
    if (cursor->get_string().size() > kCursorBytesMax)
        return failure(Reason::response_too_large, "`nextCursor` is longer than 64 KiB");
    std::string next{cursor->get_string()};
    if (next.empty() && !modern_) return std::optional<std::string>{};
    if (!cursors_.insert(sha256(next)).second)
        return failure(Reason::pagination_invalid, "The server gave the same cursor twice");
    if (pages_ >= kPagesMax)
        return failure(Reason::pagination_invalid, "The list has more than 50 pages");
    return std::optional<std::string>{std::move(next)};
}

}  // namespace quorate
