#include <exception>

#include <boost/asio/this_coro.hpp>

#include "probe/exchange.hpp"

namespace quorate {
namespace {

constexpr unsigned kMethodNotAllowed = 405;

/// Ends the session in hand.
/// @return the status of the answer; 0: none came
Task<unsigned> end_session(Attempt& attempt) {
    McpCall message;
    message.phase = Phase::cleanup;
    message.ends_session = true;
    try {
        const auto done = co_await exchange(attempt, message);
        if (done) co_return attempt.last->head().status;
        if (attempt.traced()) attempt.trace("cleanup: " + done.error().detail);
    } catch (const std::exception& error) {
        // Ours, and outside of the verdict.
        if (attempt.traced()) attempt.trace(std::string{"cleanup: "} + error.what());
    }
    attempt.wire.reset();  // in whatever state it was left
    co_return 0;
}

void warn_of(unsigned status, Warnings& warnings) {
    if (status == 404 || status == kMethodNotAllowed)
        warnings.add(Warning::cleanup_not_supported);
    else if (status < 200 || status >= 300)
        warnings.add(Warning::cleanup_failed);
}

/// Tells a legacy server, for which a disconnect is no cancel, that nobody waits for a call any
/// more. What it answers does not matter.
Task<void> cancel_call(Attempt& attempt) {
    const auto id = std::to_string(*attempt.abandoned_call);
    McpCall message;
    message.phase = Phase::cleanup;
    message.body = R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" +
                   id + R"(,"reason":"The probe's time ran out"}})";
    const auto& url = attempt.message_url ? *attempt.message_url : attempt.url;
    auto request = write_post(attempt, url, message);
    std::unique_ptr<Wire> wire;
    const auto opened = co_await open_connection(attempt, wire);
    if (!opened) co_return;
    ResponseReader reader{Wanted::head, Phase::cleanup};
    const auto sent = co_await wire->send(request.view(), Phase::cleanup);
    request = {};
    if (sent) co_await wire->receive(reader, Phase::cleanup);
}

bool cancels(const Attempt& attempt) {
    return attempt.abandoned_call && !attempt.is_modern();
}

}  // namespace

bool has_to_clean_up(const Attempt& attempt) {
    return cancels(attempt) || !attempt.session_id.empty() || !attempt.left_sessions.empty();
}

Task<void> cleanup_step(Attempt& attempt, milliseconds budget) {
    // One that is cancelled anew finds that out by its results, as the rest of a probe does.
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    const auto os_error = attempt.report.os_error;
    const auto http_status = attempt.report.http_status;
    const PhaseStopwatch stopwatch{attempt, attempt.report.timings.cleanup};
    const auto begun = attempt.now();
    if (cancels(attempt)) {
        attempt.timer.limit(begun + budget / 2);
        try {
            co_await cancel_call(attempt);
        } catch (const std::exception& error) {
            if (attempt.traced()) attempt.trace(std::string{"cancel: "} + error.what());
        }
    }
    attempt.timer.limit(begun + budget);
    if (!attempt.session_id.empty()) {
        const auto status = co_await end_session(attempt);
        warn_of(status, attempt.report.warnings);
    }
    // What becomes of those that others took the place of is told by no warning: most are gone.
    for (auto& session : attempt.left_sessions) {
        attempt.session_id = std::move(session);
        co_await end_session(attempt);
    }
    attempt.session_id.clear();
    attempt.left_sessions.clear();
    // Cleanup never changes what is reported.
    attempt.report.os_error = os_error;
    attempt.report.http_status = http_status;
    attempt.wire.reset();
    attempt.stream_wire.reset();
}

}  // namespace quorate
