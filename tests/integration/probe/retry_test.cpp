#include <atomic>
#include <functional>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

TEST(ProbeRetry, WhatTheSecondAttemptFindsIsTheVerdict) {
    McpScript script;
    std::atomic<int> asked = 0;
    script.on("server/discover", [&](const RawRequest& request) {
        return ++asked == 1 ? http(500, "", "") : rpc_error(request, 404, -32601, "no");
    });
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    const auto report = harness.probe(request_for(server.url()));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_FALSE(report.reason);
    EXPECT_TRUE(report.retried);
    ASSERT_EQ(report.attempts.size(), 2U);
    EXPECT_EQ(report.attempts[0].verdict, Verdict::fail);
    EXPECT_EQ(name_or_none(report.attempts[0].reason), "http_server_error");
    EXPECT_EQ(report.attempts[1].verdict, Verdict::up);
    EXPECT_EQ(server.connections(), 2);  // a fresh one for the second

    const auto cell = to_cell(report, request_for(server.url()));
    EXPECT_EQ(cell.attempt, 2);
    EXPECT_TRUE(cell.retried);
    EXPECT_EQ(cell.tool_count, 1U);
    EXPECT_EQ(cell.semantic_hash.size(), 64U);
}

TEST(ProbeRetry, ASessionIsEndedAlsoWhereTheSecondAttemptFollowsAtOnce) {
    McpScript script;
    script.on("tools/list", [](const RawRequest&) { return http(500, "", ""); });
    RawServer server{std::ref(script)};
    auto request = request_for(server.url());
    request.retry_gap = milliseconds{0};
    ProbeHarness harness;
    const auto report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_TRUE(report.retried);
    EXPECT_EQ(script.count("DELETE"), 2);
}

TEST(ProbeRetry, OnlyAFailIsRetried) {
    McpScript script;
    script.on("server/discover", [](const RawRequest&) { return http(401, "", ""); });
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    const auto report = harness.probe(request_for(server.url()));
    EXPECT_FALSE(report.retried);
    EXPECT_EQ(report.attempts.size(), 1U);
    EXPECT_EQ(script.count("server/discover"), 1);
}

TEST(ProbeRetry, ASlowAnswerIsSlowAndNotRetried) {
    McpScript script;
    RawServer server{std::ref(script)};
    auto request = request_for(server.url());
    request.slow_over_ms = 0;
    ProbeHarness harness;
    const auto report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::slow);
    EXPECT_EQ(name_or_none(report.reason), "slow");
    EXPECT_TRUE(report.slow_phase);
    EXPECT_FALSE(report.retried);
}

TEST(ProbeRetry, TheHostNamesOtherAddressIsTriedToo) {
    // localhost is 127.0.0.1 and ::1; the server listens on the first alone.
    McpScript script;
    std::atomic<int> asked = 0;
    script.on("tools/list", [&](const RawRequest& request) {
        return ++asked == 1 ? http(500, "", "") : rpc_result(request, kToolsResult);
    });
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    const auto report =
        harness.probe(request_for("http://localhost:" + std::to_string(server.port()) + "/mcp"));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.retried);
    EXPECT_TRUE(report.warnings.has(Warning::one_family_unreachable));
    EXPECT_FALSE(report.os_error);
}

}  // namespace
}  // namespace quorate
