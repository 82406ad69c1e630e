#include <algorithm>

#include "core/base/text.hpp"
#include "probe/call.hpp"
#include "probe/mcp_messages.hpp"
#include "probe/mcp_versions.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr int kUnsupportedVersion = -32022;
constexpr std::size_t kVersionsMax = 16;

/// What a version list makes of a server; the newest version in common is then the attempt's.
Result<Discovered> judge_versions(Attempt& attempt, std::vector<std::string> versions) {
    if (const auto mutual = best_mutual(versions, true)) {
        attempt.version = *mutual;
        return Discovered::modern;
    }
    const bool any_modern = std::any_of(versions.begin(), versions.end(), is_modern_version);
    attempt.report.peer_versions = std::move(versions);
    if (!any_modern) return Discovered::not_modern;
    return Failure{Phase::discover,
                   Reason::protocol_version_unsupported,
                   "The server speaks only versions that we don't"};
}

/// Answers that say who we are or how the server fares, not which era it speaks.
bool is_no_era_evidence(const HttpHead& head) {
    const unsigned status = head.status;
    return head.challenged || status >= 500 || status == 401 || status == 403 || status == 402 ||
           status == 429 || status == 451;
}

/// Answers that came and make no sense as ones to `server/discover`; failures of the connection, of
/// time and of HTTP say nothing about the era.
bool is_era_evidence(Reason reason) {
    return reason == Reason::protocol_invalid_json || reason == Reason::protocol_invalid_message ||
           reason == Reason::protocol_id_mismatch || reason == Reason::protocol_no_response;
}

void take_facts(Attempt& attempt, const DiscoverFacts& facts) {
    attempt.tools_declared = facts.tools_declared;
    attempt.report.server_name = facts.server_name;
    attempt.report.server_version = facts.server_version;
    add_all(attempt.report.warnings, facts.warnings);
}

Result<Discovered> judge_result(Attempt& attempt,
                                const json::object& result,
                                const std::optional<AnswerKey>& memory_key) {
    const auto* supported = result.if_contains("supportedVersions");
    if (supported == nullptr || !supported->is_array()) return Discovered::not_modern;
    std::vector<std::string> versions;
    for (const auto& version : supported->get_array())
        if (version.is_string() && versions.size() < kVersionsMax)
            versions.push_back(safe_text(version.get_string(), 32));
    auto judged = judge_versions(attempt, std::move(versions));
    if (!judged || *judged == Discovered::not_modern) return judged;
    const auto* capabilities = object_member(result, "capabilities");
    if (capabilities == nullptr)
        return Failure{Phase::discover,
                       Reason::protocol_invalid_result,
                       "The DiscoverResult has no object `capabilities`"};
    DiscoverFacts facts;
    facts.tools_declared = capabilities->contains("tools");
    const auto info = server_info_of(result);
    facts.server_name = info.name;
    facts.server_version = info.version;
    const auto complete = check_result_type(result, Phase::discover, facts.warnings);
    if (!complete) return complete.error();
    check_cache_hints(result, facts.warnings);
    take_facts(attempt, facts);
    if (memory_key) attempt.parts.memo.keep(*memory_key, std::move(facts));
    return judged;
}

Result<Discovered> judge_answer(Attempt& attempt, Result<Answer> answer) {
    if (!answer) {
        if (!is_era_evidence(answer.error().reason)) return answer.error();
        attempt.last_rpc_error.reset();
        attempt.not_modern_because = answer.error();
        return Discovered::not_modern;
    }
    if (is_no_era_evidence(answer->head())) {
        auto failed = result_of(attempt, *std::move(answer), Phase::discover);
        return failed.error();
    }
    if (answer->error() && answer->error()->code == kUnsupportedVersion)
        return judge_versions(attempt, answer->error()->supported);
    if (answer->known() && answer->head().status == 200) {
        take_facts(attempt, std::get<DiscoverFacts>(*answer->known()));
        return Discovered::modern;
    }
    const auto& memory_key = answer->memory_key();
    auto result = result_of(attempt, *std::move(answer), Phase::discover);
    if (result) return judge_result(attempt, *result, memory_key);
    attempt.not_modern_because = result.error();
    return Discovered::not_modern;
}

Task<Result<Discovered>> discover_once(Attempt& attempt) {
    for (bool again = false;; again = true) {
        auto message = make_request(attempt, Phase::discover, "server/discover");
        message.recallable = !attempt.traced();
        auto answer = co_await call(attempt, message);
        const bool lost = !answer && is_lost_stream(attempt, answer.error());
        if (!lost || again) co_return judge_answer(attempt, std::move(answer));
    }
}

}  // namespace

Task<Result<Discovered>> discover_step(Attempt& attempt) {
    const PhaseStopwatch stopwatch{attempt, attempt.report.timings.discover};
    attempt.modern = true;
    attempt.leave_session();  // of an initialize that came to nothing
    attempt.version = kModernVersion;
    attempt.not_modern_because.reset();
    auto discovered = co_await discover_once(attempt);
    // -32022 although it lists our version: once more, then it is a contradiction.
    const bool contradicts =
        discovered && *discovered == Discovered::modern && attempt.last_rpc_error.has_value();
    if (contradicts) {
        discovered = co_await discover_once(attempt);
        if (attempt.last_rpc_error && discovered && *discovered == Discovered::modern)
            discovered = failure_of_rpc(*attempt.last_rpc_error, Phase::discover);
    }
    attempt.modern = discovered && *discovered == Discovered::modern;
    if (attempt.modern) {
        attempt.report.era = Era::modern;
        attempt.report.protocol_version = attempt.version;
    } else {
        attempt.version.clear();
    }
    co_return discovered;
}

}  // namespace quorate
