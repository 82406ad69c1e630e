#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

/// The head of an event stream, which ends with its connection.
const std::string kStream =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

std::string event(std::string_view data, std::string_view before = {}) {
    return std::string{before} + "data: " + std::string{data} + "\n\n";
}

std::string result(std::int64_t id, std::string_view value) {
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"result":)" + std::string{value} +
           "}";
}

/// Wakes the thread of one connection from that of another.
class Mailbox {
public:
    void put(std::string text) {
        const std::lock_guard lock{mutex_};
        text_ = std::move(text);
        changed_.notify_all();
    }
    /// What was put, or nothing after 5 s.
    std::string take() {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, std::chrono::seconds{5}, [&] { return !text_.empty(); });
        return std::exchange(text_, {});
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string text_;
};

/// A legacy server that does `serve_list` for tools/list, and the script's answers otherwise.
ProbeReport report_of(
    const std::function<void(RawConnection&, const RawRequest&)>& serve_list,
    const std::function<void(RawConnection&, const RawRequest&)>& serve_get = {}) {
    RawServer server{[&](RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            if (request.method() == "GET" && serve_get) return serve_get(connection, request);
            if (request.rpc_method == "tools/list") return serve_list(connection, request);
            if (request.rpc_method == "initialize")
                connection.send(rpc_result(request, kInitializeResult));
            else
                connection.send(http(request.rpc_method == "server/discover" ? 400 : 202, "", ""));
        }
    }};
    ProbeHarness harness;
    auto request = request_for(server.url());
    request.retry = false;
    return harness.probe(request);
}

TEST(ProbeStream, TheAnswerMayComeAsAnEventAmongOthers) {
    const auto report = report_of([](RawConnection& connection, const RawRequest& request) {
        connection.send(kStream + ": keep-alive\n\nevent: ping\ndata: {}\n\n" +
                        event(R"({"jsonrpc":"2.0","method":"notifications/progress"})") +
                        event(result(request.rpc_id, kToolsResult), "event: message\r\n"));
        connection.wait_for_close();  // servers need not close
    });
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.tools->count, 1U);
}

TEST(ProbeStream, ABrokenStreamIsResumedBehindItsLastEvent) {
    std::int64_t id = 0;
    std::string last_event_id;
    const auto report = report_of(
        [&](RawConnection& connection, const RawRequest& request) {
            id = request.rpc_id;
            connection.send(kStream + "id: e-7\nretry: 60\ndata: \n\n");
        },
        [&](RawConnection& connection, const RawRequest& request) {
            last_event_id = request.field("Last-Event-ID");
            connection.send(kStream + event(result(id, kToolsResult)));
        });
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(last_event_id, "e-7");
    EXPECT_TRUE(report.warnings.has(Warning::stream_resumed));
    EXPECT_GE(report.timings.tools_list.value_or(0), 60'000U);
}

TEST(ProbeStream, TwoResumesInVainAreNoResponse) {
    int resumes = 0;
    const auto report = report_of(
        [](RawConnection& connection, const RawRequest&) {
            connection.send(kStream + "id: 1\nretry: 10\ndata: \n\n");
        },
        [&](RawConnection& connection, const RawRequest&) {
            ++resumes;
            connection.send(kStream + "id: 2\nretry: 10\ndata: \n\n");
        });
    EXPECT_EQ(name_or_none(report.reason), "protocol_no_response");
    EXPECT_EQ(name_or_none(report.phase), "tools_list");
    EXPECT_EQ(resumes, 2);
}

TEST(ProbeStream, ARetryTimePastTheBudgetIsTimeoutTotal) {
    const auto report = report_of([](RawConnection& connection, const RawRequest&) {
        connection.send(kStream + "id: 1\nretry: 60000\ndata: \n\n");
    });
    EXPECT_EQ(name_or_none(report.reason), "timeout_total");
}

TEST(ProbeStream, AnswersTheServersRequestsWhileItWaits) {
    Mailbox replies;
    RawServer server{[&](RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            if (request.rpc_method.empty() && request.method() == "POST") {
                replies.put(request.body);
                connection.send(http(202, "", ""));
            } else if (request.rpc_method == "tools/list") {
                connection.send(kStream +
                                event(R"({"jsonrpc":"2.0","id":)" + std::to_string(request.rpc_id) +
                                      R"(,"method":"ping"})"));
                const auto pong = replies.take();
                connection.send(event(R"({"jsonrpc":"2.0","id":"r","method":"roots/list"})"));
                const auto refusal = replies.take();
                if (pong.find("\"result\":{}") != std::string::npos &&
                    refusal.find("-32601") != std::string::npos &&
                    refusal.find("\"id\":\"r\"") != std::string::npos)
                    connection.send(event(result(request.rpc_id, kToolsResult)));
                return connection.wait_for_close();
            } else if (request.rpc_method == "initialize") {
                connection.send(rpc_result(request, kInitializeResult));
            } else {
                connection.send(http(request.rpc_method == "server/discover" ? 400 : 202, "", ""));
            }
        }
    }};
    ProbeHarness harness;
    const auto report = harness.probe(request_for(server.url()));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.has(Warning::unexpected_server_request));
}

/// A server of 2024-11-05: the stream on GET, messages by POST, answers on the stream.
class HttpSseServer {
public:
    std::string endpoint = "/messages?sessionId=1";
    std::string first_says;    ///< in place of accepting the first message
    bool always_says = false;  ///< or any

    void operator()(RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            if (request.method() == "GET") return serve_stream(connection);
            if (request.head.find("/messages") == std::string::npos) {
                connection.send(http(404, "text/html", "Cannot POST"));
                continue;
            }
            const bool redirected = request.head.find("/messages/") != std::string::npos;
            if (!first_says.empty() && !redirected && (always_says || messages_++ == 0)) {
                if (first_says.find("Location") == std::string::npos) end_stream();
                connection.send(first_says);
                continue;
            }
            connection.send(http(202, "text/plain", "Accepted"));
            if (request.rpc_id != 0)
                answers_.put(
                    event(result(request.rpc_id,
                                 request.rpc_method == "initialize" ? kResult : kToolsResult),
                          "event: message\n"));
        }
    }

private:
    static constexpr std::string_view kResult =
        R"({"protocolVersion":"2024-11-05","capabilities":{"tools":{}},)"
        R"("serverInfo":{"name":"sse","version":"1"}})";

    void serve_stream(RawConnection& connection) {
        connection.send(kStream + "event: endpoint\ndata: " + endpoint + "\n\n");
        for (int i = 0; i < 2; ++i) {
            const auto text = answers_.take();
            if (text == kEnd) return ended_.put("ended");
            connection.send(text);
        }
        connection.wait_for_close();
    }
    /// Ends the one that is open, lest it takes what is for its successor.
    void end_stream() {
        answers_.put(std::string{kEnd});
        ended_.take();
    }

    static constexpr std::string_view kEnd = "end";
    Mailbox answers_;
    Mailbox ended_;
    std::atomic<int> messages_ = 0;
};

ProbeReport report_of_sse(HttpSseServer& script) {
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    auto request = request_for(server.url("/sse"));
    request.retry = false;
    request.era_hint = Era::sse;
    return harness.probe(request);
}

TEST(ProbeStream, ASessionOfTheOldTransportThatIsLostIsOpenedAnewOnce) {
    for (const auto& says : {http(404, "text/plain", "Could not find session"),
                             http(400, "text/plain", "No transport found for sessionId")}) {
        HttpSseServer script;
        script.first_says = says;
        const auto recovered = report_of_sse(script);
        EXPECT_EQ(recovered.verdict, Verdict::up) << recovered.detail;
        EXPECT_EQ(recovered.era, Era::sse);
        EXPECT_GT(recovered.timings.sse_open.value_or(0), 0U);
        EXPECT_LE(*recovered.timings.sse_open, *recovered.timings.total);
        EXPECT_TRUE(recovered.warnings.has(Warning::session_recovered));
        script.always_says = true;
        const auto lost = report_of_sse(script);
        EXPECT_EQ(name_or_none(lost.reason), "protocol_session_lost");
        EXPECT_EQ(lost.verdict, Verdict::fail);
    }
}

TEST(ProbeStream, AnEndpointEventThatLeadsNowhereIsAWrongPath) {
    HttpSseServer script;
    script.first_says = http(404, "text/html", "Cannot POST /messages");
    script.always_says = true;
    const auto report = report_of_sse(script);
    EXPECT_EQ(name_or_none(report.reason), "http_not_found");
    EXPECT_EQ(name_or_none(report.phase), "initialize");
}

TEST(ProbeStream, ABotWallInFrontOfTheOldTransportIsNoAcceptedMessage) {
    HttpSseServer script;
    script.first_says = http(202, "", "", "x-amzn-waf-action: challenge\r\n");
    script.always_says = true;
    const auto report = report_of_sse(script);
    EXPECT_EQ(name_or_none(report.reason), "blocked") << report.detail;
    EXPECT_EQ(report.verdict, Verdict::auth);
}

TEST(ProbeStream, AMessageOfTheOldTransportFollowsARedirect) {
    HttpSseServer script;
    script.first_says = http(307, "", "", "Location: /messages/?sessionId=1\r\n");
    const auto report = report_of_sse(script);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.has(Warning::redirect_followed));
    EXPECT_EQ(report.final_url, "");  // the endpoint's own did not move
}

TEST(ProbeStream, TheOldTransportIsFoundByTheFallback) {
    HttpSseServer script;
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    const auto report = harness.probe(request_for(server.url("/sse")));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, Era::sse);
    EXPECT_EQ(report.protocol_version, "2024-11-05");
    EXPECT_TRUE(report.warnings.has(Warning::legacy_transport));
    EXPECT_EQ(report.tools->names, std::vector<std::string>{"echo"});
}

TEST(ProbeStream, AnEndpointOfAnotherOriginIsRefused) {
    HttpSseServer script;
    script.endpoint = "http://127.0.0.1:1/messages";
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    auto request = request_for(server.url("/sse"));
    request.retry = false;
    request.era = EraMode::sse;
    const auto forced = harness.probe(request);
    EXPECT_EQ(name_or_none(forced.reason), "protocol_sse_endpoint_invalid");
    EXPECT_EQ(name_or_none(forced.phase), "sse_open");
    request.era = EraMode::automatic;
    const auto automatic = harness.probe(request);
    EXPECT_EQ(name_or_none(automatic.reason), "http_not_found");  // what initialize got
    EXPECT_EQ(name_or_none(automatic.phase), "initialize");
    EXPECT_EQ(automatic.http_status, 404);
}

}  // namespace
}  // namespace quorate
