#include "probe/exchange.hpp"

#include <algorithm>
#include <exception>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "probe/mcp_messages.hpp"

namespace quorate {
namespace {

/// How long the rest of a response whose answer is already in may take before its connection is
/// given up: less than a new TLS connection costs.
constexpr auto kDrain = std::chrono::milliseconds{25};

bool is_aborted(const Result<void>& done) {
    return !done && done.error().reason == Reason::aborted;
}

/// Whether the connection in hand can carry another exchange at once.
bool is_connected(const Attempt& attempt, bool idempotent) {
    return attempt.wire && !attempt.wire->has_rest() &&
           (!attempt.last || attempt.last->reusable()) && (idempotent || attempt.wire->is_quiet());
}

/// Makes `attempt.wire` fit for another exchange: the connection in hand, or a new one.
Task<Result<void>> ready_connection(Attempt& attempt, bool idempotent) {
    if (attempt.wire && attempt.last && !attempt.last->message_done()) {
        const auto limit = attempt.timer.limit();
        const auto spent = attempt.timer.spent();
        attempt.timer.limit(std::min(limit, attempt.now() + kDrain));
        attempt.last->want(Wanted::whole_message, Phase::http);
        const auto drained = co_await attempt.wire->receive(*attempt.last, Phase::http);
        attempt.timer.limit(limit);
        attempt.timer.forget_since(spent);  // that time is in no timing: it saves a connection
        if (is_aborted(drained)) co_return drained;
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

/// As talk(), for one of two: where the other decides it is cancelled, and says so by its result.
/// It may have been told something by then, and goes on with that first.
Task<Result<void>> talk_beside(
    Attempt& attempt, Wire& wire, ResponseReader& reader, Phase phase, RequestText request) {
    co_await asio::this_coro::throw_if_cancelled(false);
    auto talking = talk(attempt, wire, reader, phase, std::move(request));
    co_return co_await std::move(talking);
}

/// HTTP+SSE: a message is sent, and then two things count, in whatever order they come: that it is
/// accepted, and the answer on the stream. Ends with the one that decides.
Task<Result<void>> post_beside_stream(Attempt& attempt, Phase phase, RequestText request) {
    const auto& executor = attempt.executor;
    auto post = talk_beside(attempt, *attempt.wire, *attempt.last, phase, std::move(request));
    auto stream = talk_beside(attempt, *attempt.stream_wire, *attempt.stream, phase, {});
    auto both = asio::experimental::make_parallel_group(
        asio::co_spawn(executor, std::move(post), asio::deferred),
        asio::co_spawn(executor, std::move(stream), asio::deferred));
    auto [order, post_threw, posted, stream_threw, streamed] = co_await std::move(both).async_wait(
        asio::experimental::wait_for_one(), asio::use_awaitable);
    // An answer that is there counts, whatever became of the message's acceptance meanwhile.
    if (!stream_threw && streamed) co_return streamed;
    for (const auto& threw : {post_threw, stream_threw})
        if (threw) std::rethrow_exception(threw);
    const bool stream_first = order[0] == 1;
    if (stream_first && is_aborted(streamed)) co_return streamed;
    if (!stream_first) co_return posted;
    // The stream failed us. What the server says to the message may tell why.
    if (is_aborted(posted)) {
        auto later = talk(attempt, *attempt.wire, *attempt.last, phase, {});
        posted = co_await std::move(later);
    }
    co_return posted&& is_accepted(attempt.last->head()) ? streamed : posted;
}

Wanted wanted_of(const Attempt& attempt, const McpCall& message) {
    if (message.ends_session) return Wanted::head;
    const bool answered_elsewhere = message.id == 0 || attempt.message_url;
    return answered_elsewhere ? Wanted::acceptance : Wanted::rpc_response;
}

RequestText write(const Attempt& attempt, const McpCall& message) {
    if (message.ends_session) return write_session_delete(attempt);
    return write_post(attempt, attempt.message_url ? *attempt.message_url : attempt.url, message);
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

}  // namespace

bool is_accepted(const HttpHead& head) {
    return head.status >= 200 && head.status < 300 && !head.challenged;
}

Task<Result<void>> talk(
    Attempt& attempt, Wire& wire, ResponseReader& reader, Phase phase, RequestText request) {
    if (!request.empty()) {
        auto sent = co_await wire.send(request.view(), phase);
        if (!sent && wire.os_error() != 0) attempt.report.os_error = wire.os_error();
        if (!sent) co_return sent;
        request = {};  // who waits for the answer needs it no more
    }
    while (true) {
        auto received = co_await wire.receive(reader, phase);
        if (!attempt.report.timings.first_byte && reader.head_done())
            attempt.report.timings.first_byte = us_of(wire.head_after());
        if (!received) co_return judge_failure(attempt, wire, reader, received.error());
        if (reader.inbox().has_server_requests()) answer_server_requests(attempt, reader);
        // What we wait for may have come in the same piece as the question.
        if (!wire.wants_attention()) co_return received;
    }
}

/// No coroutine, like others on the way of every probe: a frame less to make and to hold.
Task<Result<void>> exchange_once(Attempt& attempt, RequestText request, const McpCall& message) {
    const auto phase = message.phase;
    const auto recall = message.recallable
                            ? AnswerRecall{attempt.parts.memo, phase, attempt.is_modern()}
                            : AnswerRecall{};
    attempt.last =
        std::make_unique<ResponseReader>(wanted_of(attempt, message), phase, message.id, recall);
    if (attempt.message_url && message.id != 0)
        return post_beside_stream(attempt, phase, std::move(request));
    return talk(attempt, *attempt.wire, *attempt.last, phase, std::move(request));
}

Task<Result<void>> exchange(Attempt& attempt, const McpCall& message) {
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
        auto exchanged = exchange_once(attempt, write(attempt, message), message);
        auto done = co_await std::move(exchanged);
        keep_session(attempt, message.phase);
        if (done) co_return done;
        if (!kept || !message.idempotent || !was_stale(attempt, done.error())) co_return done;
        attempt.wire.reset();
        attempt.last.reset();
        attempt.report.os_error.reset();
    }
}

}  // namespace quorate
