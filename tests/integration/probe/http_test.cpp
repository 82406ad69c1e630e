#include <functional>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

/// The report of one attempt at a script whose tools/list says `answer` verbatim.
ProbeReport report_of_list(const std::string& answer, ProbeRequest request = request_for("")) {
    McpScript script;
    script.on("tools/list", [&](const RawRequest&) { return answer; });
    script.close_after_answers();
    RawServer server{std::ref(script)};
    request.url = server.url();
    request.timeout = milliseconds{700};
    request.retry = false;
    ProbeHarness harness;
    return harness.probe(request);
}

TEST(ProbeHttp, NamesWhatIsWrongWithAResponse) {
    std::string endless = "HTTP/1.1 200 OK\r\n";
    while (endless.size() < 100'000)
        endless += "X-Filler: " + std::string(200, 'a') + "\r\n";
    const std::string json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    const std::string stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    const std::pair<std::string, std::string> rows[] = {
        {json + "Content-Length: 400\r\n\r\n{\"jsonrpc\"", "response_truncated"},
        {json + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n", "response_truncated"},
        {http(200, "text/html", "<html>parked</html>"), "http_unexpected_content_type"},
        {http(200, "application/json", "<html>"), "protocol_invalid_json"},
        {http(200, "application/json", "{}"), "protocol_invalid_message"},
        {http(202, "", ""), "http_unexpected_status"},
        {endless, "http_malformed"},
        {"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "http_malformed"},
        {json + "Content-Length: 99999999\r\n\r\n", "response_too_large"},
        {stream + "\r\n: nothing\n\n", "protocol_no_response"},
        {http(401, "", ""), "auth_required"},
        {http(403, "", "", "WWW-Authenticate: Bearer error=\"insufficient_scope\"\r\n"),
         "auth_insufficient_scope"},
        {http(402, "", ""), "payment_required"},
        {http(405, "", ""), "http_method_not_allowed"},
        {http(406, "", ""), "http_client_error"},
        {http(429, "", ""), "rate_limited"},
        {http(451, "", ""), "blocked"},
        {http(500, "", ""), "http_server_error"},
        {http(502, "", ""), "http_bad_gateway"},
        {http(503, "", ""), "http_unavailable"},
        {http(504, "", ""), "http_gateway_timeout"},
        {http(302, "", "", "Location: /other\r\n"), "redirect_refused"},
        {http(307, "", "", "Location: http://example.com/mcp\r\n"), "redirect_refused"},
        {http(308, "", ""), "redirect_refused"},
    };
    for (const auto& [answer, reason] : rows) {
        const auto report = report_of_list(answer);
        EXPECT_EQ(name_or_none(report.reason), reason) << answer.substr(0, 80);
        EXPECT_EQ(name_or_none(report.phase), "tools_list") << answer.substr(0, 80);
        EXPECT_EQ(report.era, Era::legacy);
        EXPECT_FALSE(report.detail.empty());
    }
}

TEST(ProbeHttp, ARateLimitIsUnknownAndKeepsItsWait) {
    const auto report = report_of_list(http(429, "", "", "Retry-After: 17\r\n"));
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_EQ(report.retry_after_s, 17U);
    EXPECT_EQ(report.http_status, 429);
}

TEST(ProbeHttp, AHeadWithoutItsBodyIsTimeoutBody) {
    McpScript script;
    RawServer server{[&](RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            if (request.rpc_method == "tools/list") {
                connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                    "id: 1\ndata: \n\n: ping\n\n");
                return connection.wait_for_close();
            }
            const bool first = request.rpc_method == "initialize";
            connection.send(first ? rpc_result(request, kInitializeResult)
                                  : http(first                 ? 200
                                         : request.rpc_id == 0 ? 202
                                                               : 400,
                                         "",
                                         ""));
        }
    }};
    auto request = request_for(server.url());
    request.timeout = milliseconds{500};
    request.retry = false;
    ProbeHarness harness;
    const auto report = harness.probe(request);
    EXPECT_EQ(name_or_none(report.reason), "timeout_body");
    EXPECT_EQ(name_or_none(report.phase), "tools_list");
    EXPECT_EQ(report.http_status, 200);
}

TEST(ProbeHttp, TheWallTellsWhereItsMetadataIs) {
    McpScript script;
    script.on("server/discover", [](const RawRequest&) {
        return http(401,
                    "",
                    "",
                    "WWW-Authenticate: Bearer resource_metadata=\"http://127.0.0.1:1/meta\", "
                    "scope=\"a b\"\r\n");
    });
    RawServer server{std::ref(script)};
    auto request = request_for(server.url());
    ProbeHarness harness;
    auto report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::auth);
    EXPECT_TRUE(report.auth.required);
    EXPECT_EQ(report.auth.resource_metadata, "http://127.0.0.1:1/meta");
    EXPECT_EQ(report.auth.scope, "a b");
    EXPECT_FALSE(report.credential_sent);
    EXPECT_FALSE(report.era);
    EXPECT_EQ(script.count("initialize"), 0);  // a wall is no evidence of an era

    request.headers = {{"Authorization", "Bearer wrong"}};
    report = harness.probe(request);
    EXPECT_EQ(name_or_none(report.reason), "auth_failed");
    EXPECT_TRUE(report.credential_sent);

    request.headers.clear();
    request.expect.auth_wall = true;
    EXPECT_EQ(harness.probe(request).verdict, Verdict::up);

    script.on("server/discover", [](const RawRequest&) { return http(401, "", ""); });
    report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::auth) << "a wall without a door";
    EXPECT_EQ(name_or_none(report.reason), "auth_required");

    // The wall of the older transport says so on the event stream.
    script.on("GET", [](const RawRequest&) {
        return http(401, "", "", "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n");
    });
    request.era_hint = Era::sse;
    EXPECT_EQ(harness.probe(request).verdict, Verdict::up);
}

TEST(ProbeHttp, APermanentRedirectWithinTheOriginIsFollowedWithItsBody) {
    McpScript script;
    RawServer server{[&](RawConnection& connection) {
        RawRequest request;
        while (connection.read(request)) {
            if (request.head.find(" /mcp/ ") != std::string::npos) break;
            connection.send(http(307, "", "", "Location: /mcp/\r\n"));
        }
        if (request.rpc_method == "server/discover")
            connection.send(rpc_error(request, 400, -32000, "no"));
        script(connection);
    }};
    ProbeHarness harness;
    const auto report = harness.probe(request_for(server.url()));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.has(Warning::redirect_followed));
    EXPECT_EQ(report.final_url, server.url("/mcp/"));
}

TEST(ProbeHttp, FourRedirectsAreOneTooMany) {
    RawServer server{[](RawConnection& connection) {
        for (RawRequest request; connection.read(request);)
            connection.send(http(308, "", "", "Location: /again\r\n"));
    }};
    ProbeHarness harness;
    const auto report = harness.probe(request_for(server.url()));
    EXPECT_EQ(name_or_none(report.reason), "redirect_refused");
    EXPECT_EQ(report.verdict, Verdict::fail);
}

TEST(ProbeHttp, SendsWhatServersInsistOn) {
    McpScript script;
    RawServer server{std::ref(script)};
    auto request = request_for(server.url("/mcp?key=1"));
    request.headers = {{"X-API-Key", "k"}};
    ProbeHarness harness;
    const auto report = harness.probe(request);
    ASSERT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.credential_sent);
    const auto requests = script.requests();
    ASSERT_EQ(requests.size(), 5U);
    for (const auto& sent : requests) {
        EXPECT_EQ(sent.field("Host"), "127.0.0.1:" + std::to_string(server.port()));
        EXPECT_EQ(sent.field("X-API-Key"), "k");
        EXPECT_EQ(sent.field("Accept-Encoding"), "identity");
        EXPECT_EQ(sent.field("Origin"), "");
        EXPECT_NE(sent.head.find(" /mcp?key=1 HTTP/1.1"), std::string::npos);
        if (sent.method() == "POST") {
            EXPECT_EQ(sent.field("Accept"), "application/json, text/event-stream");
            EXPECT_EQ(sent.field("Content-Type"), "application/json");
        }
    }
    EXPECT_EQ(requests[0].field("MCP-Protocol-Version"), "2026-07-28");
    EXPECT_EQ(requests[0].field("Mcp-Method"), "server/discover");
    EXPECT_EQ(requests[1].rpc_method, "initialize");
    EXPECT_EQ(requests[1].field("MCP-Protocol-Version"), "");
    EXPECT_EQ(requests[1].field("Mcp-Session-Id"), "");
    for (const std::size_t i : {2U, 3U, 4U}) {
        EXPECT_EQ(requests[i].field("MCP-Protocol-Version"), "2025-11-25");
        EXPECT_EQ(requests[i].field("Mcp-Session-Id"), "s-1");
    }
    EXPECT_EQ(requests[4].method(), "DELETE");
    EXPECT_TRUE(report.timings.cleanup);
}

}  // namespace
}  // namespace quorate
