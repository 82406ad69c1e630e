#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/integration/probe/certificates.hpp"
#include "tests/integration/probe/event_stream.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

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

TEST(ProbeStream, WhatCouldStillComeBehindAnAnswerIsInNobodysTime) {
    RawServer server{[](RawConnection& connection) {
        RawRequest request;
        if (!connection.read(request)) return;
        if (request.rpc_method == "initialize")
            connection.send(kStream + event(result(request.rpc_id, kInitializeResult)));
        else if (request.rpc_method == "tools/list")
            connection.send(kStream + event(result(request.rpc_id, kToolsResult)));
        else  // and nothing behind the head
            connection.send("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.wait_for_close();
    }};
    ProbeHarness harness;
    auto request = request_for(server.url());
    request.era_hint = Era::legacy;
    request.retry = false;
    // Twice 25 ms are waited for a rest. Some look is quick, however busy the machine.
    std::uint32_t least = UINT32_MAX;
    for (int i = 0; i < 20 && least >= 25'000U; ++i) {
        const auto report = harness.probe(request);
        ASSERT_EQ(report.verdict, Verdict::up) << report.detail;
        least = std::min(least, report.timings.total.value_or(UINT32_MAX));
    }
    EXPECT_LT(least, 25'000U);
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

/// Keeps back the TLS handshakes of all connections but the first, until it is opened.
class HandshakeGate {
public:
    explicit HandshakeGate(SSL_CTX* context) {
        SSL_CTX_set_client_hello_cb(
            context,
            [](SSL*, int*, void* self) {
                auto& gate = *static_cast<HandshakeGate*>(self);
                if (gate.hellos_++ > 0) gate.opened_.wait(false);
                return SSL_CLIENT_HELLO_SUCCESS;
            },
            this);
    }
    void open() {
        opened_ = true;
        opened_.notify_all();
    }

private:
    std::atomic<int> hellos_ = 0;
    std::atomic<bool> opened_ = false;
};

TEST(ProbeStream, NobodyWaitsUntilTheServersRequestIsAnswered) {
    const TestAuthority authority;
    const auto context = authority.server({});
    HandshakeGate gate{context.get()};
    McpScript script;
    RawServer server{
        [&](RawConnection& connection) {
            if (!script.serve_until(connection, "tools/list")) return gate.open();
            const auto id = script.requests().back().rpc_id;
            connection.send(kStream + event(R"({"jsonrpc":"2.0","id":9,"method":"ping"})"));
            connection.stirs_within(milliseconds{50});
            connection.send(event(result(id, kToolsResult)));
            connection.wait_for_close();
            gate.open();
        },
        context.get()};
    auto request = request_for(server.url());
    request.ca_file = authority.ca_file();
    request.retry = false;
    request.timeout = std::chrono::seconds{4};
    ProbeHarness harness;
    const auto report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_GE(report.timings.tools_list.value_or(0), 50'000U);
    EXPECT_LT(report.timings.tools_list.value_or(0), 1'000'000U);
    EXPECT_EQ(report.peer_address, "127.0.0.1");
    EXPECT_FALSE(report.os_error);
}

TEST(ProbeStream, MoreRequestsOfTheServerThanAreAnsweredAtOnceGetTheirAnswersAllTheSame) {
    constexpr int kRequests = 12;
    std::atomic<int> answered = 0;
    Mailbox all_answered;
    RawServer server{[&](RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            if (request.rpc_method.empty() && request.method() == "POST") {
                connection.send(http(202, "", ""));
                if (++answered == kRequests) all_answered.put("all");
            } else if (request.rpc_method == "tools/list") {
                auto pings = kStream;
                for (int i = 0; i < kRequests; ++i)
                    pings += event(R"({"jsonrpc":"2.0","id":"p)" + std::to_string(i) +
                                   R"(","method":"ping"})");
                connection.send(pings);
                if (!all_answered.take().empty())
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
}

TEST(ProbeStream, ANotificationIsAcceptedByTheHeadAlone) {
    McpScript script;
    script.on("notifications/initialized", [](const RawRequest&) {
        return std::string{"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"};
    });
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    const auto report = harness.probe(request_for(server.url()));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_FALSE(report.retried);
    EXPECT_LT(report.timings.total.value_or(0), 1'000'000U);
}

}  // namespace
}  // namespace quorate
