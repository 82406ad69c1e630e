#include "core/base/text.hpp"
#include "probe/assertion.hpp"
#include "probe/call.hpp"
#include "probe/mcp_messages.hpp"
#include "probe/tool_list.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

Failure failure(Reason reason, std::string detail) {
    return {Phase::tools_call, reason, std::move(detail)};
}

/// The value of an argument as a header carries it; nothing where it is null or absent.
std::optional<std::string> argument_text(const json::object& arguments,
                                         const std::vector<std::string>& path) {
    const json::object* object = &arguments;
    for (std::size_t i = 0; i + 1 < path.size() && object != nullptr; ++i)
        object = object_member(*object, path[i]);
    const auto* value = object == nullptr ? nullptr : object->if_contains(path.back());
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (const auto* text = value->if_string()) return std::string{*text};
    if (const auto* flag = value->if_bool()) return *flag ? "true" : "false";
    boost::system::error_code error;
    const auto number = value->to_number<std::int64_t>(error);
    if (error) return std::nullopt;
    return std::to_string(number);
}

/// Mcp-Name and Mcp-Param-… of the modern era.
void add_headers(const Attempt& attempt, McpCall& message, const json::object& arguments) {
    const auto& name = attempt.request.canary->tool;
    message.fields.emplace_back("Mcp-Name", header_form(name));
    for (const auto& tool : attempt.tools) {
        if (string_member(tool, "name") != name) continue;
        const auto parameters = header_parameters(tool);  // named: the loop does not keep it alive
        if (!parameters) continue;
        for (const auto& parameter : *parameters)
            if (const auto text = argument_text(arguments, parameter.path))
                message.fields.emplace_back("Mcp-Param-" + parameter.header, header_form(*text));
    }
}

/// The text of a failed tool's first content, for people.
std::string tool_text(const json::object& result) {
    const auto root = assertion_root(result);
    return root.is_string() ? safe_text(root.get_string(), 120) : std::string{"no text"};
}

Result<void> check(const Attempt& attempt, const json::object& result) {
    const auto& canary = *attempt.request.canary;
    const auto kind = string_member(result, "resultType");
    if (kind == "input_required")
        return failure(Reason::canary_input_required, "The canary's tool asks a human for input");
    if (kind && *kind != "complete")
        return failure(Reason::protocol_invalid_result,
                       "An unknown resultType: " + safe_text(*kind, 40));
    const auto* is_error = result.if_contains("isError");
    if (is_error != nullptr && is_error->is_bool() && is_error->get_bool())
        return failure(
            Reason::canary_tool_error,
            "The canary's tool " + safe_text(canary.tool, 80) + " failed: " + tool_text(result));
    const auto* content = result.if_contains("content");
    if (content == nullptr || !content->is_array())
        return failure(Reason::protocol_invalid_result,
                       "The CallToolResult has no array `content`");
    const auto root = assertion_root(result);
    for (const auto& assertion : canary.assertions)
        if (const auto why = assertion_failure(root, assertion))
            return failure(Reason::canary_assertion_failed,
                           "The canary's answer does not hold: " + safe_text(*why, 200));
    return {};
}

}  // namespace

Task<Result<void>> tools_call_step(Attempt& attempt) {
    if (!attempt.request.canary) co_return Result<void>{};
    const PhaseStopwatch stopwatch{attempt, attempt.report.timings.tools_call};
    const auto& canary = *attempt.request.canary;
    const auto arguments =
        parse_json(canary.arguments_json);  // an object: checked with the request
    json::object params{{"name", canary.tool}, {"arguments", *arguments}};
    auto message = make_request(attempt, Phase::tools_call, "tools/call", std::move(params));
    message.idempotent = false;
    if (attempt.is_modern()) add_headers(attempt, message, arguments->get_object());
    auto answer = co_await call(attempt, std::move(message));
    if (!answer) co_return answer.error();
    auto result = result_of(attempt, *std::move(answer), Phase::tools_call);
    if (!result) co_return result.error();
    co_return check(attempt, *result);
}

}  // namespace quorate
