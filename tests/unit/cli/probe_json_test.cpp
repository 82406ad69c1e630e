#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <gtest/gtest.h>

#include "cli/verbs/probe_format.hpp"
#include "core/base/json_text.hpp"

namespace quorate::cli {
namespace {

ProbeReport full_report() {
    ProbeReport report;
    report.url = "https://mcp.example.com/mcp";
    report.verdict = Verdict::degraded;
    report.reason = Reason::tool_missing;
    report.phase = Phase::tools_list;
    report.detail = "The server does not list the expected: search";
    report.era = Era::sse;
    report.protocol_version = "2024-11-05";
    report.server_name = "s";
    report.server_version = "1";
    report.http_status = 200;
    report.rpc_code = -32603;
    report.os_error = 104;
    report.retry_after_s = 5;
    report.peer_address = "192.0.2.1";
    report.credential_sent = true;
    report.retried = true;
    report.timings = {100, 250, 1500, 2000, 3000, 4000, 900, 3500, 5000, 6000, 7000, 30'000};
    ToolsReport tools;
    tools.count = 2;
    tools.pages = 1;
    tools.names = {"a", "b"};
    tools.semantic_hash = std::string(64, 'a');
    tools.full_hash = std::string(64, 'b');
    report.tools = std::make_shared<const ToolsReport>(tools);
    TlsReport tls;
    tls.version = "TLSv1.3";
    tls.not_after = UtcTime{std::chrono::seconds{1'800'000'000}};
    tls.earliest_not_after = UtcTime{std::chrono::seconds{1'700'000'000}};
    tls.issuer = "CN=ca";
    report.tls = std::make_shared<const TlsReport>(tls);
    report.auth.required = true;
    report.auth.bearer = true;
    report.auth.resource_metadata = "https://x/.well-known";
    report.auth.scope = "read";
    report.auth.error = "invalid_token";
    report.auth.error_description = "too old";
    report.final_url = "https://mcp.example.com/mcp/";
    report.health = HealthReport{204, 3};
    report.warnings.add(Warning::redirect_followed);
    report.warnings.add(Warning::tool_text_changed);
    report.attempts = {{Verdict::fail, Reason::timeout_total, Phase::tools_list, 8'000'000, ""},
                       {Verdict::degraded, Reason::tool_missing, Phase::tools_list, 30'000, ""}};
    return report;
}

TEST(ProbeJson, HasEveryNameOfTheInterface) {
    EXPECT_EQ(
        to_json_line(full_report(), ProbeRequest{}),
        R"({"url": "https://mcp.example.com/mcp", "verdict": "DEGRADED", "reason": "tool_missing", )"
        R"("phase": "tools_list", "detail": "The server does not list the expected: search", )"
        R"("era": "sse", "protocol_version": "2024-11-05", "transport": "http_sse", )"
        R"("server": {"name": "s", "version": "1"}, "http_status": 200, "rpc_code": -32603, )"
        R"("os_error": 104, "ip": "192.0.2.1", "final_url": "https://mcp.example.com/mcp/", "retried": true, "credential_sent": true, )"
        R"("retry_after_s": 5, "timings_ms": {"dns": 0.1, "connect": 0.25, "tls": 1.5, )"
        R"("first_byte": 2, "discover": 3, "initialize": 4, "tools_list": 5, "canary": 6, )"
        R"("close": 7, "total": 30, "initialized": 0.9, "sse_open": 3.5}, "tools": {"count": 2, "pages": 1, "names": ["a", "b"], )"
        R"("semantic_hash": "sha256:)" +
            std::string(64, 'a') + R"(", "full_hash": "sha256:)" + std::string(64, 'b') +
            R"("}, "tls": {"version": "TLSv1.3", "not_after": "2027-01-15T08:00:00Z", )"
            R"("earliest_not_after": "2023-11-14T22:13:20Z", "issuer": "CN=ca", "verify_code": 0}, )"
            R"("auth": {"required": true, "resource_metadata": "https://x/.well-known", "scope": "read", )"
            R"("error": "invalid_token", "error_description": "too old"}, )"
            R"("health": {"status": 204, "ms": 3}, )"
            R"("warnings": ["redirect_followed", "tool_text_changed"], )"
            R"("attempts": [{"verdict": "FAIL", "reason": "timeout_total", "phase": "tools_list", )"
            R"("total_ms": 8000}, {"verdict": "DEGRADED", "reason": "tool_missing", )"
            R"("phase": "tools_list", "total_ms": 30}]})");
}

TEST(ProbeJson, WritesNullForWhatThereIsNot) {
    ProbeReport report;
    report.url = "http://h/";
    EXPECT_EQ(
        to_json_line(report, ProbeRequest{}),
        R"({"url": "http://h/", "verdict": "UNKNOWN", "reason": null, "phase": null, )"
        R"("detail": "", "era": null, "protocol_version": null, "transport": null, )"
        R"("server": null, "http_status": null, "rpc_code": null, "os_error": null, )"
        R"("ip": null, "final_url": null, "retried": false, "credential_sent": false, "retry_after_s": null, )"
        R"("timings_ms": {"dns": null, "connect": null, "tls": null, "first_byte": null, )"
        R"("discover": null, "initialize": null, "tools_list": null, "canary": null, )"
        R"("close": null, "total": null}, "tools": null, "tls": null, )"
        R"("auth": {"required": false, "resource_metadata": null}, "health": null, )"
        R"("warnings": [], "attempts": []})");
}

TEST(ProbeJson, ListsChangesOnlyWhereAManifestWasGiven) {
    auto report = full_report();
    ProbeRequest request;
    request.baseline = std::make_shared<const ToolListBaseline>();
    EXPECT_EQ(parse_json(to_json_line(report, request))->at("changes"), boost::json::array{});
    report.changes = {{"t", "/inputSchema", ChangeKind::tightening, "closed", "a \"b\""}};
    const auto line = to_json_line(report, request);
    EXPECT_NE(line.find(R"("changes": [{"kind": "tightening", "what": "closed", "tool": "t", )"
                        R"("path": "/inputSchema", "detail": "a \"b\""}])"),
              line.npos)
        << line;
}

}  // namespace
}  // namespace quorate::cli
