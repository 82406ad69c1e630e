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

/// A sound session id was kept when the head came.
Result<void> check_session(const Attempt& attempt, const HttpHead& head) {
    if (head.has_session_id && !attempt.message_url && !is_session_id(head.session_id))
        return invalid("the session id has other characters");
    return {};
}

/// What the InitializeResult says, as far as it is sound; what is told of an unsound one goes into
/// the report.
Result<InitializeFacts> facts_of(ProbeReport& report, const json::object& result) {
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
    auto info = server_info_of(result);
    report.server_name = info.name;
    report.server_version = info.version;
    if (!info.complete) return invalid("no strings `serverInfo.name` and `serverInfo.version`");
    return InitializeFacts{capabilities->contains("tools"),
                           std::string{*version},
                           std::move(info.name),
                           std::move(info.version)};
}

void take_facts(Attempt& attempt, const InitializeFacts& facts) {
    auto& report = attempt.report;
    report.server_name = facts.server_name;
    report.server_version = facts.server_version;
    report.protocol_version = facts.protocol_version;
    report.era = attempt.message_url ? Era::sse : Era::legacy;
    attempt.version = facts.protocol_version;
    attempt.tools_declared = facts.tools_declared;
    if (facts.protocol_version < (attempt.message_url ? kHttpSseVersion : kLegacyVersion))
        report.warnings.add(Warning::version_downgraded);
}

Result<void> judge_answer(Attempt& attempt, Answer answer) {
    if (answer.known() && answer.head().status == 200) {
        auto sound = check_session(attempt, answer.head());
        if (sound) take_facts(attempt, std::get<InitializeFacts>(*answer.known()));
        return sound;
    }
    const auto& head = answer.head();
    const auto& memory_key = answer.memory_key();
    auto result = result_of(attempt, std::move(answer), Phase::initialize);
    if (!result) return result.error();
    auto sound = check_session(attempt, head);
    if (!sound) return sound;
    auto facts = facts_of(attempt.report, *result);
    if (!facts) return facts.error();
    take_facts(attempt, *facts);
    if (memory_key) attempt.parts.memo.keep(*memory_key, *std::move(facts));
    return {};
}

Task<Result<void>> initialize_once(Attempt& attempt, std::string_view version) {
    attempt.leave_session();
    if (const auto* rules = rules_of(version)) attempt.offered_version = rules->version;
    auto message = make_initialize(attempt, version);
    message.recallable = !attempt.traced();
    auto answer = co_await call(attempt, message);
    if (!answer) co_return answer.error();
    co_return judge_answer(attempt, *std::move(answer));
}

}  // namespace

Task<Result<void>> initialize_step(Attempt& attempt) {
    const PhaseStopwatch stopwatch{attempt, attempt.report.timings.initialize};
    attempt.version.clear();
    attempt.modern = false;
    const auto offered = attempt.message_url ? kHttpSseVersion : kLegacyVersion;
    auto done = co_await initialize_once(attempt, offered);
    if (done || !refuses_version(attempt)) co_return done;
    const auto supported = attempt.last_rpc_error->supported;
    const auto mutual = best_mutual(supported, false);
    if (mutual) co_return co_await initialize_once(attempt, *mutual);
    attempt.report.peer_versions = supported;
    co_return Failure{
        Phase::initialize,
        Reason::protocol_version_unsupported,
        "The server speaks only versions that we don't offer here: " + listed(supported)};
}

Task<Result<void>> initialized_step(Attempt& attempt) {
    const PhaseStopwatch stopwatch{attempt, attempt.report.timings.initialized};
    const auto message = make_initialized();
    auto answer = co_await call(attempt, message);
    if (!answer) co_return answer.error();
    const auto status = answer->head().status;
    if (status >= 200 && status < 300) {
        if (status != 202) attempt.report.warnings.add(Warning::notification_status_not_202);
        co_return Result<void>{};
    }
    const StatusContext context{Phase::initialized, attempt.report.credential_sent, false};
    co_return failure_of_status(answer->head(), answer->error(), context);
}

}  // namespace quorate
