// Rows of JSON-RPC, versions, sessions and the older transport.
#include "tests/integration/probe/reason_bench.hpp"

namespace quorate {
namespace {

/// A legacy server that says `say` to one method.
ReasonRow legacy_row(Reason reason,
                     Phase phase,
                     std::string how,
                     const char* method,
                     McpScript::Say say,
                     RowFacts facts = {}) {
    return {reason,
            verdict_of(reason),
            phase,
            Provoker::scripted,
            std::move(how),
            [method, say = std::move(say)](ReasonBench& bench) {
                return bench.probe_legacy(method, say);
            },
            facts};
}

ReasonRow list_row(Reason reason, std::string how, McpScript::Say say, RowFacts facts = {}) {
    return legacy_row(
        reason, Phase::tools_list, std::move(how), "tools/list", std::move(say), facts);
}

McpScript::Say json(std::string body) {
    return says("application/json", std::move(body));
}

McpScript::Say stream(const std::string& events) {
    return verbatim("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: " +
                    std::to_string(events.size()) + "\r\n\r\n" + events);
}

/// An InitializeResult that offers `version`.
std::string offers(const std::string& version) {
    return R"({"protocolVersion":")" + version +
           R"(","capabilities":{},"serverInfo":{"name":"s","version":"1"}})";
}

std::string unsupported(const RawRequest& request, int code, const char* versions) {
    return http(400,
                "application/json",
                R"({"jsonrpc":"2.0","id":)" + std::to_string(request.rpc_id) +
                    R"(,"error":{"code":)" + std::to_string(code) +
                    R"(,"message":"Unsupported protocol version","data":{"supported":)" + versions +
                    "}}}");
}

std::vector<ReasonRow> message_rows() {
    const RowFacts ok{.http_status = 200};
    return {
        list_row(Reason::protocol_invalid_json, "a body that is not JSON", json("<html>"), ok),
        list_row(Reason::protocol_invalid_json, "a body that is not UTF-8", json("\"\xFF\""), ok),
        list_row(Reason::protocol_invalid_json, "an event that is not JSON", stream("data: {\n\n")),
        list_row(Reason::protocol_invalid_json,
                 "gzip, although we ask for identity",
                 verbatim(http(200,
                               "application/json",
                               std::string("\x1f\x8b\x08\0\0\0\0\0\0\3", 10),
                               "Content-Encoding: gzip\r\n"))),
        list_row(Reason::protocol_invalid_message, "JSON that is no JSON-RPC", json("{}"), ok),
        list_row(Reason::protocol_id_mismatch,
                 "an answer to another id",
                 json(R"({"jsonrpc":"2.0","id":"2","result":{}})"),
                 ok),
        list_row(Reason::protocol_no_response, "an empty body", json(""), ok),
        list_row(Reason::protocol_no_response, "an event stream of comments", stream(": hi\n\n")),
        list_row(Reason::protocol_no_response,
                 "an event without the blank line behind it",
                 stream(R"(data: {"jsonrpc":"2.0","id":3,"result":{}})"
                        "\n")),
        list_row(Reason::protocol_invalid_result, "a list without `tools`", result("{}"), ok),
        list_row(Reason::protocol_invalid_result, "a result that is no object", result("7"), ok),
        list_row(Reason::protocol_invalid_result,
                 "a tool without inputSchema",
                 result(R"({"tools":[{"name":"a"}]})"),
                 ok),
        legacy_row(Reason::protocol_invalid_result,
                   Phase::initialize,
                   "a session id with a space",
                   "initialize",
                   [](const RawRequest& request) {
                       return rpc_result(request, kInitializeResult, "Mcp-Session-Id: a b\r\n");
                   }),
        {Reason::protocol_invalid_result,
         Verdict::fail,
         Phase::tools_list,
         Provoker::scripted,
         "an unknown resultType",
         [](ReasonBench& bench) {
             return bench.probe_modern("tools/list",
                                       result(R"({"resultType":"partial","tools":[]})"));
         },
         ok},
        list_row(Reason::protocol_error,
                 "JSON-RPC error -32603",
                 error(200, -32603, "Not connected"),
                 {.http_status = 200, .rpc_code = -32603}),
        legacy_row(Reason::protocol_error,
                   Phase::initialize,
                   "JSON-RPC error 401 to initialize",
                   "initialize",
                   error(200, 401),
                   {.http_status = 200, .rpc_code = 401}),
        legacy_row(Reason::protocol_header_mismatch,
                   Phase::tools_list,
                   "JSON-RPC error -32020",
                   "tools/list",
                   error(400, -32020),
                   {.http_status = 400, .rpc_code = -32020}),
    };
}

ReasonRow version_row(
    Verdict verdict, Phase phase, std::string how, const char* method, McpScript::Say say) {
    auto row = legacy_row(
        Reason::protocol_version_unsupported, phase, std::move(how), method, std::move(say));
    row.verdict = verdict;
    return row;
}

std::vector<ReasonRow> version_rows() {
    return {
        version_row(Verdict::degraded,
                    Phase::initialize,
                    "the server's latest is older than ours",
                    "initialize",
                    result(offers("2023-06-01"))),
        version_row(Verdict::unknown,
                    Phase::initialize,
                    "the server's latest is newer than ours",
                    "initialize",
                    result(offers("2031-06-01"))),
        version_row(Verdict::unknown,
                    Phase::discover,
                    "-32022 with versions newer than ours",
                    "server/discover",
                    [](const RawRequest& request) {
                        return unsupported(request, -32022, R"(["2031-06-01"])");
                    }),
        version_row(Verdict::degraded,
                    Phase::initialize,
                    "-32602 with versions older than ours",
                    "initialize",
                    [](const RawRequest& request) {
                        return unsupported(request, -32602, R"(["2023-06-01"])");
                    }),
        {Reason::protocol_version_unsupported,
         Verdict::degraded,
         Phase::initialize,
         Provoker::real,
         "the lab's modern-only server, asked in the legacy era alone",
         [](ReasonBench& bench) {
             return bench.probe_lab(
                 "modern", "up", [](ProbeRequest& request) { request.era = EraMode::legacy; });
         },
         {.rpc_code = -32022}},
    };
}

/// Forced HTTP+SSE at a server whose stream begins with `events`.
ReasonRow sse_row(std::string how, std::string events) {
    return {Reason::protocol_sse_endpoint_invalid,
            Verdict::fail,
            Phase::sse_open,
            Provoker::scripted,
            std::move(how),
            [events = std::move(events)](ReasonBench& bench) {
                return bench.probe_legacy(
                    "GET",
                    verbatim("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + events),
                    [](ProbeRequest& request) { request.era = EraMode::sse; });
            },
            {.http_status = 200}};
}

}  // namespace

std::vector<ReasonRow> protocol_rows() {
    std::vector<ReasonRow> rows{
        sse_row("the first event is no `endpoint`", "event: hello\ndata: x\n\n"),
        sse_row("the endpoint is another origin",
                "event: endpoint\ndata: http://example.com/messages\n\n"),
        sse_row("the endpoint is no URL", "event: endpoint\ndata: http://[\n\n"),
        list_row(Reason::protocol_session_lost,
                 "HTTP 404 to each fresh session",
                 status(404),
                 {.http_status = 404}),
        list_row(Reason::protocol_session_lost,
                 "HTTP 400 with session wording to each fresh session",
                 error(400, -32000, "Bad Request: No valid session ID provided"),
                 {.http_status = 400, .rpc_code = -32000}),
    };
    for (auto& more : {message_rows(), version_rows()})
        for (const auto& row : more)
            rows.push_back(row);
    return rows;
}

}  // namespace quorate
