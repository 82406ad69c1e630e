#include <algorithm>
#include <initializer_list>

#include "probe/attempt.hpp"
#include "probe/mcp_versions.hpp"

namespace quorate {
namespace {

constexpr int kMethodNotFound = -32601;

bool is_status(const Attempt& attempt, std::initializer_list<unsigned> statuses) {
    const auto status = attempt.report.http_status;
    return status && std::find(statuses.begin(), statuses.end(), *status) != statuses.end();
}

/// Whether the answer just got, which `failure` is about, looks like that of a server of another
/// era or transport.
bool is_era_shaped(const Attempt& attempt, const Failure& failure) {
    const auto status = attempt.report.http_status;
    return status && *status >= 400 && *status < 500 && failure.reason != Reason::blocked &&
           !is_status(attempt, {401, 402, 403, 429, 451});
}

bool is_modern_only(const Attempt& attempt) {
    return attempt.last_rpc_error && is_modern_error(attempt.last_rpc_error->code);
}

/// Whether the answer to `initialize` may come from a server of the older transport alone.
bool allows_sse_fallback(const Attempt& attempt, const Failure& failure) {
    if (failure.reason == Reason::blocked) return false;
    const auto* rules = rules_of(attempt.offered_version);
    switch (rules != nullptr ? rules->sse_fallback : SseFallback::none) {
        case SseFallback::none:
            return false;
        case SseFallback::on_400_404_405:
            return is_status(attempt, {400, 404, 405});
        case SseFallback::on_any_4xx:
            return is_era_shaped(attempt, failure);
    }
    return false;
}

/// A server without `initialize`, although it says so with status 200.
bool knows_no_such_method(const Attempt& attempt) {
    return attempt.last_rpc_error && attempt.last_rpc_error->code == kMethodNotFound;
}

/// A modern server that we don't get on with, for what it said to `server/discover`: that decides,
/// whatever it then says of the legacy era.
bool is_modern_trouble(const Attempt& attempt) {
    return attempt.not_modern_because && is_modern_only(attempt);
}

/// The era to begin with, where one is known and may be relied on. A server that has moved on from
/// HTTP+SSE may well open a stream at our GET and say nothing on it, which looks like one that
/// hangs: the second attempt takes nobody's word for it.
std::optional<Era> hinted(const Attempt& attempt) {
    const auto hint = attempt.request.era_hint;
    if (attempt.request.detect_era) return std::nullopt;
    return hint == Era::sse && attempt.number > 1 ? std::nullopt : hint;
}

/// Whether the answer to the GET of the stream may come from a server of another transport.
bool is_no_sse_server(const Attempt& attempt, const Failure& of_stream) {
    return is_era_shaped(attempt, of_stream) ||
           of_stream.reason == Reason::protocol_sse_endpoint_invalid ||
           of_stream.reason == Reason::http_unexpected_content_type;
}

void drop_stream(Attempt& attempt) {
    attempt.stream_wire.reset();
    attempt.stream.reset();
    attempt.message_url.reset();
}

/// What decides the attempt when the fallback fails too: the report of the step before it.
struct Evidence {
    Failure failure;
    std::optional<std::uint16_t> http_status;
    std::optional<std::int64_t> rpc_code;
    std::optional<std::int32_t> os_error;
};

Evidence evidence_of(const Attempt& attempt, const Failure& failure) {
    const auto& report = attempt.report;
    return {failure, report.http_status, report.rpc_code, report.os_error};
}

Failure restore(Attempt& attempt, Evidence evidence) {
    attempt.report.http_status = evidence.http_status;
    attempt.report.rpc_code = evidence.rpc_code;
    attempt.report.os_error = evidence.os_error;
    return std::move(evidence.failure);
}

/// Step C of the probe page's section 4: the older transport, where B's answer allows for it.
Task<Result<Era>> fall_back_to_sse(Attempt& attempt, Failure of_initialize) {
    auto evidence = evidence_of(attempt, of_initialize);
    if (!allows_sse_fallback(attempt, of_initialize) || is_modern_only(attempt))
        co_return of_initialize;
    attempt.report.http_status.reset();
    attempt.report.rpc_code.reset();
    const auto opened = co_await sse_open_step(attempt);
    if (opened) co_return Era::sse;
    drop_stream(attempt);
    if (opened.error().reason == Reason::aborted) co_return opened.error();
    // That it spoke this transport before makes its silence there the trouble, and not that it has
    // no other.
    const bool spoke_it = attempt.request.era_hint == Era::sse;
    if (spoke_it && !is_no_sse_server(attempt, opened.error())) co_return opened.error();
    co_return restore(attempt, std::move(evidence));
}

/// Step B; then A again, or C, where its answer asks for that.
Task<Result<Era>> begin_legacy(Attempt& attempt) {
    const auto initialized = co_await initialize_step(attempt);
    if (initialized) co_return Era::legacy;
    if (is_modern_only(attempt)) {
        auto evidence = evidence_of(attempt, initialized.error());
        const auto discovered = co_await discover_step(attempt);
        if (!discovered) co_return discovered.error();
        if (*discovered == Discovered::modern) co_return Era::modern;
        if (is_modern_trouble(attempt)) co_return *attempt.not_modern_because;
        co_return restore(attempt, std::move(evidence));
    }
    if (hinted(attempt) == Era::sse) co_return initialized.error();  // it was tried first
    co_return co_await fall_back_to_sse(attempt, initialized.error());
}

/// Steps A, B and C of the probe page's section 4.
Task<Result<Era>> detect_era(Attempt& attempt) {
    const auto discovered = co_await discover_step(attempt);
    if (!discovered) co_return discovered.error();
    if (*discovered == Discovered::modern) co_return Era::modern;
    co_return co_await begin_legacy(attempt);
}

Task<Result<Era>> begin_as_legacy_before(Attempt& attempt) {
    const auto initialized = co_await initialize_step(attempt);
    if (initialized) co_return Era::legacy;
    const bool other = is_era_shaped(attempt, initialized.error()) || is_modern_only(attempt) ||
                       (is_status(attempt, {200}) && knows_no_such_method(attempt));
    if (!other) co_return initialized.error();
    auto evidence = evidence_of(attempt, initialized.error());
    const auto discovered = co_await discover_step(attempt);
    if (!discovered) co_return discovered.error();
    if (*discovered == Discovered::modern) co_return Era::modern;
    if (is_modern_trouble(attempt)) co_return *attempt.not_modern_because;
    auto failure = restore(attempt, std::move(evidence));
    attempt.last_rpc_error.reset();
    co_return co_await fall_back_to_sse(attempt, std::move(failure));
}

Task<Result<Era>> begin_as_sse_before(Attempt& attempt) {
    const auto opened = co_await sse_open_step(attempt);
    if (opened) co_return Era::sse;
    if (!is_no_sse_server(attempt, opened.error())) co_return opened.error();
    drop_stream(attempt);
    co_return co_await detect_era(attempt);
}

/// A hint comes first; where the answer to it looks like another era's, the others follow in their
/// order. Like open_conversation() no coroutine: a frame less for each probe that waits.
Task<Result<Era>> choose_era(Attempt& attempt) {
    const auto before = hinted(attempt);
    if (before == Era::legacy) return begin_as_legacy_before(attempt);
    if (before == Era::sse) return begin_as_sse_before(attempt);
    return detect_era(attempt);
}

/// Opens the conversation in the era that the owner forces.
Task<Result<Era>> open_forced(Attempt& attempt, Era era) {
    switch (era) {
        case Era::modern: {
            const auto discovered = co_await discover_step(attempt);
            if (!discovered) co_return discovered.error();
            if (*discovered == Discovered::modern) co_return era;
            if (attempt.not_modern_because) co_return *attempt.not_modern_because;
            co_return Failure{Phase::discover,
                              Reason::protocol_version_unsupported,
                              "The server lists only versions of the legacy era"};
        }
        case Era::legacy: {
            const auto initialized = co_await initialize_step(attempt);
            if (!initialized) co_return initialized.error();
            co_return era;
        }
        case Era::sse: {
            const auto opened = co_await sse_open_step(attempt);
            if (!opened) co_return opened.error();
            co_return era;
        }
    }
    co_return Failure{Phase::config, Reason::config_invalid, "No such era"};
}

Task<Result<Era>> open_conversation(Attempt& attempt) {
    switch (attempt.request.era) {
        case EraMode::automatic:
            return choose_era(attempt);
        case EraMode::modern:
            return open_forced(attempt, Era::modern);
        case EraMode::legacy:
            return open_forced(attempt, Era::legacy);
        case EraMode::sse:
            break;
    }
    return open_forced(attempt, Era::sse);
}

/// Everything behind the era's opening.
Task<Result<void>> run_steps(Attempt& attempt, Era era) {
    if (era == Era::sse) {
        auto initialized = co_await initialize_step(attempt);
        if (!initialized) co_return initialized;
    }
    if (era != Era::modern) {
        auto acknowledged = co_await initialized_step(attempt);
        if (!acknowledged) co_return acknowledged;
    }
    auto listed = co_await tools_list_step(attempt);
    if (!listed || !attempt.request.canary) co_return listed;
    co_return co_await tools_call_step(attempt);
}

/// Opens a session anew, in an era that is known.
Task<Result<void>> begin_again(Attempt& attempt, Era era) {
    if (era != Era::sse) co_return co_await initialize_step(attempt);
    drop_stream(attempt);
    co_return co_await sse_open_step(attempt);
}

}  // namespace

Task<Result<void>> converse(Attempt& attempt) {
    // Its phases are measured on their own, so it comes before the first step's.
    auto connected = co_await open_connection(attempt, attempt.wire);
    if (!connected) co_return connected;
    auto era = co_await open_conversation(attempt);
    if (!era) co_return era.error();
    if (attempt.request.era_hint && *attempt.request.era_hint != *era)
        attempt.report.warnings.add(Warning::era_changed);
    auto done = co_await run_steps(attempt, *era);
    if (done || done.error().reason != Reason::protocol_session_lost) co_return done;
    // The server lost our session: one fresh one, from the beginning (probe page, section 6).
    attempt.degraded.reset();
    auto begun = co_await begin_again(attempt, *era);
    if (!begun) co_return begun;
    done = co_await run_steps(attempt, *era);
    if (done) attempt.report.warnings.add(Warning::session_recovered);
    // The session was not the trouble: what is missing is missing in a fresh one too.
    const bool lost = !done && done.error().reason == Reason::protocol_session_lost;
    if (lost && knows_no_such_method(attempt))
        co_return failure_of_rpc(*attempt.last_rpc_error, done.error().phase);
    co_return done;
}

}  // namespace quorate
