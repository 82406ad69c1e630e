#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/json/object.hpp>

#include "core/model/failure.hpp"
#include "core/model/http_url.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"
#include "platform/tls/tls_contexts.hpp"
#include "probe/answer_memo.hpp"
#include "probe/attempt_timer.hpp"
#include "probe/jsonrpc.hpp"
#include "probe/probe.hpp"
#include "probe/resolver.hpp"
#include "probe/secret_mask.hpp"
#include "probe/side_answers.hpp"
#include "probe/verdict.hpp"
#include "probe/wire.hpp"

namespace quorate {

/// What all attempts of an engine share.
struct EngineParts {
    EngineParts(const Clock& with_clock,
                TlsContexts& with_contexts,
                Resolver& with_resolver,
                ProbeEngineOptions with_options);

    const Clock& clock;
    TlsContexts& contexts;
    Resolver& resolver;
    ProbeEngineOptions options;
    std::string client_meta;  ///< what `params._meta` of each modern message says, as JSON
    AnswerMemo memo;
    std::vector<char> scratch;  ///< see Wire

    /// The poller of all connections; made with the first connection's executor, which all share.
    /// Throws std::system_error where there is no descriptor left for it.
    Poller& poller_on(const boost::asio::any_io_executor& executor);

private:
    std::unique_ptr<Poller> poller_;
};

/// Everything one attempt knows and holds; its steps (one file each) are tasks over it. Lives on
/// the frame of the coroutine that runs the attempt.
struct Attempt {
    Attempt(EngineParts& engine_parts,
            const ProbeRequest& probe_request,
            ProbeReport& probe_report,
            HttpUrl& endpoint_url,
            boost::asio::any_io_executor on_executor);
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    SteadyTime now() const { return parts.clock.steady_now(); }
    void trace(std::string_view line) const;
    bool traced() const { return static_cast<bool>(request.trace); }
    /// Whether messages take the form of the modern era just now.
    bool is_modern() const { return modern; }
    /// The context of TLS connections to the endpoint's origin. Throws std::runtime_error where the
    /// CA file cannot be read.
    TlsContext tls_context() const { return own_tls ? own_tls : common_tls_context(); }
    /// That of connections elsewhere, which are shown no certificate.
    TlsContext common_tls_context() const { return parts.contexts.trusting(request.ca_file); }
    /// The session, where there is one, is of no more use. cleanup_step() ends it all the same.
    void leave_session();
    /// Keeps a finding that does not end the attempt, unless there is one already.
    void keep_finding(Failure failure);

    EngineParts& parts;
    const ProbeRequest& request;
    ProbeReport& report;
    const SecretMask mask;  ///< of the owner's headers
    boost::asio::any_io_executor executor;
    unsigned number = 1;
    SteadyTime started;
    Deadline deadline;
    AttemptTimer timer;
    TlsContext own_tls;                              ///< of the request's secrets; none: null
    HttpUrl& url;                                    ///< of the probe; redirects change it
    std::optional<boost::asio::ip::address> avoid;   ///< the peer of the attempt before
    std::optional<boost::asio::ip::address> pinned;  ///< the peer of this one

    std::unique_ptr<Wire> wire;            ///< the connection for POSTs
    std::unique_ptr<ResponseReader> last;  ///< of the exchange last made on `wire`
    std::unique_ptr<Wire> stream_wire;     ///< HTTP+SSE: the event stream
    std::unique_ptr<ResponseReader> stream;
    std::unique_ptr<SideAnswers> side_answers;  ///< to the server's requests; made with the first
    std::size_t side_answers_given = 0;
    std::unique_ptr<HttpUrl> message_url;  ///< HTTP+SSE: where messages are posted

    bool modern = false;
    std::string version;  ///< what MCP-Protocol-Version says; empty: no such header
    std::string session_id;
    std::vector<std::string> left_sessions;  ///< that others took the place of; see leave_session()
    std::string_view offered_version;        ///< by the last initialize; of the table of versions
    bool tools_declared = false;
    std::optional<RpcError> last_rpc_error;
    std::optional<Failure> not_modern_because;  ///< what a forced modern era reports
    std::int64_t next_id = 1;
    bool asked_of_client = false;  ///< the server wanted sampling, roots or elicitation
    std::optional<std::int64_t> abandoned_call;  ///< id of a tools/call that we gave up on
    unsigned redirects = 0;
    std::vector<boost::json::object> tools;
    std::optional<Finding> degraded;  ///< the first that goes on with the rest
};

/// Measures one phase of an attempt: adds to `slot` what the endpoint took between construction and
/// destruction. A step that is made anew, in a fresh session say, counts every time.
class PhaseStopwatch {
public:
    PhaseStopwatch(const Attempt& attempt, PhaseTimings::Us& slot)
        : attempt_{attempt}, slot_{slot}, before_{attempt.timer.spent()} {}
    PhaseStopwatch(const PhaseStopwatch&) = delete;
    PhaseStopwatch& operator=(const PhaseStopwatch&) = delete;
    ~PhaseStopwatch();

private:
    const Attempt& attempt_;
    PhaseTimings::Us& slot_;
    SteadyTime::duration before_;
};

/// Microseconds, within what a timing holds.
std::uint32_t us_of(SteadyTime::duration time);

/// Where probes come from; only peers of its own family can be reached from there.
std::optional<boost::asio::ip::address> source_of(const ProbeRequest& request);

// The steps, in the order of an attempt. Each returns its product or the Failure that decides.

/// Resolves the URL's host and keeps the addresses that pass the guard, the families by turns, the
/// one to avoid last.
/// @param url  lives until the task ends
Task<Result<std::vector<boost::asio::ip::address>>> resolve_step(Attempt& attempt,
                                                                 const HttpUrl& url);
/// Connects `wire` to the first of `addresses` that answers, within the budget of phase tcp. Tries
/// eight at most; each has its share of what is left of the budget, the last one all of it.
/// @param measured  whether this is the connection whose phases the report shows
Task<Result<boost::asio::ip::address>> connect_step(Attempt& attempt,
                                                    std::unique_ptr<Wire>& wire,
                                                    std::vector<boost::asio::ip::address> addresses,
                                                    std::uint16_t port,
                                                    bool measured);
/// The TLS handshake on `wire`, within the budget of phase tls.
/// @param url  lives until the task ends
Task<Result<void>> tls_step(Attempt& attempt, Wire& wire, const HttpUrl& url, bool measured);
/// All three: a new connection in `wire`, to the pinned address where there is one.
Task<Result<void>> open_connection(Attempt& attempt, std::unique_ptr<Wire>& wire);

/// Whether a server that answers `server/discover` like this speaks the modern era.
enum class Discovered : std::uint8_t { modern, not_modern };
Task<Result<Discovered>> discover_step(Attempt& attempt);
Task<Result<void>> initialize_step(Attempt& attempt);
Task<Result<void>> initialized_step(Attempt& attempt);
Task<Result<void>> sse_open_step(Attempt& attempt);
Task<Result<void>> tools_list_step(Attempt& attempt);
/// The canary, which the request has.
Task<Result<void>> tools_call_step(Attempt& attempt);
/// Whether the server holds something of ours that cleanup_step() would end.
bool has_to_clean_up(const Attempt& attempt);
/// Ends the session, at most `budget` long. Never changes the verdict.
Task<void> cleanup_step(Attempt& attempt, milliseconds budget);
/// Looks behind a 401 without logging in: whether clients find out where to (probe page, section
/// 8). Fills `report.auth` and may warn; in what is left of the budget, outside of the timings.
Task<void> wall_step(Attempt& attempt);
/// Asks the owner's health URL, which the request has, in what is left of the budget. Never changes
/// the verdict.
Task<void> health_step(Attempt& attempt);

/// The whole exchange: era and transport, then the steps of that era.
Task<Result<void>> converse(Attempt& attempt);

}  // namespace quorate
