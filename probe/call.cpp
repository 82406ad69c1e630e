#include "probe/call.hpp"

#include "probe/exchange.hpp"
#include "probe/pause.hpp"
#include "probe/wire_trace.hpp"

namespace quorate {
namespace {

constexpr unsigned kRedirectsMax = 3;
constexpr int kResumesMax = 2;

/// Whether an event stream ended before our answer, in an era that can go on with it.
bool broke_off(const Attempt& attempt, const Failure& failure) {
    const bool broke = failure.reason == Reason::protocol_no_response ||
                       failure.reason == Reason::response_truncated ||
                       failure.reason == Reason::connection_reset;
    return broke && !attempt.is_modern() && attempt.last && attempt.last->is_event_stream();
}

bool can_resume(const Attempt& attempt, const Failure& failure) {
    return broke_off(attempt, failure) && !attempt.last->sse().last_event_id().empty();
}

Failure session_lost(Attempt& attempt, const HttpHead& head, Phase phase) {
    if (head.status != 404) attempt.report.warnings.add(Warning::session_loss_status_not_404);
    return {phase,
            Reason::protocol_session_lost,
            "The server does not know the session that it gave us"};
}

/// The answer to the GET of a stream's rest is no stream: the session is gone, or this server does
/// not resume (405 and the like).
Failure not_resumed(Attempt& attempt, const McpCall& message, const Failure& broken) {
    const auto& reader = *attempt.last;
    const auto& head = reader.head();
    const bool mentions = mentions_session(head, reader.rpc_error(), reader.error_page());
    // Before initialize is answered there is no session to lose.
    const bool has_session = !attempt.session_id.empty() && message.phase != Phase::initialize;
    if (has_session && says_session_lost(head, mentions)) {
        take_answer(attempt, *attempt.last);
        return session_lost(attempt, head, message.phase);
    }
    return {message.phase,
            Reason::protocol_no_response,
            broken.detail + "; its rest was refused with HTTP " + std::to_string(head.status)};
}

/// How far a call's streams have come: what one of them does not say holds on from those before
/// (WHATWG HTML, section 9.2).
class ResumePoint {
public:
    void move_to_end_of(const SseParser& stream) {
        if (!stream.last_event_id().empty()) last_event_id_ = stream.last_event_id();
        if (stream.retry_ms()) retry_ = milliseconds{*stream.retry_ms()};
    }
    const std::string& last_event_id() const { return last_event_id_; }
    milliseconds retry() const { return retry_; }

private:
    std::string last_event_id_;
    milliseconds retry_{1000};
};

/// The event stream ended before our answer: asks for the rest of it (2025-11-25, polling).
Task<Result<void>> resume(Attempt& attempt, const McpCall& message, Failure broken) {
    ResumePoint point;
    for (int resumes = 0; resumes < kResumesMax; ++resumes) {
        point.move_to_end_of(attempt.last->sse());
        if (attempt.now() + point.retry() >= attempt.deadline)
            co_return Failure{message.phase,
                              Reason::timeout_total,
                              "The event stream broke, and its retry time is past our budget"};
        const bool paused = co_await pause_for(point.retry());
        if (!paused) co_return Failure{message.phase, Reason::aborted, "The probe was cancelled"};
        attempt.timer.heard(attempt.now());  // the server asked for the pause
        attempt.wire.reset();
        const auto opened = co_await open_connection(attempt, attempt.wire);
        if (!opened) co_return opened;
        attempt.trace("the stream broke off and is resumed");
        auto request = write_stream_get(attempt, point.last_event_id());
        auto exchanged = exchange_once(attempt, std::move(request), message);
        const auto done = co_await std::move(exchanged);
        if (done && attempt.last->head().status == 200) {
            attempt.report.warnings.add(Warning::stream_resumed);
            co_return done;
        }
        if (done) co_return not_resumed(attempt, message, broken);
        if (!broke_off(attempt, done.error())) co_return done;
    }
    co_return Failure{message.phase, Reason::protocol_no_response, broken.detail};
}

/// What the report says of an answer is about the one to come.
void forget_last_answer(Attempt& attempt) {
    attempt.report.http_status.reset();
    attempt.report.rpc_code.reset();
    attempt.last_rpc_error.reset();
}

/// HTTP+SSE of 2024-11-05: the POST is merely accepted, the answer comes on the stream, behind that
/// or before it.
Task<Result<Answer>> call_over_sse(Attempt& attempt, const McpCall& message) {
    if (message.id != 0) attempt.stream->want(Wanted::rpc_response, message.phase, message.id);
    while (true) {
        forget_last_answer(attempt);
        const auto posted = co_await exchange(attempt, message);
        if (!posted) {
            attempt.wire.reset();
            co_return posted.error();
        }
        const bool answered = message.id != 0 && attempt.stream->inbox().has_response();
        if (answered) co_return take_answer(attempt, *attempt.stream);
        const auto& head = attempt.last->head();
        if (!is_redirect(head.status)) break;
        const auto followed = follow_redirect(attempt, head, message.phase);
        if (!followed) co_return followed.error();
    }
    auto accepted = take_answer(attempt, *attempt.last);
    // The session stands in the URL: one that is gone is told from a wrong path by its words alone.
    if (accepted.mentions_session && says_session_lost(accepted.head(), true))
        co_return session_lost(attempt, accepted.head(), message.phase);
    if (message.id == 0 || !is_accepted(accepted.head())) co_return accepted;
    auto receiving = talk(attempt, *attempt.stream_wire, *attempt.stream, message.phase, {});
    const auto received = co_await std::move(receiving);
    if (!received) co_return received.error();
    co_return take_answer(attempt, *attempt.stream);
}

Task<Result<Answer>> call_over_post(Attempt& attempt, const McpCall& message) {
    while (true) {
        forget_last_answer(attempt);
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
    const bool of_get = phase == Phase::sse_open;
    if (!of_get && head.status != 307 && head.status != 308)
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
    if (attempt.traced()) attempt.trace("redirected to " + without_query(next->text));
    return {};
}

Task<Result<Answer>> call(Attempt& attempt, const McpCall& message) {
    return attempt.message_url ? call_over_sse(attempt, message) : call_over_post(attempt, message);
}

}  // namespace quorate
