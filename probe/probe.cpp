#include "probe/probe.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

#include "core/base/text.hpp"
#include "core/model/headers.hpp"
#include "probe/attempt.hpp"
#include "probe/pause.hpp"
#include "probe/request_check.hpp"
#include "probe/verdict.hpp"
#include "probe/www_authenticate.hpp"

namespace quorate {
namespace {

constexpr milliseconds kCleanupMax{2000};
/// What a session always gets, also where the second attempt follows at once, or the report is due.
constexpr milliseconds kCleanupMin{200};
/// What it gets where somebody waits for us to stop.
constexpr milliseconds kCleanupOfAborted{1000};
constexpr auto kCertificateWarning = std::chrono::days{21};
constexpr std::size_t kChallengeBytesMax = 512;  // of one parameter
constexpr auto kOurs = Reason::agent_unhealthy;

/// What the last answer's head says about the wall, and when to come back.
void keep_head_facts(Attempt& attempt) {
    auto& report = attempt.report;
    const auto* reader = attempt.last ? attempt.last.get() : attempt.stream.get();
    if (reader == nullptr || !reader->head_done()) return;
    const auto& head = reader->head();
    report.auth.required = head.status == 401;
    if (!head.retry_after.empty())
        report.retry_after_s = retry_after_s(head.retry_after, attempt.parts.clock.utc_now());
    for (const auto& challenge : parse_challenges(head.www_authenticate)) {
        report.auth.bearer = report.auth.bearer || challenge.scheme == "bearer";
        const auto keep = [&](const char* name, std::optional<std::string>& field) {
            const auto found = challenge.parameters.find(name);
            if (found != challenge.parameters.end() && !field)
                field = safe_text(found->second, kChallengeBytesMax);
        };
        keep("resource_metadata", report.auth.resource_metadata);
        keep("scope", report.auth.scope);
        keep("error", report.auth.error);
        keep("error_description", report.auth.error_description);
    }
}

void warn_about_certificate(Attempt& attempt) {
    auto& report = attempt.report;
    if (!report.tls || !report.tls->earliest_not_after || report.tls->verify_code != 0) return;
    if (*report.tls->earliest_not_after - attempt.parts.clock.utc_now() < kCertificateWarning)
        report.warnings.add(Warning::tls_cert_expiring);
}

/// A list can't be masked, since its hashes are of its text.
void drop_list_with_credential(const SecretMask& mask, ProbeReport& report) {
    if (!report.tool_list) return;
    const auto has_credential = [&mask](const boost::json::object& tool) {
        return mask.finds_credential_in(boost::json::serialize(tool));
    };
    if (std::none_of(report.tool_list->begin(), report.tool_list->end(), has_credential)) return;
    report.tool_list.reset();
    report.list_has_credential = true;
}

/// What a server sends back of our credentials is told to nobody.
void mask_secrets(const SecretMask& mask, ProbeReport& report) {
    if (mask.empty()) return;
    const auto hide = [&mask](std::string& text) { text = mask.masked(std::move(text)); };
    const auto hide_in_name = [&mask](std::string& name) {
        name = mask.masked_name(std::move(name));
    };
    const auto hide_optional = [&hide](std::optional<std::string>& text) {
        if (text) hide(*text);
    };
    hide(report.detail);
    for (auto* name : {&report.server_name, &report.server_version})
        hide_in_name(*name);
    hide(report.final_url);
    for (auto* text : {&report.auth.resource_metadata,
                       &report.auth.scope,
                       &report.auth.error,
                       &report.auth.error_description})
        hide_optional(*text);
    for (auto& version : report.peer_versions)
        hide(version);
    if (report.tools) {
        auto tools = std::make_shared<ToolsReport>(*report.tools);  // others may share the facts
        std::for_each(tools->names.begin(), tools->names.end(), hide_in_name);
        report.tools = std::move(tools);
    }
    drop_list_with_credential(mask, report);
    for (auto& change : report.changes)
        for (auto* name : {&change.tool, &change.path, &change.detail})
            hide_in_name(*name);
}

/// A cancelled coroutine waits for nothing any more: what it has to wait for all the same is done
/// by another one. Cancelled anew, that one ends too.
Task<> despite_cancellation(boost::asio::any_io_executor executor, Task<> work) {
    co_await boost::asio::co_spawn(executor, std::move(work), boost::asio::use_awaitable);
}

milliseconds cleanup_budget(const ProbeRequest& request,
                            const ProbeReport& report,
                            unsigned number,
                            SteadyTime now) {
    if (report.reason == Reason::aborted) return kCleanupOfAborted;
    const bool retries = number == 1 && request.retry && report.verdict == Verdict::fail;
    const auto left = std::chrono::floor<milliseconds>(request.report_by - now);
    return std::clamp(retries ? request.retry_gap : left, kCleanupMin, kCleanupMax);
}

/// Ends what the server holds of ours, and delivers what it may wait for of us.
Task<> clean_up(Attempt& attempt, milliseconds budget, bool aborted) {
    const auto begun = attempt.now();
    if (has_to_clean_up(attempt)) {
        auto cleanup = cleanup_step(attempt, budget);
        if (aborted)
            co_await despite_cancellation(attempt.executor, std::move(cleanup));
        else
            co_await std::move(cleanup);
    }
    if (attempt.side_answers) co_await attempt.side_answers->end(aborted ? begun : begun + budget);
}

/// @return why the request's certificates are of no use
std::optional<Failure> take_certificates(Attempt& attempt) {
    const auto* secrets = attempt.request.tls.get();
    if (secrets == nullptr || !attempt.url.tls) return std::nullopt;
    try {
        const TlsPem pem{secrets->authorities.view(), secrets->client.view()};
        attempt.own_tls = attempt.parts.contexts.for_endpoint(attempt.request.ca_file, pem);
    } catch (const std::runtime_error& error) {
        return Failure{Phase::config, Reason::auth_token_unavailable, error.what()};
    }
    return std::nullopt;
}

/// One attempt: everything up to the verdict, then what comes outside of it. All references are to
/// the frame of the probe. The report is filled in place: coroutine frames are most of what a
/// waiting probe holds, and GCC gives each temporary of theirs a place of its own.
Task<> make_attempt(EngineParts& parts,
                    const ProbeRequest& request,
                    HttpUrl& url,
                    unsigned number,
                    std::optional<boost::asio::ip::address> avoid,
                    ProbeReport& report) {
    auto executor = co_await boost::asio::this_coro::executor;
    Attempt attempt{parts, request, report, url, std::move(executor)};
    attempt.number = number;
    attempt.avoid = avoid;
    report.url = request.url;
    report.credential_sent = report.credential_sent || request.credentials;
    for (const auto& [name, value] : request.headers)
        report.credential_sent = report.credential_sent || is_credential_header(name);

    auto failure = take_certificates(attempt);
    try {
        if (!failure) {
            const auto done = co_await converse(attempt);
            if (!done) failure = done.error();
        }
    } catch (const std::exception& error) {
        // Out of memory, a broken invariant: whatever it is, it is not the endpoint's.
        failure = Failure{Phase::config, kOurs, std::string{"A fault of ours: "} + error.what()};
        attempt.wire.reset();  // in whatever state it was left
    }
    report.timings.total = us_of(attempt.timer.spent());
    keep_head_facts(attempt);
    warn_about_certificate(attempt);
    const bool aborted = failure && failure->reason == Reason::aborted;
    const bool walled = report.auth.required && !report.credential_sent;
    if (walled) co_await wall_step(attempt);
    if (!aborted && !request.health_url.empty()) co_await health_step(attempt);
    conclude(report, request, failure, attempt.degraded);
    const bool held = has_to_clean_up(attempt) || attempt.side_answers;
    const auto budget = cleanup_budget(request, report, number, attempt.now());
    if (held) co_await clean_up(attempt, budget, aborted);
    mask_secrets(attempt.mask, report);
    attempt.trace(report.detail);
}

std::optional<boost::asio::ip::address> address_in(const std::string& text) {
    boost::system::error_code unknown;
    const auto address = boost::asio::ip::make_address(text, unknown);
    return unknown ? std::nullopt : std::optional{address};
}

AttemptReport summary_of(const ProbeReport& report) {
    return {report.verdict, report.reason, report.phase, report.timings.total, report.peer_address};
}

}  // namespace

struct ProbeEngine::Impl {
    EngineParts parts;
};

ProbeEngine::ProbeEngine(const Clock& clock,
                         TlsContexts& contexts,
                         Resolver& resolver,
                         ProbeEngineOptions options)
    : impl_{std::make_unique<Impl>(
          Impl{EngineParts{clock, contexts, resolver, std::move(options)}})} {}

ProbeEngine::~ProbeEngine() = default;

Task<ProbeReport> ProbeEngine::probe(ProbeRequest request) {
    ProbeReport report;
    co_await probe(std::move(request), report);
    co_return report;
}

Task<> ProbeEngine::probe(ProbeRequest request, ProbeReport& report) {
    // A cancelled probe still has something to tell: that it was cancelled.
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    const auto started = impl_->parts.clock.utc_now();
    auto url = check_request(request);
    if (!url) {
        report.url = request.url;
        conclude(report, request, url.error(), std::nullopt);
        report.started = started;
        co_return;
    }
    std::vector<AttemptReport> attempts;
    std::optional<boost::asio::ip::address> avoid;
    for (unsigned number = 1;; ++number) {
        co_await make_attempt(impl_->parts, request, *url, number, avoid, report);
        attempts.push_back(summary_of(report));
        if (number == 2 || !request.retry || report.verdict != Verdict::fail) break;
        const milliseconds cleanup{report.timings.cleanup.value_or(0) / 1000};
        const auto gap = std::max(milliseconds{0}, request.retry_gap - cleanup);
        const bool paused = co_await pause_for(gap);
        if (!paused) {
            const Failure aborted{Phase::config, Reason::aborted, "The probe was cancelled"};
            conclude(report, request, aborted, std::nullopt);
            break;
        }
        avoid = address_in(report.peer_address);
        report = {};
        url = check_request(request);  // redirects of the first attempt are no matter of the second
    }
    report.retried = attempts.size() > 1;
    report.attempts = std::move(attempts);
    report.started = started;
}

}  // namespace quorate
