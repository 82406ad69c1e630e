#include <functional>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

const std::string kHints = R"("resultType":"complete","ttlMs":0,"cacheScope":"public",)";

std::string discovered(const RawRequest& request, std::string_view versions) {
    return rpc_result(request,
                      "{" + kHints + R"("supportedVersions":)" + std::string{versions} +
                          R"(,"capabilities":{"tools":{}},"_meta":)"
                          R"({"io.modelcontextprotocol/serverInfo":{"name":"m","version":"3"}}})");
}

class ProbeModern : public testing::Test {
protected:
    ProbeModern() {
        script_.on("server/discover", [](const RawRequest& request) {
            return discovered(request, R"(["2026-07-28"])");
        });
        script_.on("tools/list", [](const RawRequest& request) {
            return rpc_result(
                request,
                "{" + kHints +
                    R"("tools":[{"name":"find","inputSchema":{"type":"object","properties":)"
                    R"({"region":{"type":"string","x-mcp-header":"Region"}}}}]})");
        });
    }
    ProbeReport probe() { return harness_.probe(request_); }

    McpScript script_;
    RawServer server_{std::ref(script_)};
    ProbeHarness harness_;
    ProbeRequest request_ = request_for(server_.url());
};

TEST_F(ProbeModern, ALookAtTheSameAnswersSaysTheSameAndAChangeIsSeenAtOnce) {
    const auto first = probe();
    const auto again = probe();
    for (const auto* report : {&first, &again}) {
        EXPECT_EQ(report->verdict, Verdict::up) << report->detail;
        EXPECT_EQ(report->server_name, "m");
        EXPECT_EQ(report->server_version, "3");
        EXPECT_EQ(report->warnings, first.warnings);
        ASSERT_TRUE(report->tools);
        EXPECT_EQ(report->tools->names, std::vector<std::string>{"find"});
        EXPECT_EQ(report->tools->full_hash, first.tools->full_hash);
    }
    script_.on("tools/list", [](const RawRequest& request) {
        return rpc_result(request,
                          R"({"tools":[{"name":"lost","inputSchema":{"type":"object"}}]})");
    });
    const auto changed = probe();
    ASSERT_TRUE(changed.tools);
    EXPECT_EQ(changed.tools->names, std::vector<std::string>{"lost"});
    EXPECT_NE(changed.tools->full_hash, first.tools->full_hash);
    EXPECT_TRUE(changed.warnings.has(Warning::missing_result_type));
    EXPECT_EQ(probe().warnings, changed.warnings);
    script_.on("tools/list",
               [](const RawRequest& request) { return rpc_result(request, R"({"tools":7})"); });
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(probe().reason, Reason::protocol_invalid_result);
}

TEST_F(ProbeModern, SpeaksWithoutSessionAndWithItsVersionInEveryMessage) {
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, Era::modern);
    EXPECT_EQ(report.server_name, "m");
    EXPECT_TRUE(report.warnings.empty()) << report.warnings.bits();
    const auto requests = script_.requests();
    ASSERT_EQ(requests.size(), 2U);
    for (const auto& sent : requests) {
        EXPECT_EQ(sent.field("MCP-Protocol-Version"), "2026-07-28");
        EXPECT_EQ(sent.field("Mcp-Method"), sent.rpc_method);
        EXPECT_EQ(sent.field("Mcp-Session-Id"), "");
        EXPECT_NE(sent.body.find("\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\""),
                  std::string::npos);
        EXPECT_NE(sent.body.find("\"io.modelcontextprotocol/clientCapabilities\":{}"),
                  std::string::npos);
    }
}

TEST_F(ProbeModern, ACanaryRepeatsItsNameAndMarkedArgumentsInHeaders) {
    script_.on("tools/call", [](const RawRequest& request) {
        return rpc_result(request, "{" + kHints + R"("content":[]})");
    });
    request_.canary = Canary{"find", "{\"region\":\"z\xC3\xBCrich\"}", {}, true};
    EXPECT_EQ(probe().verdict, Verdict::up);
    const auto sent = script_.requests().back();
    EXPECT_EQ(sent.field("Mcp-Name"), "find");
    EXPECT_EQ(sent.field("Mcp-Param-Region"), "=?base64?esO8cmljaA==?=");
    script_.on("tools/call", [](const RawRequest& request) {
        return rpc_result(request, R"({"resultType":"input_required"})");
    });
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "canary_input_required");
    EXPECT_EQ(report.verdict, Verdict::unknown);
}

TEST_F(ProbeModern, MissingHintsAreWarnings) {
    script_.on("tools/list",
               [](const RawRequest& request) { return rpc_result(request, kToolsResult); });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up);
    EXPECT_TRUE(report.warnings.has(Warning::missing_cache_hints));
    EXPECT_TRUE(report.warnings.has(Warning::missing_result_type));
}

TEST_F(ProbeModern, VersionsDecideTheEra) {
    script_.on("server/discover",
               [](const RawRequest& request) { return discovered(request, R"(["2025-11-25"])"); });
    EXPECT_EQ(probe().era, Era::legacy);
    script_.on("server/discover",
               [](const RawRequest& request) { return discovered(request, R"(["2027-02-01"])"); });
    const auto ahead = probe();
    EXPECT_EQ(name_or_none(ahead.reason), "protocol_version_unsupported");
    EXPECT_EQ(ahead.verdict, Verdict::unknown);
    EXPECT_EQ(ahead.peer_versions, std::vector<std::string>{"2027-02-01"});
}

TEST_F(ProbeModern, AnInitializeThatSaysModernOnlyLeadsBackToDiscover) {
    request_.era_hint = Era::legacy;
    script_.on("initialize", [](const RawRequest& request) {
        return rpc_error(request, 400, -32022, "Unsupported protocol version");
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, Era::modern);
    EXPECT_TRUE(report.warnings.has(Warning::era_changed));
}

TEST_F(ProbeModern, AStrippedHeaderIsNamed) {
    script_.on("tools/list", [](const RawRequest& request) {
        return rpc_error(request, 400, -32020, "Header mismatch");
    });
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "protocol_header_mismatch");
    EXPECT_EQ(report.verdict, Verdict::fail);
}

TEST_F(ProbeModern, AStreamThatEndsWithoutTheAnswerIsAskedOnceMoreWithANewId) {
    const std::string stream =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 12\r\n\r\n";
    std::vector<std::int64_t> ids;
    script_.on("tools/list", [&](const RawRequest& request) {
        ids.push_back(request.rpc_id);
        return ids.size() == 1 ? stream + ": only this\n"
                               : rpc_result(request, "{" + kHints + R"("tools":[]})");
    });
    EXPECT_EQ(probe().verdict, Verdict::up);
    ASSERT_EQ(ids.size(), 2U);
    EXPECT_NE(ids[0], ids[1]);
    EXPECT_EQ(script_.count("GET"), 0);  // the stream of this era is not resumed
    script_.on("tools/list", [&](const RawRequest&) { return stream + ": only this\n"; });
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "protocol_no_response");
    EXPECT_EQ(report.verdict, Verdict::fail);
}

TEST_F(ProbeModern, AnUnknownMethodIsNoWrongUrl) {
    script_.on("tools/list", [](const RawRequest& request) {
        return rpc_error(request, 404, -32601, "Method not found");
    });
    auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "protocol_error");
    EXPECT_EQ(report.rpc_code, -32601);
    EXPECT_EQ(report.http_status, 404);
    script_.on("tools/list", [](const RawRequest&) { return http(404, "text/html", "<p>no"); });
    report = probe();
    EXPECT_EQ(name_or_none(report.reason), "http_not_found");
}

TEST_F(ProbeModern, HintsThatMakeNoSenseCountAsMissing) {
    for (const auto* hints : {R"("ttlMs":-1,"cacheScope":"public")",
                              R"("ttlMs":"1","cacheScope":"public")",
                              R"("ttlMs":1,"cacheScope":1)",
                              R"("ttlMs":1)"}) {
        script_.on("tools/list", [=](const RawRequest& request) {
            return rpc_result(request,
                              R"({"tools":[],"resultType":"complete",)" + std::string{hints} + "}");
        });
        const auto report = probe();
        EXPECT_TRUE(report.warnings.has(Warning::missing_cache_hints)) << hints;
        EXPECT_FALSE(report.warnings.has(Warning::missing_result_type)) << hints;
    }
}

TEST_F(ProbeModern, AnUnknownResultTypeIsInvalidInEveryAnswer) {
    const auto answer = [](std::string_view members) {
        return [members = std::string{members}](const RawRequest& request) {
            return rpc_result(request, "{" + members + R"(,"resultType":"partial"})");
        };
    };
    request_.canary = Canary{"find", "{}", {}, true};
    script_.on("tools/call",
               [](const RawRequest& request) { return rpc_result(request, R"({"content":[]})"); });
    EXPECT_TRUE(probe().warnings.has(Warning::missing_result_type));
    const std::pair<const char*, const char*> rows[] = {
        {"tools/call", R"("content":[])"},
        {"tools/list", R"("tools":[])"},
        {"server/discover", R"("supportedVersions":["2026-07-28"],"capabilities":{})"}};
    for (const auto& [method, members] : rows) {
        script_.on(method, answer(members));
        const auto report = probe();
        EXPECT_EQ(name_or_none(report.reason), "protocol_invalid_result") << method;
        EXPECT_EQ(report.verdict, Verdict::fail) << method;
    }
}

TEST_F(ProbeModern, AServersRequestIsDroppedAndTold) {
    script_.on("tools/list", [](const RawRequest& request) {
        return http(200,
                    "text/event-stream",
                    "data: {\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"ping\"}\n\n"
                    "data: {\"jsonrpc\":\"2.0\",\"id\":" +
                        std::to_string(request.rpc_id) + ",\"result\":{" + kHints +
                        "\"tools\":[]}}\n\n");
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.has(Warning::unexpected_server_request));
    EXPECT_EQ(script_.requests().size(), 2U);
}

TEST_F(ProbeModern, ForcedOnALegacyServerItReportsThatAnswer) {
    script_.on("server/discover", [](const RawRequest& request) {
        return rpc_error(request, 404, -32601, "Method not found");
    });
    request_.era = EraMode::modern;
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "http_not_found");
    EXPECT_EQ(report.verdict, Verdict::fail);
    EXPECT_EQ(script_.count("initialize"), 0);
}

}  // namespace
}  // namespace quorate
