// One row per warning: what makes it, and that the verdict stays what it is without.
#include <atomic>

#include "tests/integration/probe/reason_bench.hpp"

namespace quorate {
namespace {

using Provoke = std::function<Outcome(ReasonBench&)>;

WarningRow scripted(Warning warning, std::string how, Provoke provoke) {
    return {warning, Verdict::up, Provoker::scripted, std::move(how), std::move(provoke)};
}

/// A legacy server that says `say` to one method.
WarningRow legacy_row(Warning warning, std::string how, const char* method, McpScript::Say say) {
    return scripted(warning, std::move(how), [method, say = std::move(say)](ReasonBench& bench) {
        return bench.probe_legacy(method, say);
    });
}

WarningRow modern_row(Warning warning, std::string how, const char* method, std::string json) {
    return scripted(warning, std::move(how), [method, json = std::move(json)](ReasonBench& bench) {
        return bench.probe_modern(method, result(json));
    });
}

/// tools/list that `first` answers once, and a sound server afterwards.
McpScript::Say once(McpScript::Say first) {
    const auto asked = std::make_shared<std::atomic<int>>(0);
    return [first = std::move(first), asked](const RawRequest& request) {
        return ++*asked == 1 ? first(request) : rpc_result(request, kToolsResult);
    };
}

std::string event_stream(const std::string& events) {
    return http(200, "text/event-stream", events, "Connection: close\r\n");
}

std::string tools_message(const RawRequest& request) {
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(request.rpc_id) + R"(,"result":)" +
           std::string{kToolsResult} + "}";
}

Outcome probe_redirect(ReasonBench& bench) {
    McpScript script;
    return bench.probe_raw([&](RawConnection& connection) {
        RawRequest request;
        while (connection.read(request)) {
            if (request.head.find(" /mcp/ ") != std::string::npos) break;
            connection.send(http(307, "", "", "Location: /mcp/\r\n"));
        }
        if (request.rpc_method == "server/discover")
            connection.send(rpc_error(request, 400, -32000, "no"));
        script(connection);
    });
}

Outcome probe_resumed(ReasonBench& bench) {
    McpScript script;
    std::atomic<std::int64_t> id = 0;
    script.on("tools/list", [&](const RawRequest& request) {
        id = request.rpc_id;
        return event_stream("id: 7\nretry: 10\ndata: \n\n");
    });
    script.on("GET", [&](const RawRequest& request) {
        RawRequest asked;
        asked.rpc_id = id;
        return request.field("Last-Event-ID") == "7"
                   ? event_stream("data: " + tools_message(asked) + "\n\n")
                   : http(405, "", "");
    });
    return bench.probe_script(script);
}

std::vector<WarningRow> session_rows() {
    return {
        legacy_row(Warning::session_recovered,
                   "HTTP 404 to the session, once",
                   "tools/list",
                   once(status(404))),
        legacy_row(Warning::session_loss_status_not_404,
                   "HTTP 400 with session wording, once",
                   "tools/list",
                   once(error(400, -32000, "Session not found"))),
        legacy_row(Warning::notification_status_not_202,
                   "HTTP 200 to a notification",
                   "notifications/initialized",
                   status(200)),
        legacy_row(Warning::cleanup_not_supported, "HTTP 405 to DELETE", "DELETE", status(405)),
        legacy_row(Warning::cleanup_failed, "HTTP 500 to DELETE", "DELETE", status(500)),
        legacy_row(Warning::version_downgraded,
                   "the server's latest is 2025-06-18",
                   "initialize",
                   result(R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{}},)"
                          R"("serverInfo":{"name":"s","version":"1"}})")),
    };
}

std::vector<WarningRow> message_rows() {
    return {
        modern_row(Warning::missing_result_type,
                   "a list of 2026-07-28 without resultType",
                   "tools/list",
                   R"({"ttlMs":0,"cacheScope":"public","tools":[]})"),
        modern_row(Warning::missing_cache_hints,
                   "a list of 2026-07-28 without ttlMs",
                   "tools/list",
                   R"({"resultType":"complete","cacheScope":"public","tools":[]})"),
        legacy_row(Warning::unexpected_batch,
                   "an answer in an array",
                   "tools/list",
                   [](const RawRequest& request) {
                       return http(200, "application/json", "[" + tools_message(request) + "]");
                   }),
        legacy_row(Warning::unexpected_server_request,
                   "a request for roots on the stream of our answer",
                   "tools/list",
                   [](const RawRequest& request) {
                       return event_stream(R"(data: {"jsonrpc":"2.0","id":3,"method":"roots/list"})"
                                           "\n\ndata: " +
                                           tools_message(request) + "\n\n");
                   }),
        modern_row(Warning::tool_definition_invalid,
                   "an x-mcp-header that is no token",
                   "tools/list",
                   R"({"resultType":"complete","ttlMs":0,"cacheScope":"public","tools":[)"
                   R"({"name":"a","inputSchema":{"type":"object","properties":)"
                   R"({"x":{"type":"string","x-mcp-header":"a b"}}}}]})"),
        legacy_row(Warning::tool_name_duplicate,
                   "two tools of one name",
                   "tools/list",
                   result(R"({"tools":[{"name":"a","inputSchema":{"type":"object"}},)"
                          R"({"name":"a","inputSchema":{"type":"object"}}]})")),
    };
}

}  // namespace

std::vector<WarningRow> warning_rows() {
    std::vector<WarningRow> rows{
        scripted(Warning::redirect_followed, "HTTP 307 from /mcp to /mcp/", probe_redirect),
        scripted(Warning::stream_resumed,
                 "an event stream that ends early and goes on at a GET",
                 probe_resumed),
        scripted(
            Warning::tls_cert_expiring,
            "the intermediate authority's certificate ends in 10 days",
            [](ReasonBench& bench) { return bench.probe_tls({.via = Via::short_intermediate}); }),
        scripted(Warning::one_family_unreachable,
                 "localhost at a server of IPv4 alone; the second attempt begins with IPv6",
                 [](ReasonBench& bench) {
                     McpScript script;
                     script.on("tools/list", once(status(500)));
                     const RawServer server{std::ref(script)};
                     return bench.probe(
                         "http://localhost:" + std::to_string(server.port()) + "/mcp",
                         [](ProbeRequest& request) { request.retry = true; });
                 }),
        {Warning::legacy_transport,
         Verdict::up,
         Provoker::real,
         "server-everything over HTTP+SSE",
         [](ReasonBench& bench) { return bench.probe_everything_sse(); }},
        {Warning::era_changed,
         Verdict::up,
         Provoker::real,
         "the lab's modern server, last known as legacy",
         [](ReasonBench& bench) {
             return bench.probe_lab(
                 "modern", "up", [](ProbeRequest& request) { request.era_hint = Era::legacy; });
         }},
        {Warning::auth_metadata_invalid,
         Verdict::up,
         Provoker::real,
         "the OAuth example of SDK v1, by an address that its metadata do not name",
         [](ReasonBench& bench) {
             return bench.probe_oauth(
                 true, [](ProbeRequest& request) { request.expect.auth_wall = true; });
         }},
        {Warning::tool_text_changed,
         Verdict::up,
         Provoker::real,
         "the lab's modern server, one of whose tools had another description",
         [](ReasonBench& bench) {
             auto tools = bench.tools_of_lab("modern");
             tools.front()["description"] = "What it said before.";
             return bench.probe_lab("modern", "up", against(Era::modern, std::move(tools)));
         }},
    };
    for (auto& more : {session_rows(), message_rows()})
        for (const auto& row : more)
            rows.push_back(row);
    return rows;
}

}  // namespace quorate
