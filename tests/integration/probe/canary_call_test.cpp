#include <atomic>
#include <functional>
#include <memory>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

std::string stream_of(std::initializer_list<std::string> events) {
    std::string body;
    for (const auto& event : events)
        body += "data: " + event + "\n\n";
    return http(200, "text/event-stream", body);
}

std::string response_text(const RawRequest& request, std::string_view member) {
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(request.rpc_id) + "," +
           std::string{member} + "}";
}

class ProbeCanaryCall : public testing::Test {
protected:
    ProbeCanaryCall() {
        request_.canary = Canary{"echo", R"({"text":"x"})", {}, true};
        request_.era_hint = Era::legacy;
        request_.retry = false;
    }
    ProbeReport probe() { return harness_.probe(request_); }

    McpScript script_;
    RawServer server_{std::ref(script_)};
    ProbeHarness harness_;
    ProbeRequest request_ = request_for(server_.url());
};

TEST_F(ProbeCanaryCall, ASdkV1ServerSaysThatItHasNoSuchToolByAFailureOfThatTool) {
    request_.canary->tool = "gone";
    script_.on("tools/call", [](auto& request) {
        return rpc_result(request,
                          R"({"content":[{"type":"text","text":)"
                          R"("MCP error -32602: Tool gone not found"}],"isError":true})");
    });
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "canary_tool_error");
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_NE(report.detail.find("Tool gone not found; the server does not list it"),
              std::string::npos)
        << report.detail;
}

TEST_F(ProbeCanaryCall, AToolThatAsksForWhatOnlyClientsHaveIsABadCanary) {
    for (const auto* method : {"sampling/createMessage", "roots/list", "elicitation/create"}) {
        const auto ask =
            R"({"jsonrpc":"2.0","id":"q","method":")" + std::string{method} + R"(","params":{}})";
        script_.on("tools/call", [&](auto& request) {
            return stream_of(
                {ask, response_text(request, R"("result":{"content":[],"isError":true})")});
        });
        auto report = probe();
        EXPECT_EQ(name_or_none(report.reason), "canary_input_required") << method;
        EXPECT_EQ(name_or_none(report.phase), "tools_call");
        EXPECT_EQ(report.verdict, Verdict::unknown);
        EXPECT_TRUE(report.warnings.has(Warning::unexpected_server_request));
        // Asking is no failure where the tool does without.
        script_.on("tools/call", [&](auto& request) {
            return stream_of({ask, response_text(request, R"("result":{"content":[]})")});
        });
        EXPECT_EQ(probe().verdict, Verdict::up) << method;
    }
    script_.on("tools/call", [](auto& request) {
        return rpc_error(request, 200, -32042, "URL elicitation required");
    });
    EXPECT_EQ(name_or_none(probe().reason), "canary_input_required");
}

TEST_F(ProbeCanaryCall, APingDuringTheCallIsNothingToTell) {
    script_.on("tools/call", [](auto& request) {
        return stream_of({R"({"jsonrpc":"2.0","id":1,"method":"ping"})",
                          response_text(request, R"("result":{"content":[]})")});
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.empty());
}

TEST_F(ProbeCanaryCall, AnAbandonedCallIsCancelledBeforeTheSessionEnds) {
    std::int64_t call = 0;
    script_.on("tools/call", [&](auto& request) {
        call = request.rpc_id;
        return std::string{};
    });
    script_.on("notifications/cancelled", [](auto&) { return http(202, "", ""); });
    request_.timeout = milliseconds{1500};
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "timeout_headers");
    EXPECT_EQ(name_or_none(report.phase), "tools_call");
    const auto requests = script_.requests();
    ASSERT_GE(requests.size(), 2U);
    EXPECT_EQ(requests.back().method(), "DELETE");
    const auto& cancelled = requests[requests.size() - 2];
    EXPECT_EQ(cancelled.rpc_method, "notifications/cancelled");
    EXPECT_NE(cancelled.body.find("\"requestId\":" + std::to_string(call) + ","),
              std::string::npos);
    EXPECT_EQ(cancelled.field("Mcp-Session-Id"), "s-1");
    EXPECT_TRUE(report.timings.cleanup);
}

TEST_F(ProbeCanaryCall, WhatNobodyWaitsForIsNotCancelled) {
    script_.on("tools/call", [](auto& request) { return rpc_error(request, 200, -32603, "no"); });
    EXPECT_EQ(name_or_none(probe().reason), "canary_rpc_error");
    script_.on("tools/list", [](auto&) { return std::string{}; });
    request_.timeout = milliseconds{1000};
    EXPECT_EQ(name_or_none(probe().phase), "tools_list");
    EXPECT_EQ(script_.count("notifications/cancelled"), 0);
}

TEST_F(ProbeCanaryCall, ALostConnectionCountsAsItsOwnerSays) {
    RawServer server{[&](RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            if (request.rpc_method == "tools/call") return connection.reset();
            if (request.rpc_method == "initialize")
                connection.send(rpc_result(request, kInitializeResult));
            else if (request.rpc_method == "tools/list")
                connection.send(rpc_result(request, kToolsResult));
            else
                connection.send(http(202, "", ""));
        }
    }};
    request_.url = server.url();
    auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "connection_reset");
    EXPECT_EQ(name_or_none(report.phase), "tools_call");
    EXPECT_EQ(report.verdict, Verdict::fail);
    request_.canary->required = false;
    EXPECT_EQ(probe().verdict, Verdict::degraded);
}

TEST_F(ProbeCanaryCall, WhoseConnectionIsRefusedCountsAsItsOwnerSaysToo) {
    std::atomic<bool> listed = false;
    McpScript script;
    script.on("tools/list", [&](auto& request) {
        listed = true;
        return rpc_result(request, kToolsResult, "Connection: close\r\n");
    });
    auto server = std::make_unique<RawServer>(std::ref(script));
    request_.url = server->url();
    request_.canary->required = false;
    request_.trace = [&](unsigned, microseconds, std::string_view line) {
        // Between the answer to tools/list and the call the server goes away.
        if (line.starts_with("<") && listed.exchange(false)) server.reset();
    };
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "connection_refused");
    EXPECT_EQ(name_or_none(report.phase), "tools_call");
    EXPECT_EQ(report.verdict, Verdict::degraded);
}

}  // namespace
}  // namespace quorate
