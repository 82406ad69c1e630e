#include <algorithm>

#include "core/base/text.hpp"
#include "probe/assertion.hpp"
#include "probe/call.hpp"
#include "probe/mcp_messages.hpp"
#include "probe/tool_list.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr int kUrlElicitationRequired = -32042;  // of 2025-11-25 alone

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

/// Servers of SDK v1 answer a call of a tool that they don't have with a failure of that tool.
bool is_listed(const Attempt& attempt) {
    return std::any_of(attempt.tools.begin(), attempt.tools.end(), [&](const json::object& tool) {
        return string_member(tool, "name") == attempt.request.canary->tool;
    });
}

Result<void> check(Attempt& attempt, const json::object& result) {
    const auto& canary = *attempt.request.canary;
    if (attempt.is_modern()) {
        if (string_member(result, "resultType") == "input_required")
            return failure(Reason::canary_input_required,
                           "The canary's tool asks a human for input");
        auto complete = check_result_type(result, Phase::tools_call, attempt.report.warnings);
        if (!complete) return complete;
    }
    const auto* is_error = result.if_contains("isError");
    if (is_error != nullptr && is_error->is_bool() && is_error->get_bool()) {
        auto words =
            "The canary's tool " + safe_text(canary.tool, 80) + " failed: " + tool_text(result);
        if (!is_listed(attempt)) words += "; the server does not list it";
        return failure(Reason::canary_tool_error, std::move(words));
    }
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

/// Whether we left a call alone that the server may be working on still.
bool is_abandoned(Reason reason) {
    return reason == Reason::timeout_headers || reason == Reason::timeout_body ||
           reason == Reason::timeout_total || reason == Reason::response_too_large;
}

/// What a failed canary comes to: whichever connection it took, it counts as the canary's; and a
/// tool that needs what only a person or a model can give is a bad canary, not a sick server.
Failure judge_failure(const Attempt& attempt, Failure failed) {
    failed.phase = Phase::tools_call;
    if (class_of(failed.reason) == ReasonClass::excluded) return failed;
    if (failed.reason == Reason::protocol_session_lost) return failed;
    const bool wants_url = attempt.last_rpc_error && failed.reason == Reason::canary_rpc_error &&
                           attempt.last_rpc_error->code == kUrlElicitationRequired;
    if (!attempt.asked_of_client && !wants_url) return failed;
    return failure(
        Reason::canary_input_required,
        "The canary's tool asked for sampling, roots or input, and then failed: " + failed.detail);
}

}  // namespace

Task<Result<void>> tools_call_step(Attempt& attempt) {
    const PhaseStopwatch stopwatch{attempt, attempt.report.timings.tools_call};
    const auto& canary = *attempt.request.canary;
    const auto arguments =
        parse_json(canary.arguments_json);  // an object: checked with the request
    json::object params{{"name", canary.tool}, {"arguments", *arguments}};
    auto message = make_request(attempt, Phase::tools_call, "tools/call", std::move(params));
    message.idempotent = false;
    const auto id = message.id;
    attempt.asked_of_client = false;
    if (attempt.is_modern()) add_headers(attempt, message, arguments->get_object());
    auto answer = co_await call(attempt, message);
    if (!answer) {
        if (is_abandoned(answer.error().reason)) attempt.abandoned_call = id;
        co_return judge_failure(attempt, answer.error());
    }
    auto result = result_of(attempt, *std::move(answer), Phase::tools_call);
    if (!result) co_return judge_failure(attempt, result.error());
    auto checked = check(attempt, *result);
    if (!checked) co_return judge_failure(attempt, checked.error());
    co_return checked;
}

}  // namespace quorate
