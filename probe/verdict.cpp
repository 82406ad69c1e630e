#include "probe/verdict.hpp"

#include "core/verdict/slow.hpp"
#include "probe/mcp_versions.hpp"

namespace quorate {
namespace {

bool is_expectation(Reason reason) {
    return reason == Reason::tool_missing || reason == Reason::tools_capability_missing;
}

/// The rules beyond verdict_of(): what owners wrote down counts as they said, and a version from
/// the future is nobody's outage.
Verdict verdict_for(const Failure& failure,
                    const ProbeReport& report,
                    const ProbeRequest& request) {
    const auto verdict = verdict_of(failure.reason);
    if (class_of(failure.reason) == ReasonClass::excluded) return verdict;
    if (failure.phase == Phase::tools_call && request.canary)
        return request.canary->required ? Verdict::fail : Verdict::degraded;
    if (is_expectation(failure.reason))
        return request.expect.required ? Verdict::fail : Verdict::degraded;
    if (failure.reason == Reason::protocol_version_unsupported &&
        newer_than_ours(report.peer_versions))
        return Verdict::unknown;
    return verdict;
}

void set(ProbeReport& report, Verdict verdict, const Failure& failure) {
    report.verdict = verdict;
    report.reason = failure.reason;
    report.phase = failure.phase;
    report.detail = failure.detail;
}

/// Whether a refusal is a wall that clients can get through: 401 with a Bearer challenge, or, since
/// 2025-11-25 lets the challenge be left out, with sound metadata at the well-known places.
bool is_sound_wall(const Failure& failure, const AuthReport& auth) {
    return failure.reason == Reason::auth_required && (auth.bearer || auth.metadata_found);
}

/// Whether what was found before this failure decides: the first phase does, unless a later one is
/// an outage by what the owner requires, or the look was never finished because we stopped it.
bool yields(const Failure& failure, const ProbeReport& report, const ProbeRequest& request) {
    return failure.reason != Reason::aborted &&
           verdict_for(failure, report, request) != Verdict::fail;
}

/// SLOW where nothing ranks higher; the flag on any healthy verdict.
void judge_speed(ProbeReport& report, const ProbeRequest& request) {
    const auto total = report.timings.total;
    if (!total || vote_of(report.verdict) != Vote::healthy) return;
    if (!is_slow(*total, request.slow_over_ms)) return;
    report.slow = true;
    report.slow_phase = guilty_phase(report.timings, request.usual);
    if (report.verdict != Verdict::up) return;
    const Failure slow{
        *report.slow_phase,
        Reason::slow,
        "Everything works, but took " + std::to_string(*total / 1000) +
            " ms, over the threshold of " + std::to_string(*request.slow_over_ms) +
            (request.usual ? " ms; most above its usual was " : " ms; longest was ") +
            std::string{name_of(*report.slow_phase)}};
    set(report, Verdict::slow, slow);
}

std::string healthy_sentence(const ProbeReport& report) {
    std::string sentence = "The server speaks MCP " + report.protocol_version;
    if (!report.tools) return sentence;
    const auto count = report.tools->count;
    return sentence + " and lists " + std::to_string(count) + (count == 1 ? " tool" : " tools");
}

}  // namespace

void conclude(ProbeReport& report,
              const ProbeRequest& request,
              const std::optional<Failure>& failure,
              const std::optional<Finding>& degraded) {
    const bool expects_wall = request.expect.auth_wall && !report.credential_sent;
    report.verdict = Verdict::up;
    report.reason.reset();
    report.phase.reset();
    if (failure && expects_wall && is_sound_wall(*failure, report.auth)) {
        report.detail = "The server asks for authorization, as it should";
    } else if (failure && !(degraded && yields(*failure, report, request))) {
        set(report, verdict_for(*failure, report, request), *failure);
        if (expects_wall && failure->reason == Reason::auth_required)
            report.detail +=
                ", without the Bearer challenge or metadata that tells clients "
                "where to log in";
    } else if (expects_wall) {
        const Failure missing{
            Phase::tools_list,
            Reason::auth_wall_missing,
            "An anonymous client gets in, where an authorization wall is expected"};
        set(report, Verdict::degraded, missing);
    } else if (degraded) {
        set(report, Verdict::degraded, degraded->failure);
        report.http_status = degraded->http_status;
        report.rpc_code.reset();
        report.os_error.reset();
    } else {
        report.detail = healthy_sentence(report);
    }
    if (report.reason != Reason::protocol_version_unsupported) report.peer_versions.clear();
    judge_speed(report, request);
    const bool green_health = report.health && report.health->status &&
                              *report.health->status >= 200 && *report.health->status < 300;
    if (report.verdict == Verdict::fail && green_health)
        report.detail += "; its health URL is green all the same";
}

}  // namespace quorate
