// In the phase tools_call every failure counts as the canary's owner says: FAIL where it is
// required, DEGRADED where not (probe page, section 11).
#include <functional>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

using Serve = std::function<void(RawConnection&, const RawRequest&)>;

Serve says(std::function<std::string(const RawRequest&)> say) {
    return [say = std::move(say)](RawConnection& connection, const RawRequest& request) {
        connection.send(say(request));
    };
}

Serve says(std::string answer) {
    return says([answer = std::move(answer)](const RawRequest&) { return answer; });
}

Serve says_result(std::string json) {
    return says(
        [json = std::move(json)](const RawRequest& request) { return rpc_result(request, json); });
}

/// A legacy server that does `serve` for tools/call and then closes.
ProbeReport report_of(const Serve& serve, bool required, std::string_view reason = {}) {
    McpScript script;
    RawServer server{[&](RawConnection& connection) {
        if (script.serve_until(connection, "tools/call"))
            serve(connection, script.requests().back());
    }};
    auto request = request_for(server.url());
    // What is not about time gets what a busy machine may need.
    const bool waits = reason.substr(0, 7) == "timeout";
    request.timeout = waits ? milliseconds{1500} : milliseconds{10'000};
    request.retry = false;
    request.canary = Canary{"echo", "{}", {{"$.total", ">=", "1"}}, required};
    ProbeHarness harness;
    return harness.probe(request);
}

TEST(ProbeCanary, EveryFailureCountsAsItsOwnerSays) {
    const std::string json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    const std::string deep = std::string(129, '[') + std::string(129, ']');
    const std::pair<const char*, Serve> rows[] = {
        {"connection_reset",
         [](RawConnection& connection, const RawRequest&) { connection.reset(); }},
        {"connection_closed", [](RawConnection&, const RawRequest&) {}},
        {"timeout_headers",
         [](RawConnection& connection, const RawRequest&) { connection.wait_for_close(); }},
        {"timeout_body",
         [&](RawConnection& connection, const RawRequest&) {
             connection.send(json + "Content-Length: 90\r\n\r\n{");
             connection.wait_for_close();
         }},
        {"response_truncated", says(json + "Content-Length: 90\r\n\r\n{")},
        {"response_too_large", says(http(200, "application/json", deep))},
        {"http_malformed", says("nonsense\r\n\r\n")},
        {"redirect_refused", says(http(302, "", "", "Location: /other\r\n"))},
        {"http_client_error", says(http(409, "", ""))},
        {"http_server_error", says(http(500, "", ""))},
        {"http_unavailable", says(http(503, "", ""))},
        {"http_unexpected_status", says(http(202, "", ""))},
        {"http_unexpected_content_type", says(http(200, "text/html", "<p>"))},
        {"auth_required", says(http(401, "", ""))},
        {"auth_insufficient_scope",
         says(http(403, "", "", "WWW-Authenticate: Bearer error=\"insufficient_scope\"\r\n"))},
        {"forbidden", says(http(403, "", ""))},
        {"payment_required", says(http(402, "", ""))},
        {"protocol_session_lost", says(http(404, "", ""))},
        {"protocol_invalid_json", says(http(200, "application/json", "<"))},
        {"protocol_invalid_message", says(http(200, "application/json", "{}"))},
        {"protocol_id_mismatch",
         says(http(200, "application/json", R"({"jsonrpc":"2.0","id":77,"result":{}})"))},
        {"protocol_no_response", says(http(200, "application/json", ""))},
        {"protocol_invalid_result", says_result("{}")},
        {"canary_rpc_error",
         says([](const RawRequest& request) { return rpc_error(request, 200, -32602, "no"); })},
        {"canary_tool_error",
         says_result(R"({"isError":true,"content":[{"type":"text","text":"broken"}]})")},
        {"canary_assertion_failed",
         says_result(R"({"content":[],"structuredContent":{"total":0}})")},
    };
    for (const auto& [reason, serve] : rows) {
        for (const bool required : {true, false}) {
            const auto report = report_of(serve, required, reason);
            SCOPED_TRACE(std::string{reason} + (required ? ", required" : ", optional"));
            EXPECT_EQ(name_or_none(report.reason), reason) << report.detail;
            EXPECT_EQ(name_or_none(report.phase), "tools_call");
            EXPECT_EQ(name_of(report.verdict),
                      name_of(required ? Verdict::fail : Verdict::degraded));
            ASSERT_TRUE(report.tools);
            EXPECT_EQ(report.tools->count, 1U);
        }
    }
}

TEST(ProbeCanary, WhatSaysNothingOfTheServerIsUnknownEitherWay) {
    for (const bool required : {true, false}) {
        const auto report = report_of(says(http(429, "", "", "Retry-After: 9\r\n")), required);
        EXPECT_EQ(name_or_none(report.reason), "rate_limited");
        EXPECT_EQ(report.verdict, Verdict::unknown);
        EXPECT_EQ(report.retry_after_s, 9U);
    }
}

TEST(ProbeCanary, OneThatHoldsIsUp) {
    const auto report =
        report_of(says_result(R"({"content":[],"structuredContent":{"total":3}})"), true);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.timings.tools_call);
}

}  // namespace
}  // namespace quorate
