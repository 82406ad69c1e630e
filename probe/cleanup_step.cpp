#include <exception>

#include "probe/call.hpp"

namespace quorate {
namespace {

constexpr unsigned kMethodNotAllowed = 405;

/// Sends the DELETE on the kept connection, or on a new one.
/// @return the status of the answer
Task<Result<unsigned>> delete_session(Attempt& attempt) {
    const bool kept = attempt.wire && attempt.last && attempt.last->reusable();
    if (!kept) {
        auto opened = co_await open_connection(attempt, attempt.wire);
        if (!opened) co_return opened.error();
    }
    const auto request = write_session_delete(attempt);
    ResponseReader reader{Wanted::head, Phase::cleanup};
    auto done = co_await attempt.wire->send(request, Phase::cleanup);
    if (done) done = co_await attempt.wire->receive(reader, Phase::cleanup);
    if (!done) co_return done.error();
    co_return reader.head().status;
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
    const auto request = write_post(attempt, url, message);
    std::unique_ptr<Wire> wire;
    const auto opened = co_await open_connection(attempt, wire);
    if (!opened) co_return;
    ResponseReader reader{Wanted::head, Phase::cleanup};
    const auto sent = co_await wire->send(request, Phase::cleanup);
    if (sent) co_await wire->receive(reader, Phase::cleanup);
}

bool cancels(const Attempt& attempt) {
    return attempt.abandoned_call && !attempt.is_modern();
}

}  // namespace

bool has_to_clean_up(const Attempt& attempt) {
    return cancels(attempt) || !attempt.session_id.empty();
}

Task<void> cleanup_step(Attempt& attempt, milliseconds budget) {
    const auto os_error = attempt.report.os_error;
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
    if (!attempt.session_id.empty()) {
        attempt.timer.limit(begun + budget);
        unsigned status = 0;
        try {
            const auto answered = co_await delete_session(attempt);
            if (answered) status = *answered;
        } catch (const std::exception& error) {
            // Ours, and outside of the verdict.
            if (attempt.traced()) attempt.trace(std::string{"cleanup: "} + error.what());
        }
        const bool success = status >= 200 && status < 300;
        const bool no_route = status == 404 || status == kMethodNotAllowed;
        auto& warnings = attempt.report.warnings;
        if (no_route)
            warnings.add(Warning::cleanup_not_supported);
        else if (!success)
            warnings.add(Warning::cleanup_failed);
        attempt.session_id.clear();
    }
    attempt.report.os_error = os_error;  // cleanup never changes what is reported
    attempt.wire.reset();
    attempt.stream_wire.reset();
    attempt.side_wires.clear();
}

}  // namespace quorate
