#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/failure.hpp"
#include "core/time/time.hpp"
#include "probe/http_response.hpp"
#include "probe/jsonrpc.hpp"

namespace quorate {

/// Where in the life of a connection an operating-system error struck.
enum class WireMoment : std::uint8_t {
    calling,     ///< our own bind() or connect() refused, before anything was on the wire
    connecting,  ///< from connect() up to its outcome
    handshaking,
    before_head,  ///< from the request up to a complete response head
    in_body,
};

/// The reason of an errno. Faults of this machine (out of descriptors, ports, memory; its network
/// down; its firewall against us) are `agent_unhealthy`, never the endpoint's. That there is no
/// route to an address is `network_unreachable`, whether our own routing table says so or somebody
/// on the way (docs/adr/0009): whether all of this machine is cut off is for the agent's
/// self-check.
Reason reason_of_errno(int os_error, WireMoment moment);

/// Whether that errno, where it is ours, is about one address alone: this machine has no way there,
/// and may well have one to another (of the other family, as a rule).
bool is_no_way_there(int os_error);

/// The reason of an X509_V_… code other than 0.
Reason reason_of_verify_code(int verify_code);

/// The reason for running out of time at that moment.
Reason reason_of_timeout(WireMoment moment);

/// What the status table needs to know about the exchange besides the answer.
struct StatusContext {
    Phase phase = Phase::http;
    bool credential_sent = false;
    bool get = false;  ///< a GET for an event stream, not a POST of a message
};

/// The failure that a final response which is not the expected 200 (202 for a notification) stands
/// for; `rpc` is the JSON-RPC error of its body, where it has one. Decides by status and phase
/// first, by code second, by text never.
Failure failure_of_status(const HttpHead& head,
                          const std::optional<RpcError>& rpc,
                          const StatusContext& context);

/// The failure of a JSON-RPC error that came with status 200, or with a status that says nothing.
Failure failure_of_rpc(const RpcError& error, Phase phase);

/// Whether an error that is no web page talks of sessions, in its JSON-RPC message or else in its
/// text `body`.
bool mentions_session(const HttpHead& head,
                      const std::optional<RpcError>& rpc,
                      std::string_view body);

/// Whether the answer says that our session is gone: 404, or 400 with session wording (probe page,
/// section 6). Only meaningful when a session id was sent.
bool says_session_lost(const HttpHead& head, bool mentions_session);

/// Codes that only 2026-07-28 and later servers give.
bool is_modern_error(std::int64_t rpc_code);

/// `Retry-After` in seconds: delta-seconds, or an HTTP date against `now`; nothing if malformed.
std::optional<std::uint32_t> retry_after_s(const std::string& value, UtcTime now);

}  // namespace quorate
