#include <atomic>
#include <functional>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

class ProbeLegacy : public testing::Test {
protected:
    ProbeReport probe() { return harness_.probe(request_); }

    McpScript script_;
    RawServer server_{std::ref(script_)};
    ProbeHarness harness_;
    ProbeRequest request_ = request_for(server_.url());
};

TEST_F(ProbeLegacy, TheHintSparesTheEraTest) {
    request_.era_hint = Era::legacy;
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up);
    EXPECT_EQ(script_.count("server/discover"), 0);
    EXPECT_FALSE(report.timings.discover);
    EXPECT_FALSE(report.warnings.has(Warning::era_changed));
}

TEST_F(ProbeLegacy, AWrongHintCostsOneDetectionAndIsTold) {
    request_.era_hint = Era::modern;
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up);
    EXPECT_EQ(report.era, Era::legacy);
    EXPECT_TRUE(report.warnings.has(Warning::era_changed));
}

TEST_F(ProbeLegacy, AnOlderVersionIsUsedAndTold) {
    script_.on("initialize", [](const RawRequest& request) {
        return rpc_result(request,
                          R"({"protocolVersion":"2025-03-26","capabilities":{"tools":{}},)"
                          R"("serverInfo":{"name":"old","version":"0"}})");
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up);
    EXPECT_EQ(report.protocol_version, "2025-03-26");
    EXPECT_EQ(report.server_name, "old");
    EXPECT_TRUE(report.warnings.has(Warning::version_downgraded));
    EXPECT_EQ(script_.count("DELETE"), 0);  // no session was given
}

TEST_F(ProbeLegacy, AVersionRefusedByErrorIsNegotiatedOnce) {
    script_.on("initialize", [](const RawRequest& request) {
        if (request.body.find("2025-06-18") != std::string::npos)
            return rpc_result(request,
                              R"({"protocolVersion":"2025-06-18","capabilities":{},)"
                              R"("serverInfo":{"name":"s","version":"0"}})");
        return http(200,
                    "application/json",
                    R"({"jsonrpc":"2.0","id":)" + std::to_string(request.rpc_id) +
                        R"(,"error":{"code":-32602,"message":"Unsupported protocol version",)"
                        R"("data":{"supported":["2024-11-05","2025-06-18","1.0"]}}})");
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.protocol_version, "2025-06-18");
    EXPECT_FALSE(report.tools);  // the capability is not declared, and nobody expects tools
}

TEST_F(ProbeLegacy, AVersionFromTheFutureIsUnknown) {
    script_.on("initialize", [](const RawRequest& request) {
        return rpc_result(request,
                          R"({"protocolVersion":"2099-01-01","capabilities":{},)"
                          R"("serverInfo":{"name":"s","version":"0"}})");
    });
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "protocol_version_unsupported");
    EXPECT_EQ(report.verdict, Verdict::unknown);
}

TEST_F(ProbeLegacy, AnErrorThatListsNoVersionOfOursIsNoVersionInCommon) {
    struct Row {
        int status;
        int code;
        const char* supported;
        Verdict verdict;
    };
    const Row rows[] = {{200, -32602, "2099-01-01", Verdict::unknown},
                        {400, -32602, "2099-01-01", Verdict::unknown},
                        {400, -32022, "2099-01-01", Verdict::unknown},
                        {200, -32022, "2099-01-01", Verdict::unknown},
                        {400, -32602, "2023-01-01", Verdict::degraded},
                        {400, -32022, "2023-01-01", Verdict::degraded}};
    for (const auto mode : {EraMode::legacy, EraMode::automatic}) {
        request_.era = mode;
        for (const auto& row : rows) {
            script_.on("initialize", [row](const RawRequest& request) {
                return http(row.status,
                            "application/json",
                            R"({"jsonrpc":"2.0","id":)" + std::to_string(request.rpc_id) +
                                R"(,"error":{"code":)" + std::to_string(row.code) +
                                R"(,"message":"no","data":{"supported":[")" + row.supported +
                                R"("]}}})");
            });
            const auto report = probe();
            SCOPED_TRACE(std::to_string(row.status) + " " + std::to_string(row.code));
            EXPECT_EQ(name_or_none(report.reason), "protocol_version_unsupported");
            EXPECT_EQ(name_or_none(report.phase), "initialize");
            EXPECT_EQ(report.verdict, row.verdict);
            EXPECT_EQ(report.peer_versions, std::vector<std::string>{row.supported});
            EXPECT_EQ(report.rpc_code, row.code);
        }
    }
}

TEST_F(ProbeLegacy, ResultsWithoutTheirMembersAreInvalid) {
    for (const auto* result :
         {R"({})",
          R"({"protocolVersion":1,"capabilities":{},"serverInfo":{}})",
          R"({"protocolVersion":"2025-11-25","serverInfo":{"name":"a","version":"1"}})",
          R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"a"}})",
          R"([])"}) {
        script_.on("initialize",
                   [=](const RawRequest& request) { return rpc_result(request, result); });
        const auto report = probe();
        EXPECT_EQ(name_or_none(report.reason), "protocol_invalid_result") << result;
        EXPECT_EQ(name_or_none(report.phase), "initialize");
    }
}

TEST_F(ProbeLegacy, ALostSessionIsReplacedOnce) {
    std::atomic<int> lists = 0;
    script_.on("tools/list", [&](const RawRequest& request) {
        return ++lists == 1 ? rpc_error(request, 404, -32001, "Session not found")
                            : rpc_result(request, kToolsResult);
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.has(Warning::session_recovered));
    EXPECT_FALSE(report.warnings.has(Warning::session_loss_status_not_404));
    EXPECT_FALSE(report.retried);
    EXPECT_EQ(script_.count("initialize"), 2);
}

TEST_F(ProbeLegacy, ASessionLostTwiceIsTheServersFault) {
    script_.on("tools/list", [&](const RawRequest& request) {
        return rpc_error(request, 400, -32000, "Bad Request: No valid session ID provided");
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_EQ(name_or_none(report.reason), "protocol_session_lost");
    EXPECT_TRUE(report.warnings.has(Warning::session_loss_status_not_404));
}

TEST_F(ProbeLegacy, ALostSessionMayBeToldInPlainText) {
    std::atomic<int> lists = 0;
    script_.on("tools/list", [&](const RawRequest& request) {
        return ++lists == 1 ? http(400, "text/plain", "Invalid or missing Session ID")
                            : rpc_result(request, kToolsResult);
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.has(Warning::session_recovered));
    EXPECT_TRUE(report.warnings.has(Warning::session_loss_status_not_404));
    script_.on("tools/list", [&](const RawRequest&) {
        return http(400, "text/html", "<p>Your session has expired</p>");
    });
    EXPECT_EQ(name_or_none(probe().reason), "http_client_error");
}

TEST_F(ProbeLegacy, ASessionIsEndedAlsoWhereItsInitializeNeverCame) {
    script_.on("initialize", [](const RawRequest&) {
        return std::string{
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: s-9\r\n"
            "Content-Length: 90\r\n\r\n{"};
    });
    request_.timeout = milliseconds{1000};
    request_.retry = false;
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "timeout_body");
    EXPECT_EQ(name_or_none(report.phase), "initialize");
    const auto last = script_.requests().back();
    EXPECT_EQ(last.method(), "DELETE");
    EXPECT_EQ(last.field("Mcp-Session-Id"), "s-9");
}

TEST_F(ProbeLegacy, AStreamOfInitializeIsResumedWithItsSession) {
    std::atomic<std::int64_t> id = 0;
    script_.on("initialize", [&](const RawRequest& request) {
        id = request.rpc_id;
        return http(
            200, "text/event-stream", "id: e-1\nretry: 20\ndata: \n\n", "Mcp-Session-Id: s-3\r\n");
    });
    script_.on("GET", [&](const RawRequest&) {
        return http(200,
                    "text/event-stream",
                    "data: {\"jsonrpc\":\"2.0\",\"id\":" + std::to_string(id) +
                        ",\"result\":" + std::string{kInitializeResult} + "}\n\n");
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.has(Warning::stream_resumed));
    for (const auto& sent : script_.requests()) {
        const bool before = sent.rpc_method == "initialize" || sent.rpc_method == "server/discover";
        EXPECT_EQ(sent.field("Mcp-Session-Id"), before ? "" : "s-3") << sent.head;
        EXPECT_EQ(sent.field("Last-Event-ID"), sent.method() == "GET" ? "e-1" : "");
    }
}

TEST_F(ProbeLegacy, EveryPageOfTheListCounts) {
    script_.on("tools/list", [](const RawRequest& request) {
        const auto page = [&](const char* name, const char* cursor) {
            return rpc_result(request,
                              R"({"tools":[{"name":")" + std::string{name} +
                                  R"(","inputSchema":{"type":"object"}}],"nextCursor":)" + cursor +
                                  "}");
        };
        if (request.body.find("\"cursor\":\"two\"") != std::string::npos)
            return page("b", "\"three\"");
        if (request.body.find("\"cursor\":\"three\"") != std::string::npos)
            return page("a", "null");
        return page("c", "\"two\"");
    });
    request_.expect.tools = {"a", "c"};
    const auto report = probe();
    ASSERT_TRUE(report.tools) << report.detail;
    EXPECT_EQ(report.tools->pages, 3U);
    EXPECT_EQ(report.tools->names, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(report.verdict, Verdict::up);

    request_.expect.tools = {"a", "d"};
    const auto missing = probe();
    EXPECT_EQ(missing.verdict, Verdict::fail);
    EXPECT_EQ(name_or_none(missing.reason), "tool_missing");
    request_.expect.required = false;
    EXPECT_EQ(probe().verdict, Verdict::degraded);
}

TEST_F(ProbeLegacy, ARepeatedCursorIsPaginationInvalidAndDegraded) {
    script_.on("tools/list", [](const RawRequest& request) {
        return rpc_result(request, R"({"tools":[],"nextCursor":"x"})");
    });
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "pagination_invalid");
    EXPECT_EQ(report.verdict, Verdict::degraded);
}

TEST_F(ProbeLegacy, AnErrorToToolsListKeepsItsCode) {
    script_.on("tools/list", [](const RawRequest& request) {
        return rpc_error(request, 200, -32603, "Not connected");
    });
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "protocol_error");
    EXPECT_EQ(report.rpc_code, -32603);
    EXPECT_EQ(report.verdict, Verdict::fail);
}

TEST_F(ProbeLegacy, CleanupThatFailsIsAWarningAlone) {
    script_.on("DELETE", [](const RawRequest&) { return http(405, "", ""); });
    EXPECT_TRUE(probe().warnings.has(Warning::cleanup_not_supported));
    script_.on("DELETE", [](const RawRequest&) { return http(500, "", ""); });
    const auto report = probe();
    EXPECT_TRUE(report.warnings.has(Warning::cleanup_failed));
    EXPECT_EQ(report.verdict, Verdict::up);
}

TEST_F(ProbeLegacy, AReportThatIsDueDoesNotWaitForASessionToEnd) {
    script_.on("DELETE", [](const RawRequest&) { return std::string{}; });
    const SystemClock clock;
    request_.report_by = clock.steady_now();
    const auto due = probe();
    EXPECT_EQ(due.verdict, Verdict::up);
    EXPECT_TRUE(due.warnings.has(Warning::cleanup_failed));
    EXPECT_GE(due.timings.cleanup.value_or(0), 150'000U);
    EXPECT_LT(due.timings.cleanup.value_or(0), 1'500'000U);
    request_.report_by += std::chrono::hours{1};
    EXPECT_GE(probe().timings.cleanup.value_or(0), 1'600'000U);
    EXPECT_EQ(script_.count("DELETE"), 2);
}

TEST_F(ProbeLegacy, CanariesAreJudgedByTheirAnswer) {
    request_.canary = Canary{"echo", R"({"text":"x"})", {{"$.n", ">=", "2"}}, true};
    const auto say = [&](std::string_view result) {
        script_.on("tools/call",
                   [=](const RawRequest& request) { return rpc_result(request, result); });
        return probe();
    };
    EXPECT_EQ(say(R"({"content":[],"structuredContent":{"n":2}})").verdict, Verdict::up);
    EXPECT_EQ(name_or_none(say(R"({"content":[],"structuredContent":{"n":1}})").reason),
              "canary_assertion_failed");
    EXPECT_EQ(
        name_or_none(say(R"({"content":[{"type":"text","text":"no"}],"isError":true})").reason),
        "canary_tool_error");
    EXPECT_EQ(name_or_none(say(R"({})").reason), "protocol_invalid_result");
    script_.on("tools/call", [](const RawRequest& request) {
        return rpc_error(request, 200, -32602, "Unknown tool");
    });
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "canary_rpc_error");
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_TRUE(report.timings.tools_call);
}

TEST_F(ProbeLegacy, TheHealthUrlIsShownAndNeverDecides) {
    script_.on("GET", [](const RawRequest&) { return http(503, "", ""); });
    request_.health_url = server_.url("/health");
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up);
    ASSERT_TRUE(report.health);
    EXPECT_EQ(report.health->status, 503);
    EXPECT_EQ(report.http_status, 200);
}

}  // namespace
}  // namespace quorate
