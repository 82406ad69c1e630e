// Rows of time and of HTTP, in the phase of the step that asked.
#include "tests/integration/probe/reason_bench.hpp"

namespace quorate {
namespace {

const std::string kJsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const std::string kStreamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

/// A legacy server whose tools/list says `say`.
ReasonRow list_row(
    Reason reason, std::string how, McpScript::Say say, RowFacts facts = {}, Tweak tweak = {}) {
    return {reason,
            verdict_of(reason),
            Phase::tools_list,
            Provoker::scripted,
            std::move(how),
            [say = std::move(say), tweak = std::move(tweak)](ReasonBench& bench) {
                return bench.probe_legacy("tools/list", say, tweak);
            },
            facts};
}

ReasonRow status_row(Reason reason, int code, std::string how = {}) {
    if (how.empty()) how = "HTTP " + std::to_string(code);
    return list_row(
        reason, std::move(how), status(code), {.http_status = static_cast<std::uint16_t>(code)});
}

/// A legacy server that begins its answer to tools/list so, and then closes.
ReasonRow cut_row(Reason reason, std::string how, std::string begin) {
    return {reason,
            Verdict::fail,
            Phase::tools_list,
            Provoker::scripted,
            std::move(how),
            [begin = std::move(begin)](ReasonBench& bench) {
                McpScript script;
                return bench.probe_raw([&](RawConnection& connection) {
                    script.serve_until(connection, "tools/list");
                    connection.send(begin);
                });
            },
            {.http_status = 200}};
}

void hurry(ProbeRequest& request) {
    request.timeout = milliseconds{1500};
}

std::vector<ReasonRow> malformed_rows() {
    return {
        list_row(Reason::http_malformed,
                 "another protocol's greeting",
                 verbatim("SSH-2.0-OpenSSH_9.2p1\r\n\r\n")),
        list_row(Reason::http_malformed,
                 "a cookie of 1 MiB",
                 verbatim(kJsonHead + "Set-Cookie: a=" + std::string(1U << 20U, 'x') + "\r\n\r\n")),
        cut_row(Reason::response_truncated,
                "FIN before Content-Length is reached",
                kJsonHead + "Content-Length: 400\r\n\r\n{\"jsonrpc\""),
        cut_row(Reason::response_truncated,
                "FIN before the last chunk",
                kJsonHead + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n"),
        list_row(Reason::response_too_large,
                 "Content-Length of 32 MiB and one byte",
                 verbatim(kJsonHead + "Content-Length: 33554433\r\n\r\n"),
                 {.http_status = 200}),
        list_row(Reason::response_too_large,
                 "arrays 129 deep",
                 says("application/json", std::string(129, '[') + std::string(129, ']')),
                 {.http_status = 200}),
        list_row(Reason::http_unexpected_content_type,
                 "a web page",
                 says("text/html", "<html>parked</html>"),
                 {.http_status = 200}),
        {Reason::http_unexpected_content_type,
         Verdict::fail,
         Phase::discover,
         Provoker::real,
         "the lab's state `html`",
         [](ReasonBench& bench) { return bench.probe_lab("modern", "html"); },
         {.http_status = 200}},
    };
}

std::vector<ReasonRow> redirect_rows() {
    const auto to = [](int code, const std::string& location) {
        return status(code, "Location: " + location + "\r\n");
    };
    std::vector<ReasonRow> rows;
    for (const int code : {301, 302, 303})
        rows.push_back(list_row(Reason::redirect_refused,
                                "HTTP " + std::to_string(code) + " to a POST",
                                to(code, "/other"),
                                {.http_status = static_cast<std::uint16_t>(code)}));
    rows.push_back(
        list_row(Reason::redirect_refused, "to another origin", to(307, "http://example.com/mcp")));
    rows.push_back(list_row(Reason::redirect_refused, "without a Location", status(308)));
    rows.push_back(list_row(Reason::redirect_refused, "for ever", to(308, "/mcp")));
    rows.push_back({Reason::redirect_refused,
                    Verdict::fail,
                    Phase::discover,
                    Provoker::scripted,
                    "from https to http",
                    [](ReasonBench& bench) {
                        const auto context = bench.authority().server({});
                        McpScript script;
                        const RawServer server{std::ref(script), context.get()};
                        script.on("server/discover",
                                  status(307,
                                         "Location: http://localhost:" +
                                             std::to_string(server.port()) + "/mcp\r\n"));
                        return bench.probe(server.url(), [&](ProbeRequest& request) {
                            request.ca_file = bench.authority().ca_file();
                        });
                    },
                    {.http_status = 307}});
    return rows;
}

}  // namespace

std::vector<ReasonRow> time_rows() {
    return {
        {Reason::timeout_headers,
         Verdict::fail,
         Phase::discover,
         Provoker::real,
         "the lab's state `hang`",
         [](ReasonBench& bench) { return bench.probe_lab("modern", "hang", hurry); }},
        {Reason::timeout_headers,
         Verdict::fail,
         Phase::tools_list,
         Provoker::real,
         "the lab's state `hang-list`",
         [](ReasonBench& bench) {
             return bench.probe_lab("modern", "hang-list", [](ProbeRequest& request) {
                 request.timeout = milliseconds{1500};
             });
         }},
        list_row(Reason::timeout_body,
                 "an event stream with a priming event, a comment and nothing else",
                 verbatim(kStreamHead + "\r\nid: 1\ndata: \n\n: ping\n\n"),
                 {.http_status = 200},
                 hurry),
        list_row(Reason::timeout_body,
                 "half of a body",
                 verbatim(kJsonHead + "Content-Length: 400\r\n\r\n{\"jsonrpc\""),
                 {.http_status = 200},
                 hurry),
        list_row(Reason::timeout_total,
                 "a broken event stream that asks to come back after 60 s",
                 verbatim(kStreamHead + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                                        "1b\r\nid: 1\nretry: 60000\ndata: \n\n\r\n0\r\n\r\n"),
                 {},
                 hurry),
    };
}

std::vector<ReasonRow> http_rows() {
    std::vector<ReasonRow> rows{
        {Reason::http_not_found,
         Verdict::fail,
         Phase::initialize,
         Provoker::real,
         "a path that the lab does not serve",
         [](ReasonBench& bench) {
             return bench.probe_lab(
                 "legacy", "up", [](ProbeRequest& request) { request.url += "/nowhere"; });
         },
         {.http_status = 404}},
        {Reason::http_server_error,
         Verdict::fail,
         Phase::discover,
         Provoker::real,
         "the lab's state `error`",
         [](ReasonBench& bench) { return bench.probe_lab("modern", "error"); },
         {.http_status = 500}},
        {Reason::http_method_not_allowed,
         Verdict::fail,
         Phase::initialize,
         Provoker::scripted,
         "HTTP 405 to every POST and GET",
         [](ReasonBench& bench) {
             return bench.probe_raw([](RawConnection& connection) {
                 for (RawRequest request; connection.read(request);)
                     connection.send(http(405, "", ""));
             });
         },
         {.http_status = 405}},
        list_row(Reason::http_server_error,
                 "HTTP 500 whose body never ends",
                 verbatim("HTTP/1.1 500 X\r\nContent-Length: 400\r\n\r\n..."),
                 {.http_status = 500},
                 hurry),
        list_row(Reason::http_server_error,
                 "HTTP 500 with a JSON-RPC error",
                 error(500, -32603),
                 {.http_status = 500, .rpc_code = -32603}),
    };
    for (const int code : {400, 406, 409, 410, 413, 415, 421, 426, 499})
        rows.push_back(status_row(Reason::http_client_error, code));
    for (const int code : {501, 505, 529, 599})
        rows.push_back(status_row(Reason::http_server_error, code));
    for (const int code : {502, 520, 521, 523, 525, 526, 530})
        rows.push_back(status_row(Reason::http_bad_gateway, code));
    rows.push_back(status_row(Reason::http_unavailable, 503));
    for (const int code : {504, 522, 524})
        rows.push_back(status_row(Reason::http_gateway_timeout, code));
    for (const int code : {101, 201, 202, 204, 206, 300, 304})
        rows.push_back(status_row(Reason::http_unexpected_status, code));
    for (auto& more : {malformed_rows(), redirect_rows()})
        for (const auto& row : more)
            rows.push_back(row);
    return rows;
}

}  // namespace quorate
