#include <functional>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

std::string version_result(const RawRequest& request, std::string_view version) {
    return rpc_result(request,
                      R"({"protocolVersion":")" + std::string{version} +
                          R"(","capabilities":{"tools":{}},)"
                          R"("serverInfo":{"name":"s","version":"1"}})",
                      "Mcp-Session-Id: s-1\r\n");
}

std::string discover_result(const RawRequest& request) {
    return rpc_result(request,
                      R"({"resultType":"complete","ttlMs":0,"cacheScope":"public",)"
                      R"("supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},)"
                      R"("serverInfo":{"name":"m","version":"1"}})");
}

/// Of an event stream that says nothing.
const std::string kSilentStream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

class ProbeEra : public testing::Test {
protected:
    ProbeReport probe() { return harness_.probe(request_); }
    /// From now on the server speaks the modern era alone, and says `refusal` to `initialize`.
    void upgrade(McpScript::Say refusal) {
        script_.on("initialize", std::move(refusal));
        script_.on("server/discover", discover_result);
    }

    McpScript script_;
    RawServer server_{std::ref(script_)};
    ProbeHarness harness_;
    ProbeRequest request_ = request_for(server_.url());
};

TEST_F(ProbeEra, OfALegacyServerIsDetectedOnceAndThenRemembered) {
    const auto first = probe();
    EXPECT_EQ(first.era, Era::legacy);
    EXPECT_EQ(script_.count("server/discover"), 1);
    request_.era_hint = first.era;
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(probe().verdict, Verdict::up);
    EXPECT_EQ(script_.count("server/discover"), 1);
    EXPECT_EQ(script_.count("initialize"), 4);
}

TEST_F(ProbeEra, OfAnUpgradedServerIsNoticedByWhateverItSaysToInitialize) {
    const McpScript::Say refusals[] = {
        [](auto& request) { return rpc_error(request, 400, -32022, "Unsupported version"); },
        [](auto& request) { return rpc_error(request, 200, -32022, "Unsupported version"); },
        [](auto& request) { return rpc_error(request, 404, -32601, "Method not found"); },
        [](auto& request) { return rpc_error(request, 200, -32601, "Method not found"); },
        [](auto& request) { return rpc_error(request, 400, -32020, "Header mismatch"); },
        [](auto&) { return http(400, "text/plain", "no"); },
        [](auto&) { return http(405, "", ""); },
    };
    request_.era_hint = Era::legacy;
    for (const auto& refusal : refusals) {
        upgrade(refusal);
        const auto report = probe();
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
        EXPECT_EQ(report.era, Era::modern);
        EXPECT_EQ(report.protocol_version, "2026-07-28");
        EXPECT_TRUE(report.warnings.has(Warning::era_changed));
    }
}

TEST_F(ProbeEra, IsNotDoubtedForWhatSaysNothingAboutIt) {
    request_.era_hint = Era::legacy;
    request_.retry = false;
    for (const int status : {401, 402, 403, 429, 451, 500, 503}) {
        upgrade([status](auto&) { return http(status, "", ""); });
        EXPECT_NE(probe().verdict, Verdict::up) << status;
    }
    const auto gets = script_.count("GET");  // for what stands behind the 401
    upgrade([](auto&) { return http(405, "", "", "x-amzn-waf-action: captcha\r\n"); });
    EXPECT_EQ(probe().reason, Reason::blocked);
    EXPECT_EQ(script_.count("server/discover"), 0);
    EXPECT_EQ(script_.count("GET"), gets);
}

TEST_F(ProbeEra, OfAModernServerBehindAProxyThatStripsHeadersIsNotDoubted) {
    upgrade([](auto& request) { return rpc_error(request, 400, -32022, "Unsupported version"); });
    script_.on("server/discover",
               [](auto& request) { return rpc_error(request, 400, -32020, "Header mismatch"); });
    for (const auto hint : {std::optional<Era>{}, std::optional{Era::legacy}}) {
        request_.era_hint = hint;
        const auto report = probe();
        EXPECT_EQ(name_or_none(report.reason), "protocol_header_mismatch");
        EXPECT_EQ(name_or_none(report.phase), "discover");
        EXPECT_EQ(report.rpc_code, -32020);
        EXPECT_EQ(report.verdict, Verdict::fail);
    }
    EXPECT_EQ(script_.count("GET"), 0);
}

TEST_F(ProbeEra, OfAServerThatSpeaksBothIsTheModernOneForALookThatFindsOutAnew) {
    script_.on("server/discover", discover_result);
    request_.era_hint = Era::legacy;
    const auto stale = probe();  // goes on to succeed
    EXPECT_EQ(stale.era, Era::legacy);
    EXPECT_FALSE(stale.warnings.has(Warning::era_changed));
    request_.detect_era = true;  // what the planner does once in 24 h
    const auto anew = probe();
    EXPECT_EQ(anew.era, Era::modern);
    EXPECT_TRUE(anew.warnings.has(Warning::era_changed));
    request_.era_hint = Era::modern;
    EXPECT_FALSE(probe().warnings.has(Warning::era_changed));
}

TEST_F(ProbeEra, OfAServerOfTheOldTransportIsFoundAnewToo) {
    script_.on("server/discover", [](auto&) { return http(404, "text/html", "no"); });
    script_.on("initialize", [](auto&) { return http(404, "text/html", "no"); });
    for (const auto hint : {std::optional<Era>{}, std::optional{Era::sse}}) {
        request_.era_hint = hint;
        request_.detect_era = true;
        const auto before = script_.count("GET");
        request_.retry = false;
        EXPECT_EQ(name_or_none(probe().reason), "http_not_found");
        EXPECT_EQ(script_.count("GET"), before + 1) << "the fallback is tried once";
    }
}

TEST_F(ProbeEra, OfAServerThatGaveUpHttpSseIsNoticed) {
    request_.era_hint = Era::sse;
    const auto report = probe();  // GET is answered by 405
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, Era::legacy);
    EXPECT_TRUE(report.warnings.has(Warning::era_changed));
}

TEST_F(ProbeEra, OfAServerThatGaveUpHttpSseAndKeepsAStreamIsNoticedByTheSecondAttempt) {
    script_.on("GET", [](auto&) { return kSilentStream; });
    request_.era_hint = Era::sse;
    request_.timeout = std::chrono::seconds{1};
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, Era::legacy);
    EXPECT_TRUE(report.warnings.has(Warning::era_changed));
    ASSERT_EQ(report.attempts.size(), 2U);
    EXPECT_EQ(name_or_none(report.attempts[0].reason), "timeout_body");
    EXPECT_EQ(name_or_none(report.attempts[0].phase), "sse_open");
}

TEST_F(ProbeEra, OfTheOldTransportThatHangsIsNotDoubtedByTheSecondAttempt) {
    for (const auto* method : {"server/discover", "initialize"})
        script_.on(method, [](auto&) { return http(404, "text/html", "no"); });
    request_.era_hint = Era::sse;
    request_.timeout = std::chrono::seconds{1};
    for (const bool has_head : {true, false}) {
        script_.on("GET", [=](auto&) { return has_head ? kSilentStream : std::string{}; });
        const auto report = probe();
        EXPECT_EQ(name_or_none(report.reason), has_head ? "timeout_body" : "timeout_headers")
            << report.detail;
        EXPECT_EQ(name_or_none(report.phase), "sse_open");
        EXPECT_EQ(report.http_status.has_value(), has_head);
        EXPECT_EQ(report.attempts.size(), 2U);
    }
}

TEST_F(ProbeEra, EveryPublishedVersionIsSpokenAsItsServerWantsIt) {
    script_.on("server/discover", [](auto& request) {
        return rpc_error(request, 400, -32000, "Bad Request: Server not initialized");
    });
    for (const auto* version :
         {"2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}) {
        script_.on("initialize", [=](auto& request) { return version_result(request, version); });
        script_.on("tools/list", [](auto& request) {
            return http(200,
                        "application/json",
                        R"([{"jsonrpc":"2.0","method":"notifications/message","params":{}},)"
                        R"({"result":)" +
                            std::string{kToolsResult} + R"(,"jsonrpc":"2.0","id":)" +
                            std::to_string(request.rpc_id) + "}]");
        });
        const auto report = probe();
        SCOPED_TRACE(version);
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
        EXPECT_EQ(report.era, Era::legacy);
        EXPECT_EQ(report.protocol_version, version);
        const std::string_view spoken = version;
        EXPECT_EQ(report.warnings.has(Warning::version_downgraded), spoken != "2025-11-25");
        EXPECT_EQ(report.warnings.has(Warning::unexpected_batch), spoken != "2025-03-26");
        const auto requests = script_.requests();
        const auto& list = requests[requests.size() - 2];
        EXPECT_EQ(list.rpc_method, "tools/list");
        EXPECT_EQ(list.field("MCP-Protocol-Version"), version);
        EXPECT_EQ(list.field("Mcp-Session-Id"), "s-1");
        const auto& initialize = requests[requests.size() - 4];
        EXPECT_NE(initialize.body.find("\"2025-11-25\""), std::string::npos);
    }
}

TEST_F(ProbeEra, TheOlderTransportIsTriedForWhatTheOfferedVersionAllows) {
    const auto refuse = [](const RawRequest&) { return http(406, "text/plain", "no"); };
    script_.on("initialize", refuse);
    request_.retry = false;
    EXPECT_EQ(name_or_none(probe().reason), "http_client_error");
    EXPECT_EQ(script_.count("GET"), 0);  // 2025-11-25: for 400, 404 and 405 alone
    script_.on("initialize", [&](const RawRequest& request) {
        if (request.body.find("2025-03-26") != std::string::npos) return refuse(request);
        return http(400,
                    "application/json",
                    R"({"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"no",)"
                    R"("data":{"supported":["2025-03-26"]}}})");
    });
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "http_client_error");
    EXPECT_EQ(report.http_status, 406);
    EXPECT_EQ(script_.count("GET"), 1);  // 2025-03-26: for any 4xx
}

}  // namespace
}  // namespace quorate
