#include <algorithm>

#include "core/base/text.hpp"
#include "probe/call.hpp"
#include "probe/mcp_messages.hpp"
#include "probe/mcp_versions.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr int kInvalidParams = -32602;
constexpr int kUnsupportedVersion = -32022;

Failure invalid(std::string_view what) {
    return {Phase::initialize,
            Reason::protocol_invalid_result,
            "The InitializeResult is not valid: " + std::string{what}};
}

/// 1*(0x21..0x7E), as the specification wants it.
bool is_session_id(std::string_view id) {
    return !id.empty() &&
           std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

/// Our best version among those a server says it supports.
std::optional<std::string> best_mutual(const std::vector<std::string>& supported) {
    std::optional<std::string> best;
    for (const auto& version : supported)
        if (is_legacy_version(version) && version != kLegacyVersions.front() &&
            (!best || version > *best))
            best = version;
    return best;
}

/// Whether the answer is the documented error form of version negotiation, which lists versions.
bool refuses_version(const Attempt& attempt) {
    const auto& error = attempt.last_rpc_error;
    const auto status = attempt.report.http_status;
    return error && (error->code == kInvalidParams || error->code == kUnsupportedVersion) &&
           !error->supported.empty() && (status == 200 || status == 400);
}

std::string listed(const std::vector<std::string>& versions) {
    std::string text;
    for (const auto& version : versions)
        text += (text.empty() ? "" : ", ") + version;
    return text;
}

Result<void> keep_result(Attempt& attempt, const HttpHead& head, const json::object& result) {
    auto& report = attempt.report;
    if (head.has_session_id && !attempt.message_url) {
        if (!is_session_id(head.session_id)) return invalid("the session id has other characters");
        attempt.session_id = head.session_id;
    }
    const auto version = string_member(result, "protocolVersion");
    if (!version) return invalid("no string `protocolVersion`");
    if (!is_legacy_version(*version)) {
        report.peer_versions = {safe_text(*version, 32)};
        return Failure{Phase::initialize,
                       Reason::protocol_version_unsupported,
                       "The server offers only version " + report.peer_versions[0]};
    }
    const auto* capabilities = object_member(result, "capabilities");
    if (capabilities == nullptr) return invalid("no object `capabilities`");
    const auto info = server_info_of(result);
    report.server_name = info.name;
    report.server_version = info.version;
    if (!info.complete) return invalid("no strings `serverInfo.name` and `serverInfo.version`");
    attempt.tools_declared = capabilities->contains("tools");
    attempt.version = *version;
    report.protocol_version = *version;
    report.era = attempt.message_url ? Era::sse : Era::legacy;
    if (!attempt.message_url && *version < kLegacyVersion)
        report.warnings.add(Warning::version_downgraded);
    return {};
}

Task<Result<void>> initialize_once(Attempt& attempt, std::string_view version) {
    auto message = make_initialize(attempt, version);
    auto answer = co_await call(attempt, std::move(message));
    if (!answer) co_return answer.error();
    const auto head = answer->head;
    auto result = result_of(attempt, *std::move(answer), Phase::initialize);
    if (!result) co_return result.error();
    co_return keep_result(attempt, head, *result);
}

}  // namespace

Task<Result<void>> initialize_step(Attempt& attempt) {
    const PhaseStopwatch stopwatch{attempt, attempt.report.timings.initialize};
    attempt.session_id.clear();
    attempt.version.clear();
    attempt.modern = false;
    const auto offered = attempt.message_url ? kHttpSseVersion : kLegacyVersion;
    auto done = co_await initialize_once(attempt, offered);
    if (done || !refuses_version(attempt)) co_return done;
    const auto supported = attempt.last_rpc_error->supported;
    const auto mutual = best_mutual(supported);
    if (mutual) co_return co_await initialize_once(attempt, *mutual);
    attempt.report.peer_versions = supported;
    co_return Failure{
        Phase::initialize,
        Reason::protocol_version_unsupported,
        "The server speaks only versions that we don't offer here: " + listed(supported)};
}

Task<Result<void>> initialized_step(Attempt& attempt) {
    auto message = make_initialized();
    auto answer = co_await call(attempt, std::move(message));
    if (!answer) co_return answer.error();
    const auto status = answer->head.status;
    if (status >= 200 && status < 300) {
        if (status != 202) attempt.report.warnings.add(Warning::notification_status_not_202);
        co_return Result<void>{};
    }
    const StatusContext context{Phase::initialized, attempt.report.credential_sent, false};
    co_return failure_of_status(answer->head, answer->error, context);
}

}  // namespace quorate
