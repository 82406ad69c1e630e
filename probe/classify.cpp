#include "probe/classify.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>

#include <openssl/x509_vfy.h>

#include "core/base/text.hpp"
#include "probe/www_authenticate.hpp"

namespace quorate {
namespace {

constexpr int kHeaderMismatch = -32020;
constexpr int kMissingCapability = -32021;
constexpr int kUnsupportedVersion = -32022;

std::string bearer_error(const HttpHead& head) {
    for (const auto& challenge : parse_challenges(head.www_authenticate))
        if (const auto found = challenge.parameters.find("error");
            found != challenge.parameters.end())
            return found->second;
    return {};
}

Reason reason_of_server_error(unsigned status) {
    switch (status) {
        case 502:
        case 520:
        case 521:
        case 523:
        case 525:
        case 526:
        case 530:
            return Reason::http_bad_gateway;
        case 503:
            return Reason::http_unavailable;
        case 504:
        case 522:
        case 524:
            return Reason::http_gateway_timeout;
        default:
            return Reason::http_server_error;
    }
}

/// 401 and 403: alive, and refusing us. A 401 is the plain wall whatever it says, unless we showed
/// a credential: some servers answer the anonymous with `invalid_token` too.
Reason reason_of_refusal(const HttpHead& head, bool credential_sent) {
    if (head.status == 401) return credential_sent ? Reason::auth_failed : Reason::auth_required;
    const auto error = bearer_error(head);
    if (error == "invalid_token") return Reason::auth_failed;
    return error == "insufficient_scope" ? Reason::auth_insufficient_scope : Reason::forbidden;
}

Reason reason_of_status(const HttpHead& head,
                        const std::optional<RpcError>& rpc,
                        const StatusContext& context) {
    const unsigned status = head.status;
    // With whatever status: those of AWS WAF are 202 and 405.
    if (status == 451 || (head.challenged && status != 401)) return Reason::blocked;
    if (status >= 500) return reason_of_server_error(status);
    if (status == 401 || status == 403) return reason_of_refusal(head, context.credential_sent);
    if (status == 402) return Reason::payment_required;
    if (status == 429) return Reason::rate_limited;
    if (status == 400 && bearer_error(head) == "invalid_token") return Reason::auth_failed;
    if (rpc && status >= 400 && is_modern_error(rpc->code))
        return failure_of_rpc(*rpc, context.phase).reason;
    if (status == 404) return Reason::http_not_found;
    if (status == 405) return Reason::http_method_not_allowed;
    return status >= 400 ? Reason::http_client_error : Reason::http_unexpected_status;
}

}  // namespace

Reason reason_of_errno(int os_error, WireMoment moment) {
    switch (os_error) {
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case ENOBUFS:
        case EADDRNOTAVAIL:
        case EADDRINUSE:
        case EINVAL:
        case EAFNOSUPPORT:
        case ENETDOWN:
            return Reason::agent_unhealthy;
        case ECONNREFUSED:
            return Reason::connection_refused;
        case ENETUNREACH:
        case EHOSTUNREACH:
        case EHOSTDOWN:
        case EACCES:
            return Reason::network_unreachable;
        case EPERM:
            return moment == WireMoment::calling ? Reason::agent_unhealthy
                                                 : Reason::network_unreachable;
        case ETIMEDOUT:
            return reason_of_timeout(moment);
        default:
            break;
    }
    // RST, or what else tears an established connection.
    return moment == WireMoment::in_body ? Reason::response_truncated : Reason::connection_reset;
}

bool is_no_way_there(int os_error) {
    return os_error == ENETUNREACH || os_error == EHOSTUNREACH || os_error == ENETDOWN ||
           os_error == EADDRNOTAVAIL || os_error == EAFNOSUPPORT || os_error == EACCES ||
           os_error == EPERM;
}

Reason reason_of_verify_code(int verify_code) {
    switch (verify_code) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return Reason::tls_cert_expired;
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return Reason::tls_cert_not_yet_valid;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return Reason::tls_cert_self_signed;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_UNTRUSTED:
            return Reason::tls_cert_untrusted;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return Reason::tls_cert_hostname_mismatch;
        case X509_V_ERR_CERT_REVOKED:
            return Reason::tls_cert_revoked;
        default:
            return Reason::tls_cert_invalid;
    }
}

Reason reason_of_timeout(WireMoment moment) {
    switch (moment) {
        case WireMoment::calling:
        case WireMoment::connecting:
            return Reason::timeout_connect;
        case WireMoment::handshaking:
            return Reason::timeout_tls;
        case WireMoment::before_head:
            return Reason::timeout_headers;
        case WireMoment::in_body:
            return Reason::timeout_body;
    }
    return Reason::timeout_total;
}

bool is_modern_error(std::int64_t rpc_code) {
    return rpc_code == kHeaderMismatch || rpc_code == kMissingCapability ||
           rpc_code == kUnsupportedVersion;
}

Failure failure_of_rpc(const RpcError& error, Phase phase) {
    const auto words = "JSON-RPC error " + std::to_string(error.code) +
                       (error.message.empty() ? "" : " (" + error.message + ")");
    if (error.code == kHeaderMismatch)
        return {phase,
                Reason::protocol_header_mismatch,
                words + ": something on the way strips or rewrites our headers"};
    if (error.code == kUnsupportedVersion)
        return {phase, Reason::protocol_version_unsupported, "No version in common: " + words};
    const auto reason =
        phase == Phase::tools_call ? Reason::canary_rpc_error : Reason::protocol_error;
    return {phase, reason, "The server answered with " + words};
}

Failure failure_of_status(const HttpHead& head,
                          const std::optional<RpcError>& rpc,
                          const StatusContext& context) {
    const auto reason = reason_of_status(head, rpc, context);
    auto detail = "The server answered " + std::string{context.get ? "GET" : "POST"} + " of " +
                  std::string{name_of(context.phase)} + " with HTTP " + std::to_string(head.status);
    if (rpc) {
        detail += " and JSON-RPC error " + std::to_string(rpc->code);
        if (!rpc->message.empty()) detail += " (" + rpc->message + ")";
    }
    if (context.credential_sent && head.status >= 400) detail += "; a credential was sent";
    return {context.phase, reason, std::move(detail)};
}

bool mentions_session(const HttpHead& head,
                      const std::optional<RpcError>& rpc,
                      std::string_view body) {
    if (head.status < 400 || head.status >= 500 || head.media_type == "text/html") return false;
    const auto text = rpc ? std::string_view{rpc->message} : body;
    return to_lower(text).find("session") != std::string::npos;
}

bool says_session_lost(const HttpHead& head, bool mentions_session) {
    return head.status == 404 || (head.status == 400 && mentions_session);
}

std::optional<std::uint32_t> retry_after_s(const std::string& value, UtcTime now) {
    std::uint32_t seconds = 0;
    const auto* end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, seconds);
    if (error == std::errc{} && rest == end) return seconds;
    std::tm parts{};
    const auto* left = strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (left == nullptr || *left != '\0') return std::nullopt;
    const UtcTime at{std::chrono::seconds{timegm(&parts)}};
    const auto wait = std::chrono::ceil<std::chrono::seconds>(at - now).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(wait, 0, UINT32_MAX));
}

}  // namespace quorate
