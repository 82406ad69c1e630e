#include "probe/classify.hpp"

#include <cerrno>

#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

namespace quorate {
namespace {

HttpHead head(std::uint16_t status, std::string www_authenticate = {}) {
    HttpHead result;
    result.status = status;
    result.www_authenticate = std::move(www_authenticate);
    return result;
}

Reason reason(const HttpHead& answer, bool credential = false) {
    const StatusContext context{Phase::tools_list, credential, false};
    return failure_of_status(answer, std::nullopt, context).reason;
}

TEST(StatusTable, NamesEachStatus) {
    const std::pair<std::uint16_t, Reason> rows[] = {
        {101, Reason::http_unexpected_status},
        {202, Reason::http_unexpected_status},
        {204, Reason::http_unexpected_status},
        {304, Reason::http_unexpected_status},
        {400, Reason::http_client_error},
        {401, Reason::auth_required},
        {402, Reason::payment_required},
        {403, Reason::forbidden},
        {404, Reason::http_not_found},
        {405, Reason::http_method_not_allowed},
        {406, Reason::http_client_error},
        {409, Reason::http_client_error},
        {410, Reason::http_client_error},
        {413, Reason::http_client_error},
        {415, Reason::http_client_error},
        {421, Reason::http_client_error},
        {426, Reason::http_client_error},
        {429, Reason::rate_limited},
        {451, Reason::blocked},
        {500, Reason::http_server_error},
        {501, Reason::http_server_error},
        {502, Reason::http_bad_gateway},
        {503, Reason::http_unavailable},
        {504, Reason::http_gateway_timeout},
        {520, Reason::http_bad_gateway},
        {521, Reason::http_bad_gateway},
        {522, Reason::http_gateway_timeout},
        {523, Reason::http_bad_gateway},
        {524, Reason::http_gateway_timeout},
        {525, Reason::http_bad_gateway},
        {526, Reason::http_bad_gateway},
        {530, Reason::http_bad_gateway},
    };
    for (const auto& [status, wanted] : rows)
        EXPECT_EQ(name_of(reason(head(status))), name_of(wanted)) << status;
}

TEST(StatusTable, WallsAreToldApartByChallengeAndCredential) {
    EXPECT_EQ(reason(head(401), true), Reason::auth_failed);
    EXPECT_EQ(reason(head(401, R"(Bearer error="invalid_token")")), Reason::auth_required);
    EXPECT_EQ(reason(head(401, R"(Bearer error="invalid_token")"), true), Reason::auth_failed);
    EXPECT_EQ(reason(head(403, R"(Bearer error="insufficient_scope")")),
              Reason::auth_insufficient_scope);
    EXPECT_EQ(reason(head(403, R"(Bearer error="invalid_token")")), Reason::auth_failed);
    EXPECT_EQ(reason(head(400, R"(Bearer error="invalid_token")")), Reason::auth_failed);
    for (const std::uint16_t status : {202, 403, 405, 429, 503}) {
        auto challenged = head(status);
        challenged.challenged = true;
        EXPECT_EQ(reason(challenged), Reason::blocked) << status;
    }
    auto login = head(401);
    login.challenged = true;
    EXPECT_EQ(reason(login), Reason::auth_required);
}

TEST(StatusTable, ModernErrorsDecideOnlyBelow500) {
    const RpcError mismatch{-32020, "", {}};
    const StatusContext context{Phase::tools_list, false, false};
    EXPECT_EQ(failure_of_status(head(400), mismatch, context).reason,
              Reason::protocol_header_mismatch);
    EXPECT_EQ(failure_of_status(head(500), mismatch, context).reason, Reason::http_server_error);
}

TEST(StatusTable, ASessionIsLostBy404OrBy400WithSessionWording) {
    const RpcError wording{-32000, "Bad Request: No valid session ID provided", {}};
    const RpcError other{-32000, "Bad Request: Server not initialized", {}};
    const auto lost = [](HttpHead answer, const std::optional<RpcError>& rpc, const char* body) {
        return says_session_lost(answer, mentions_session(answer, rpc, body));
    };
    EXPECT_TRUE(lost(head(404), std::nullopt, ""));
    EXPECT_TRUE(lost(head(400), wording, ""));
    EXPECT_TRUE(lost(head(400), std::nullopt, "No transport found for sessionId"));
    EXPECT_FALSE(lost(head(400), other, "session"));
    EXPECT_FALSE(lost(head(400), std::nullopt, ""));
    EXPECT_FALSE(lost(head(500), wording, "session"));
    auto page = head(400);
    page.media_type = "text/html";
    EXPECT_FALSE(lost(page, std::nullopt, "<p>Your session"));
}

TEST(Errno, FaultsOfThisMachineAreNeverTheEndpoints) {
    for (const int error :
         {EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, EADDRINUSE, ENETDOWN, EAFNOSUPPORT})
        EXPECT_EQ(reason_of_errno(error, WireMoment::connecting), Reason::agent_unhealthy);
}

TEST(Errno, ANetworkIsUnreachableWhoeverSaysSo) {
    for (const int error : {ENETUNREACH, EHOSTUNREACH, EACCES, EPERM}) {
        const bool ours = error == EPERM;  // our own firewall, where the call itself says so
        EXPECT_EQ(reason_of_errno(error, WireMoment::calling),
                  ours ? Reason::agent_unhealthy : Reason::network_unreachable)
            << error;
        EXPECT_EQ(reason_of_errno(error, WireMoment::connecting), Reason::network_unreachable);
        EXPECT_TRUE(is_no_way_there(error));
    }
    EXPECT_EQ(reason_of_errno(ECONNREFUSED, WireMoment::calling), Reason::connection_refused);
    for (const int error : {EMFILE, ENOMEM, ECONNREFUSED})
        EXPECT_FALSE(is_no_way_there(error)) << error;
}

TEST(Errno, SaysWhereTheConnectionBroke) {
    using Moment = WireMoment;
    EXPECT_EQ(reason_of_errno(ECONNREFUSED, Moment::connecting), Reason::connection_refused);
    EXPECT_EQ(reason_of_errno(EHOSTUNREACH, Moment::connecting), Reason::network_unreachable);
    EXPECT_EQ(reason_of_errno(EACCES, Moment::connecting), Reason::network_unreachable);
    EXPECT_EQ(reason_of_errno(ETIMEDOUT, Moment::connecting), Reason::timeout_connect);
    EXPECT_EQ(reason_of_errno(ECONNRESET, Moment::handshaking), Reason::connection_reset);
    EXPECT_EQ(reason_of_errno(EPIPE, Moment::before_head), Reason::connection_reset);
    EXPECT_EQ(reason_of_errno(ECONNRESET, Moment::in_body), Reason::response_truncated);
}

TEST(VerifyCode, BecomesAReason) {
    EXPECT_EQ(reason_of_verify_code(10), Reason::tls_cert_expired);
    EXPECT_EQ(reason_of_verify_code(9), Reason::tls_cert_not_yet_valid);
    EXPECT_EQ(reason_of_verify_code(18), Reason::tls_cert_self_signed);
    EXPECT_EQ(reason_of_verify_code(19), Reason::tls_cert_self_signed);
    for (const int code : {2, 20, 21, 27})
        EXPECT_EQ(reason_of_verify_code(code), Reason::tls_cert_untrusted) << code;
    EXPECT_EQ(reason_of_verify_code(62), Reason::tls_cert_hostname_mismatch);
    EXPECT_EQ(reason_of_verify_code(64), Reason::tls_cert_hostname_mismatch);
    EXPECT_EQ(reason_of_verify_code(23), Reason::tls_cert_revoked);
    EXPECT_EQ(reason_of_verify_code(66), Reason::tls_cert_invalid);
}

TEST(RetryAfter, IsSecondsOrADate) {
    const auto now = *parse_rfc3339("2026-11-20T12:00:00Z");
    EXPECT_EQ(retry_after_s("120", now), 120U);
    EXPECT_EQ(retry_after_s("Fri, 20 Nov 2026 12:00:30 GMT", now), 30U);
    EXPECT_EQ(retry_after_s("Fri, 20 Nov 2026 11:00:00 GMT", now), 0U);
    for (const auto* bad : {"", "-1", "soon", "1.5"})
        EXPECT_FALSE(retry_after_s(bad, now)) << bad;
}

}  // namespace
}  // namespace quorate
