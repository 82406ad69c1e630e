// Sessions of the legacy era: each that a server opens for us is ended, and a lost one replaced.
#include <atomic>
#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

class ProbeSession : public testing::Test {
protected:
    ProbeReport probe() { return harness_.probe(request_); }
    /// The sessions that were ended.
    std::set<std::string> ended() {
        std::set<std::string> ids;
        for (const auto& sent : script_.requests())
            if (sent.method() == "DELETE") ids.insert(sent.field("Mcp-Session-Id"));
        return ids;
    }

    /// Of a probe of another server, which has to be slow by 200 ms.
    ProbeReport slow_report_of(const RawServer& server) {
        request_.url = server.url();
        request_.slow_over_ms = 200;
        auto report = probe();
        EXPECT_EQ(report.verdict, Verdict::slow) << report.detail;
        return report;
    }

    McpScript script_;
    RawServer server_{std::ref(script_)};
    ProbeHarness harness_;
    ProbeRequest request_ = request_for(server_.url());
};

using Ids = std::set<std::string>;

TEST_F(ProbeSession, IsEndedAlsoWhereTheServerClosesConnectionsUnsaid) {
    script_.close_after_answers();
    for (int i = 0; i < 5; ++i) {
        const auto report = probe();
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
        EXPECT_FALSE(report.warnings.has(Warning::cleanup_failed));
        EXPECT_EQ(script_.count("DELETE"), i + 1);
        EXPECT_EQ(report.http_status, 200);
    }
}

TEST_F(ProbeSession, OfAnErrorThatAsksForAnotherVersionIsEndedToo) {
    script_.on("initialize", [](const RawRequest& request) {
        if (request.body.find("2025-06-18") != std::string::npos)
            return rpc_result(request,
                              R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{}},)"
                              R"("serverInfo":{"name":"s","version":"0"}})",
                              "Mcp-Session-Id: second\r\n");
        return http(200,
                    "application/json",
                    R"({"jsonrpc":"2.0","id":)" + std::to_string(request.rpc_id) +
                        R"(,"error":{"code":-32602,"message":"Unsupported protocol version",)"
                        R"("data":{"supported":["2025-06-18"]}}})",
                    "Mcp-Session-Id: first\r\n");
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(ended(), (Ids{"first", "second"}));
}

TEST_F(ProbeSession, OfAProbeThatIsCancelledIsEnded) {
    script_.on("tools/list", [](const RawRequest&) { return std::string{}; });
    request_.timeout = std::chrono::seconds{20};
    const auto report = harness_.probe_cancelled_after(request_, milliseconds{300});
    EXPECT_EQ(name_or_none(report.reason), "aborted");
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_EQ(ended(), Ids{"s-1"});
}

TEST_F(ProbeSession, OfAProbeThatIsCancelledAgainIsLeftAndTheProbeAborted) {
    std::atomic<int> sessions = 0;
    script_.on("initialize", [&](const RawRequest& request) {
        return rpc_result(
            request, kInitializeResult, "Mcp-Session-Id: s-" + std::to_string(++sessions) + "\r\n");
    });
    std::atomic<int> lists = 0;
    script_.on("tools/list", [&](const RawRequest& request) {
        return ++lists == 1 ? rpc_error(request, 404, -32001, "Session not found") : std::string{};
    });
    script_.on("DELETE", [](const RawRequest&) { return std::string{}; });
    request_.timeout = std::chrono::seconds{20};
    const auto report =
        harness_.probe_cancelled_after(request_, milliseconds{500}, milliseconds{200});
    EXPECT_EQ(name_or_none(report.reason), "aborted");
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_EQ(ended(), Ids{"s-2"});
}

TEST_F(ProbeSession, ThatIsLostIsEndedTooAndWarnsNobody) {
    std::atomic<int> sessions = 0;
    std::atomic<int> lists = 0;
    script_.on("initialize", [&](const RawRequest& request) {
        return rpc_result(
            request, kInitializeResult, "Mcp-Session-Id: s-" + std::to_string(++sessions) + "\r\n");
    });
    script_.on("tools/list", [&](const RawRequest& request) {
        return ++lists == 1 ? rpc_error(request, 404, -32001, "Session not found")
                            : rpc_result(request, kToolsResult);
    });
    script_.on("DELETE", [](const RawRequest& request) {
        return http(request.field("Mcp-Session-Id") == "s-1" ? 404 : 200, "", "");
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up);
    EXPECT_EQ(report.http_status, 200);
    EXPECT_FALSE(report.warnings.has(Warning::cleanup_not_supported));
    EXPECT_EQ(ended(), (Ids{"s-1", "s-2"}));
}

TEST_F(ProbeSession, AMethodThatIsNotKnownInAFreshSessionEitherIsAnErrorOfTheProtocol) {
    std::atomic<int> sessions = 0;
    script_.on("initialize", [&](const RawRequest& request) {
        return rpc_result(
            request, kInitializeResult, "Mcp-Session-Id: s-" + std::to_string(++sessions) + "\r\n");
    });
    script_.on("tools/list", [](const RawRequest& request) {
        return rpc_error(request, 404, -32601, "Method not found");
    });
    request_.retry = false;
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "protocol_error") << report.detail;
    EXPECT_EQ(name_or_none(report.phase), "tools_list");
    EXPECT_EQ(report.http_status, 404);
    EXPECT_EQ(report.rpc_code, -32601);
    EXPECT_EQ(script_.count("initialize"), 2);
    EXPECT_EQ(ended(), (Ids{"s-1", "s-2"}));
}

TEST_F(ProbeSession, WhatALostOneTookCounts) {
    RawServer server{[&](RawConnection& connection) {
        if (!script_.serve_until(connection, "tools/list")) return;
        connection.stirs_within(milliseconds{300});
        connection.send(rpc_error(script_.requests().back(), 404, -32001, "Session not found"));
        script_(connection);
    }};
    const auto report = slow_report_of(server);
    EXPECT_EQ(name_or_none(report.slow_phase), "tools_list");
    EXPECT_GE(report.timings.tools_list.value_or(0), 300'000U);
    EXPECT_TRUE(report.warnings.has(Warning::session_recovered));
}

TEST_F(ProbeSession, ThatIsSlowToBeAcknowledgedIsSlowInThatPhase) {
    RawServer server{[&](RawConnection& connection) {
        if (!script_.serve_until(connection, "notifications/initialized")) return;
        connection.stirs_within(milliseconds{300});
        connection.send(http(202, "", ""));
        script_(connection);
    }};
    const auto report = slow_report_of(server);
    EXPECT_EQ(name_or_none(report.slow_phase), "initialized");
}

}  // namespace
}  // namespace quorate
