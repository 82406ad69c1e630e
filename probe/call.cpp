#include "probe/call.hpp"

#include <algorithm>

#include "probe/mcp_messages.hpp"
#include "probe/pause.hpp"

namespace quorate {
namespace {

constexpr unsigned kRedirectsMax = 3;
constexpr int kResumesMax = 2;
constexpr std::uint32_t kResumeAfterMs = 1000;
/// How long the rest of a response whose answer is already in may take before its connection is
/// given up: less than a new TLS connection costs.
constexpr auto kDrain = std::chrono::milliseconds{25};

/// Whether the connection in hand can carry another exchange at once.
bool is_connected(const Attempt& attempt, bool idempotent) {
    return attempt.wire && (!attempt.last || attempt.last->reusable()) &&
           (idempotent || attempt.wire->is_quiet());
}

/// Makes `attempt.wire` fit for another exchange: the connection in hand, or a new one.
Task<Result<void>> ready_connection(Attempt& attempt, bool idempotent) {
    if (attempt.wire && attempt.last && !attempt.last->message_done()) {
        const auto limit = attempt.timer.limit();
        attempt.timer.limit(std::min(limit, attempt.now() + kDrain));
        attempt.last->want(Wanted::whole_message, Phase::http);
        const auto drained = co_await attempt.wire->receive(*attempt.last, Phase::http);
        attempt.timer.limit(limit);
        if (!drained && drained.error().reason == Reason::aborted) co_return drained;
    }
    if (is_connected(attempt, idempotent)) co_return Result<void>{};
    attempt.last.reset();
    co_return co_await open_connection(attempt, attempt.wire);
}

/// What a failed receive() leaves in the report, and the failure that it stands for.
Result<void> judge_failure(Attempt& attempt,
                           const Wire& wire,
                           const ResponseReader& reader,
                           const Failure& failure) {
    if (reader.status_decides() && failure.reason != Reason::aborted) return {};
    if (wire.os_error() != 0) attempt.report.os_error = wire.os_error();
    if (reader.head_done()) attempt.report.http_status = reader.head().status;
    if (failure.reason == Reason::timeout_body)
        return reader.nothing_came(Reason::timeout_body, failure.detail);
    return failure;
}

/// Sends `request`, where it is not empty, and reads until the reader is satisfied, answering the
/// server's requests meanwhile.
Task<Result<void>> talk(
    Attempt& attempt, Wire& wire, ResponseReader& reader, Phase phase, std::string request) {
    if (!request.empty()) {
        auto sent = co_await wire.send(request, phase);
        if (!sent && wire.os_error() != 0) attempt.report.os_error = wire.os_error();
        if (!sent) co_return sent;
        std::string{}.swap(request);  // who waits for the answer needs it no more
    }
    while (true) {
        auto received = co_await wire.receive(reader, phase);
        if (!attempt.report.timings.first_byte && reader.head_done())
            attempt.report.timings.first_byte = us_of(wire.head_after());
        if (!received) co_return judge_failure(attempt, wire, reader, received.error());
        if (reader.inbox().has_server_requests()) co_await answer_server_requests(attempt, reader);
        // What we wait for may have come in the same piece as the question.
        if (!wire.wants_attention()) co_return received;
    }
}

/// One request and its response on `attempt.wire`; the reader is then `attempt.last`. No coroutine,
/// like others on the way of every probe: a frame less to make and to hold.
Task<Result<void>> exchange_once(Attempt& attempt,
                                 std::string request,
                                 Wanted wanted,
                                 const McpCall& message) {
    const auto phase = message.phase;
    const auto recall = message.recallable
                            ? AnswerRecall{attempt.parts.memo, phase, attempt.is_modern()}
                            : AnswerRecall{};
    attempt.last = std::make_unique<ResponseReader>(wanted, phase, message.id, recall);
    return talk(attempt, *attempt.wire, *attempt.last, phase, std::move(request));
}

/// Whether a kept connection turned out to be closed by the peer meanwhile.
bool was_stale(const Attempt& attempt, const Failure& failure) {
    return !attempt.last->began() && (failure.reason == Reason::connection_reset ||
                                      failure.reason == Reason::connection_closed);
}

/// The session that the answer to `initialize` opens, from its head on: a stream of that answer is
/// resumed with it, and it is ended also where the rest never comes.
void keep_session(Attempt& attempt, Phase phase) {
    if (phase != Phase::initialize || attempt.message_url || !attempt.last->head_done()) return;
    const auto& head = attempt.last->head();
    if (head.status == 200 && is_session_id(head.session_id)) attempt.session_id = head.session_id;
}

/// POSTs `message`, which lives on the caller's frame, to where the transport has it.
Task<Result<void>> exchange(Attempt& attempt, const McpCall& message) {
    const bool answered_elsewhere = message.id == 0 || attempt.message_url;
    const auto wanted = answered_elsewhere ? Wanted::message_end : Wanted::rpc_response;
    const auto& url = attempt.message_url ? *attempt.message_url : attempt.url;
    attempt.report.http_status.reset();
    attempt.report.rpc_code.reset();
    attempt.last_rpc_error.reset();
    while (true) {
        if (!is_connected(attempt, message.idempotent)) {
            auto ready = co_await ready_connection(attempt, message.idempotent);
            if (!ready) co_return ready;
        }
        if (attempt.timer.expired())
            co_return Failure{message.phase,
                              Reason::timeout_total,
                              "The time of the attempt was used up before this request"};
        const bool kept = attempt.last != nullptr;
        auto exchanged = exchange_once(attempt, write_post(attempt, url, message), wanted, message);
        auto done = co_await std::move(exchanged);
        keep_session(attempt, message.phase);
        if (done) co_return done;
        if (!kept || !message.idempotent || !was_stale(attempt, done.error())) co_return done;
        attempt.wire.reset();
        attempt.last.reset();
        attempt.report.os_error.reset();
    }
}

bool can_resume(const Attempt& attempt, const Failure& failure) {
    const bool broke = failure.reason == Reason::protocol_no_response ||
                       failure.reason == Reason::response_truncated ||
                       failure.reason == Reason::connection_reset;
    return broke && !attempt.is_modern() && attempt.last && attempt.last->is_event_stream() &&
           !attempt.last->sse().last_event_id().empty();
}

/// The event stream ended before our answer: asks for the rest of it (2025-11-25, polling).
Task<Result<void>> resume(Attempt& attempt, const McpCall& message, Failure broken) {
    for (int resumes = 0; resumes < kResumesMax; ++resumes) {
        const auto last_event_id = attempt.last->sse().last_event_id();
        const milliseconds pause{attempt.last->sse().retry_ms().value_or(kResumeAfterMs)};
        if (attempt.now() + pause >= attempt.deadline)
            co_return Failure{message.phase,
                              Reason::timeout_total,
                              "The event stream broke, and its retry time is past our budget"};
        const bool paused = co_await pause_for(pause);
        if (!paused) co_return Failure{message.phase, Reason::aborted, "The probe was cancelled"};
        attempt.timer.heard(attempt.now());  // the server asked for the pause
        attempt.wire.reset();
        const auto opened = co_await open_connection(attempt, attempt.wire);
        if (!opened) co_return opened;
        attempt.trace("the stream broke off and is resumed");
        auto request = write_stream_get(attempt, last_event_id);
        auto done =
            co_await exchange_once(attempt, std::move(request), Wanted::rpc_response, message);
        if (done && attempt.last->head().status == 200) {
            attempt.report.warnings.add(Warning::stream_resumed);
            co_return done;
        }
        if (done) break;  // 405 and the like: this server does not resume
        if (!can_resume(attempt, done.error())) co_return done;
    }
    co_return Failure{message.phase, Reason::protocol_no_response, broken.detail};
}

Failure session_lost(Attempt& attempt, const HttpHead& head, Phase phase) {
    if (head.status != 404) attempt.report.warnings.add(Warning::session_loss_status_not_404);
    return {phase,
            Reason::protocol_session_lost,
            "The server does not know the session that it gave us"};
}

/// HTTP+SSE of 2024-11-05: the POST is merely accepted, the answer comes on the stream.
Task<Result<Answer>> call_over_sse(Attempt& attempt, const McpCall& message) {
    if (message.id != 0) attempt.stream->want(Wanted::rpc_response, message.phase, message.id);
    while (true) {
        const auto posted = co_await exchange(attempt, message);
        if (!posted) {
            attempt.wire.reset();
            co_return posted.error();
        }
        const auto& head = attempt.last->head();
        if (!is_redirect(head.status)) break;
        const auto followed = follow_redirect(attempt, head, message.phase);
        if (!followed) co_return followed.error();
    }
    auto accepted = take_answer(attempt, *attempt.last);
    const auto& head = accepted.head();
    const bool success = head.status >= 200 && head.status < 300 && !head.challenged;
    // The session stands in the URL: one that is gone is told from a wrong path by its words alone.
    if (accepted.mentions_session && says_session_lost(accepted.head(), true))
        co_return session_lost(attempt, accepted.head(), message.phase);
    if (message.id == 0 || !success) co_return accepted;
    auto receiving = talk(attempt, *attempt.stream_wire, *attempt.stream, message.phase, {});
    const auto received = co_await std::move(receiving);
    if (!received) co_return received.error();
    co_return take_answer(attempt, *attempt.stream);
}

Task<Result<Answer>> call_over_post(Attempt& attempt, const McpCall& message) {
    while (true) {
        auto done = co_await exchange(attempt, message);
        if (!done && can_resume(attempt, done.error()))
            done = co_await resume(attempt, message, done.error());
        if (!done) {
            // What is left of this connection is of no use to the steps after.
            attempt.wire.reset();
            co_return done.error();
        }
        const auto& head = attempt.last->head();
        if (!is_redirect(head.status)) break;
        const auto followed = follow_redirect(attempt, head, message.phase);
        if (!followed) co_return followed.error();
    }
    auto answer = take_answer(attempt, *attempt.last);
    if (!attempt.session_id.empty() && says_session_lost(answer.head(), answer.mentions_session))
        co_return session_lost(attempt, answer.head(), message.phase);
    co_return answer;
}

}  // namespace

bool is_redirect(unsigned status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Result<void> follow_redirect(Attempt& attempt, const HttpHead& head, Phase phase) {
    const auto refuse = [&](std::string why) {
        attempt.report.http_status = head.status;
        return Failure{phase,
                       Reason::redirect_refused,
                       "HTTP " + std::to_string(head.status) + " was not followed: " + why};
    };
    if (head.status != 307 && head.status != 308)
        return refuse("clients turn this status into a GET");
    auto& url = attempt.message_url ? *attempt.message_url : attempt.url;
    const auto next = resolve_reference(url, head.location);
    if (!next) return refuse("its Location is missing or not valid");
    if (url.tls && !next->tls) return refuse("it leads from https to http");
    if (!same_origin(url, *next)) return refuse("it leads to another origin");
    if (++attempt.redirects > kRedirectsMax) return refuse("more than 3 redirects");
    url = *next;
    if (!attempt.message_url) attempt.report.final_url = next->text;
    attempt.report.warnings.add(Warning::redirect_followed);
    if (attempt.traced()) attempt.trace("redirected to " + next->text);
    return {};
}

Task<Result<Answer>> call(Attempt& attempt, const McpCall& message) {
    return attempt.message_url ? call_over_sse(attempt, message) : call_over_post(attempt, message);
}

}  // namespace quorate
