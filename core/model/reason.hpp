#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/enum_names.hpp"
#include "core/model/verdict.hpp"

namespace quorate {

/// Why an endpoint is not up, or why we can't tell: a closed list. The numbers are stored: append,
/// never renumber.
enum class Reason : std::uint8_t {
    // What one probe found; the first phase that fails decides.
    config_invalid = 1,
    address_forbidden = 2,
    agent_unhealthy = 3,
    aborted = 4,
    dns_nxdomain = 5,
    dns_no_address = 6,
    dns_server_failure = 7,
    dns_timeout = 8,
    connection_refused = 9,
    network_unreachable = 10,
    timeout_connect = 11,
    connection_reset = 12,
    connection_closed = 13,
    timeout_tls = 14,
    tls_handshake_failed = 15,
    tls_cert_expired = 16,
    tls_cert_not_yet_valid = 17,
    tls_cert_self_signed = 18,
    tls_cert_untrusted = 19,
    tls_cert_hostname_mismatch = 20,
    tls_cert_revoked = 21,
    tls_cert_invalid = 22,
    timeout_headers = 23,
    timeout_body = 24,
    timeout_total = 25,
    http_malformed = 26,
    response_truncated = 27,
    response_too_large = 28,
    redirect_refused = 29,
    http_not_found = 30,
    http_method_not_allowed = 31,
    http_client_error = 32,
    http_server_error = 33,
    http_bad_gateway = 34,
    http_unavailable = 35,
    http_gateway_timeout = 36,
    http_unexpected_status = 37,
    http_unexpected_content_type = 38,
    auth_required = 39,
    auth_failed = 40,
    auth_insufficient_scope = 41,
    auth_token_unavailable = 42,
    auth_wall_missing = 43,
    forbidden = 44,
    blocked = 45,
    payment_required = 46,
    rate_limited = 47,
    protocol_invalid_json = 48,
    protocol_invalid_message = 49,
    protocol_id_mismatch = 50,
    protocol_no_response = 51,
    protocol_invalid_result = 52,
    protocol_sse_endpoint_invalid = 53,
    protocol_version_unsupported = 54,
    protocol_header_mismatch = 55,
    protocol_session_lost = 56,
    protocol_error = 57,
    tools_capability_missing = 58,
    pagination_invalid = 59,
    tool_missing = 60,
    schema_drift = 61,
    canary_rpc_error = 62,
    canary_tool_error = 63,
    canary_assertion_failed = 64,
    canary_input_required = 65,
    slow = 66,
    // Around the probe: nobody looked, or nobody could.
    missed_window = 128,
    backpressure = 129,
    agent_dead = 130,
    clock_skew = 131,
    region_fault = 132,
    not_reported = 133,
};

/// Whose trouble a reason tells of, and so which verdict it becomes.
enum class ReasonClass : std::uint8_t {
    down,      ///< a correct client can't use the server from here: FAIL
    degraded,  ///< usable, but wrong, changed or slow: DEGRADED (`slow`: SLOW)
    walled,    ///< alive and refusing us: AUTH
    excluded,  ///< our side or our configuration: UNKNOWN, never in availability
};

inline constexpr std::array kReasonNames{
    EnumName<Reason>{Reason::config_invalid, "config_invalid"},
    EnumName<Reason>{Reason::address_forbidden, "address_forbidden"},
    EnumName<Reason>{Reason::agent_unhealthy, "agent_unhealthy"},
    EnumName<Reason>{Reason::aborted, "aborted"},
    EnumName<Reason>{Reason::dns_nxdomain, "dns_nxdomain"},
    EnumName<Reason>{Reason::dns_no_address, "dns_no_address"},
    EnumName<Reason>{Reason::dns_server_failure, "dns_server_failure"},
    EnumName<Reason>{Reason::dns_timeout, "dns_timeout"},
    EnumName<Reason>{Reason::connection_refused, "connection_refused"},
    EnumName<Reason>{Reason::network_unreachable, "network_unreachable"},
    EnumName<Reason>{Reason::timeout_connect, "timeout_connect"},
    EnumName<Reason>{Reason::connection_reset, "connection_reset"},
    EnumName<Reason>{Reason::connection_closed, "connection_closed"},
    EnumName<Reason>{Reason::timeout_tls, "timeout_tls"},
    EnumName<Reason>{Reason::tls_handshake_failed, "tls_handshake_failed"},
    EnumName<Reason>{Reason::tls_cert_expired, "tls_cert_expired"},
    EnumName<Reason>{Reason::tls_cert_not_yet_valid, "tls_cert_not_yet_valid"},
    EnumName<Reason>{Reason::tls_cert_self_signed, "tls_cert_self_signed"},
    EnumName<Reason>{Reason::tls_cert_untrusted, "tls_cert_untrusted"},
    EnumName<Reason>{Reason::tls_cert_hostname_mismatch, "tls_cert_hostname_mismatch"},
    EnumName<Reason>{Reason::tls_cert_revoked, "tls_cert_revoked"},
    EnumName<Reason>{Reason::tls_cert_invalid, "tls_cert_invalid"},
    EnumName<Reason>{Reason::timeout_headers, "timeout_headers"},
    EnumName<Reason>{Reason::timeout_body, "timeout_body"},
    EnumName<Reason>{Reason::timeout_total, "timeout_total"},
    EnumName<Reason>{Reason::http_malformed, "http_malformed"},
    EnumName<Reason>{Reason::response_truncated, "response_truncated"},
    EnumName<Reason>{Reason::response_too_large, "response_too_large"},
    EnumName<Reason>{Reason::redirect_refused, "redirect_refused"},
    EnumName<Reason>{Reason::http_not_found, "http_not_found"},
    EnumName<Reason>{Reason::http_method_not_allowed, "http_method_not_allowed"},
    EnumName<Reason>{Reason::http_client_error, "http_client_error"},
    EnumName<Reason>{Reason::http_server_error, "http_server_error"},
    EnumName<Reason>{Reason::http_bad_gateway, "http_bad_gateway"},
    EnumName<Reason>{Reason::http_unavailable, "http_unavailable"},
    EnumName<Reason>{Reason::http_gateway_timeout, "http_gateway_timeout"},
    EnumName<Reason>{Reason::http_unexpected_status, "http_unexpected_status"},
    EnumName<Reason>{Reason::http_unexpected_content_type, "http_unexpected_content_type"},
    EnumName<Reason>{Reason::auth_required, "auth_required"},
    EnumName<Reason>{Reason::auth_failed, "auth_failed"},
    EnumName<Reason>{Reason::auth_insufficient_scope, "auth_insufficient_scope"},
    EnumName<Reason>{Reason::auth_token_unavailable, "auth_token_unavailable"},
    EnumName<Reason>{Reason::auth_wall_missing, "auth_wall_missing"},
    EnumName<Reason>{Reason::forbidden, "forbidden"},
    EnumName<Reason>{Reason::blocked, "blocked"},
    EnumName<Reason>{Reason::payment_required, "payment_required"},
    EnumName<Reason>{Reason::rate_limited, "rate_limited"},
    EnumName<Reason>{Reason::protocol_invalid_json, "protocol_invalid_json"},
    EnumName<Reason>{Reason::protocol_invalid_message, "protocol_invalid_message"},
    EnumName<Reason>{Reason::protocol_id_mismatch, "protocol_id_mismatch"},
    EnumName<Reason>{Reason::protocol_no_response, "protocol_no_response"},
    EnumName<Reason>{Reason::protocol_invalid_result, "protocol_invalid_result"},
    EnumName<Reason>{Reason::protocol_sse_endpoint_invalid, "protocol_sse_endpoint_invalid"},
    EnumName<Reason>{Reason::protocol_version_unsupported, "protocol_version_unsupported"},
    EnumName<Reason>{Reason::protocol_header_mismatch, "protocol_header_mismatch"},
    EnumName<Reason>{Reason::protocol_session_lost, "protocol_session_lost"},
    EnumName<Reason>{Reason::protocol_error, "protocol_error"},
    EnumName<Reason>{Reason::tools_capability_missing, "tools_capability_missing"},
    EnumName<Reason>{Reason::pagination_invalid, "pagination_invalid"},
    EnumName<Reason>{Reason::tool_missing, "tool_missing"},
    EnumName<Reason>{Reason::schema_drift, "schema_drift"},
    EnumName<Reason>{Reason::canary_rpc_error, "canary_rpc_error"},
    EnumName<Reason>{Reason::canary_tool_error, "canary_tool_error"},
    EnumName<Reason>{Reason::canary_assertion_failed, "canary_assertion_failed"},
    EnumName<Reason>{Reason::canary_input_required, "canary_input_required"},
    EnumName<Reason>{Reason::slow, "slow"},
    EnumName<Reason>{Reason::missed_window, "missed_window"},
    EnumName<Reason>{Reason::backpressure, "backpressure"},
    EnumName<Reason>{Reason::agent_dead, "agent_dead"},
    EnumName<Reason>{Reason::clock_skew, "clock_skew"},
    EnumName<Reason>{Reason::region_fault, "region_fault"},
    EnumName<Reason>{Reason::not_reported, "not_reported"},
};

constexpr std::string_view name_of(Reason reason) {
    return enum_name(kReasonNames, reason);
}
constexpr std::optional<Reason> reason_named(std::string_view name) {
    return enum_value(kReasonNames, name);
}

/// `protocol_version_unsupported` is `degraded` here; where the peer is newer than we are the probe
/// excludes it, so that a new protocol version never pages as an outage.
constexpr ReasonClass class_of(Reason reason) {
    switch (reason) {
        case Reason::dns_nxdomain:
        case Reason::dns_no_address:
        case Reason::dns_server_failure:
        case Reason::dns_timeout:
        case Reason::connection_refused:
        case Reason::network_unreachable:
        case Reason::timeout_connect:
        case Reason::connection_reset:
        case Reason::connection_closed:
        case Reason::timeout_tls:
        case Reason::tls_handshake_failed:
        case Reason::tls_cert_expired:
        case Reason::tls_cert_not_yet_valid:
        case Reason::tls_cert_self_signed:
        case Reason::tls_cert_untrusted:
        case Reason::tls_cert_hostname_mismatch:
        case Reason::tls_cert_revoked:
        case Reason::tls_cert_invalid:
        case Reason::timeout_headers:
        case Reason::timeout_body:
        case Reason::timeout_total:
        case Reason::http_malformed:
        case Reason::response_truncated:
        case Reason::redirect_refused:
        case Reason::http_not_found:
        case Reason::http_method_not_allowed:
        case Reason::http_client_error:
        case Reason::http_server_error:
        case Reason::http_bad_gateway:
        case Reason::http_unavailable:
        case Reason::http_gateway_timeout:
        case Reason::http_unexpected_status:
        case Reason::http_unexpected_content_type:
        case Reason::protocol_invalid_json:
        case Reason::protocol_invalid_message:
        case Reason::protocol_id_mismatch:
        case Reason::protocol_no_response:
        case Reason::protocol_invalid_result:
        case Reason::protocol_sse_endpoint_invalid:
        case Reason::protocol_header_mismatch:
        case Reason::protocol_session_lost:
        case Reason::protocol_error:
            return ReasonClass::down;
        case Reason::response_too_large:
        case Reason::auth_wall_missing:
        case Reason::protocol_version_unsupported:
        case Reason::tools_capability_missing:
        case Reason::pagination_invalid:
        case Reason::tool_missing:
        case Reason::schema_drift:
        case Reason::canary_rpc_error:
        case Reason::canary_tool_error:
        case Reason::canary_assertion_failed:
        case Reason::slow:
            return ReasonClass::degraded;
        case Reason::auth_required:
        case Reason::auth_failed:
        case Reason::auth_insufficient_scope:
        case Reason::forbidden:
        case Reason::blocked:
        case Reason::payment_required:
            return ReasonClass::walled;
        case Reason::config_invalid:
        case Reason::address_forbidden:
        case Reason::agent_unhealthy:
        case Reason::aborted:
        case Reason::auth_token_unavailable:
        case Reason::rate_limited:
        case Reason::canary_input_required:
        case Reason::missed_window:
        case Reason::backpressure:
        case Reason::agent_dead:
        case Reason::clock_skew:
        case Reason::region_fault:
        case Reason::not_reported:
            return ReasonClass::excluded;
    }
    return ReasonClass::excluded;
}

/// The verdict of a cell whose deciding attempt ended with `reason`. Expectations that the owner
/// wrote down (`expect.tools`, `canary`) are required unless said otherwise, and the probe then
/// turns their `degraded` into FAIL; the retry rule and the two-resolver rule are the probe's too.
constexpr Verdict verdict_of(Reason reason) {
    if (reason == Reason::slow) return Verdict::slow;
    switch (class_of(reason)) {
        case ReasonClass::down:
            return Verdict::fail;
        case ReasonClass::degraded:
            return Verdict::degraded;
        case ReasonClass::walled:
            return Verdict::auth;
        case ReasonClass::excluded:
            return Verdict::unknown;
    }
    return Verdict::unknown;
}

}  // namespace quorate
