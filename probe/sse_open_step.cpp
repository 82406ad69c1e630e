#include "core/base/text.hpp"
#include "probe/call.hpp"

namespace quorate {
namespace {

Failure invalid(std::string detail) {
    return {Phase::sse_open, Reason::protocol_sse_endpoint_invalid, std::move(detail)};
}

/// GET of the stream up to its first event.
Task<Result<void>> open_stream(Attempt& attempt) {
    auto opened = co_await open_connection(attempt, attempt.stream_wire);
    if (!opened) co_return opened;
    auto& wire = *attempt.stream_wire;
    const PhaseStopwatch stopwatch{attempt, attempt.report.timings.sse_open};
    auto request = write_stream_get(attempt, {});
    attempt.stream = std::make_unique<ResponseReader>(Wanted::first_event, Phase::sse_open);
    auto done = co_await wire.send(request.view(), Phase::sse_open);
    request = {};  // who waits for the stream needs it no more
    if (done) done = co_await wire.receive(*attempt.stream, Phase::sse_open);
    if (attempt.stream->head_done()) {
        attempt.report.http_status = attempt.stream->head().status;
        if (!attempt.report.timings.first_byte)
            attempt.report.timings.first_byte = us_of(wire.head_after());
    }
    if (!done && wire.os_error() != 0) attempt.report.os_error = wire.os_error();
    co_return done;
}

}  // namespace

Task<Result<void>> sse_open_step(Attempt& attempt) {
    attempt.leave_session();
    attempt.version.clear();
    attempt.modern = false;
    while (true) {
        auto opened = co_await open_stream(attempt);
        if (!opened) co_return opened;
        if (!is_redirect(attempt.stream->head().status)) break;
        auto followed = follow_redirect(attempt, attempt.stream->head(), Phase::sse_open);
        if (!followed) co_return followed;
    }
    const auto& head = attempt.stream->head();
    if (head.status != 200) {
        const StatusContext context{Phase::sse_open, attempt.report.credential_sent, true};
        co_return failure_of_status(head, attempt.stream->rpc_error(), context);
    }
    const auto& event = attempt.stream->first_event();
    if (!event || event->type != "endpoint")
        co_return invalid("The first event of the stream is not `endpoint`");
    auto message_url = resolve_reference(attempt.url, event->data);
    if (!message_url) co_return invalid("The `endpoint` event holds no URL");
    if (!same_origin(*message_url, attempt.url))
        co_return invalid("The `endpoint` event leads to another origin");
    attempt.message_url = std::make_unique<HttpUrl>(*std::move(message_url));
    attempt.report.era = Era::sse;
    attempt.report.warnings.add(Warning::legacy_transport);
    attempt.wire.reset();
    attempt.last.reset();
    co_return Result<void>{};
}

}  // namespace quorate
