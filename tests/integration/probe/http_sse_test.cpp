// HTTP+SSE of 2024-11-05: a stream on GET, messages by POST, answers on the stream.
#include <atomic>
#include <functional>

#include <gtest/gtest.h>

#include "tests/integration/probe/event_stream.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

constexpr std::string_view kSseInitializeResult =
    R"({"protocolVersion":"2024-11-05","capabilities":{"tools":{}},)"
    R"("serverInfo":{"name":"sse","version":"1"}})";
const std::string kAccepted = http(202, "text/plain", "Accepted");
/// A 202 whose body never ends.
const std::string kAcceptedForEver =
    "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nAccepted\r\n";

/// When a message that has an answer is accepted.
enum class Accepts { before_it_answers, behind_the_whole_answer, never };

class HttpSseServer {
public:
    std::string endpoint = "/messages?sessionId=1";
    std::string first_says;    ///< in place of accepting the first message
    bool always_says = false;  ///< or any
    std::string redirects_to;  ///< from /sse, with `redirect_status`
    int redirect_status = 0;
    Accepts accepts = Accepts::before_it_answers;
    std::string accepted = kAccepted;
    std::string tools{kToolsResult};
    std::string comment;  ///< on the stream in place of an answer to tools/list
    bool pings = false;   ///< before it accepts tools/list, and accepts it once that is answered

    void operator()(RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            if (request.method() == "GET") {
                if (!is_redirected(request)) return serve_stream(connection);
                connection.send(
                    http(redirect_status, "", "", "Location: " + redirects_to + "\r\n"));
                continue;
            }
            if (request.head.find("/messages") == std::string::npos) {
                connection.send(http(404, "text/html", "Cannot POST"));
                continue;
            }
            if (!serve_message(connection, request)) return;
        }
    }

    /// Nobody listens any more.
    void finish() { says_.put(std::string{kNoMore}); }
    void forget() {
        says_.clear();
        said_.clear();
    }

private:
    bool is_redirected(const RawRequest& request) const {
        return !redirects_to.empty() && request.head.find("/sse ") != std::string::npos;
    }

    /// @return whether the connection goes on
    bool serve_message(RawConnection& connection, const RawRequest& request) {
        const bool redirected = request.head.find("/messages/") != std::string::npos;
        if (!first_says.empty() && !redirected && (always_says || messages_++ == 0)) {
            if (first_says.find("Location") == std::string::npos) end_stream();
            connection.send(first_says);
            return true;
        }
        const bool is_pong = request.rpc_method.empty();
        if (is_pong) ponged_.put("ponged");
        if (is_pong || request.rpc_id == 0) return connection.send(accepted);
        const bool lists = request.rpc_method == "tools/list";
        const auto answer =
            event(result(request.rpc_id, lists ? tools : kSseInitializeResult), "event: message\n");
        if (lists && pings) {
            say(event(R"({"jsonrpc":"2.0","id":1,"method":"ping"})"));
            if (ponged_.take().empty()) return false;
        }
        if (lists && !comment.empty()) {
            say(comment);
            say(std::string{kNoMore});
            connection.send(http(404, "text/plain", "Could not find session"));
            return true;
        }
        if (accepts == Accepts::before_it_answers) connection.send(accepted);
        say(answer);
        if (accepts == Accepts::behind_the_whole_answer) connection.send(accepted);
        if (accepts == Accepts::never) connection.wait_for_close();
        return accepts != Accepts::never;
    }

    void serve_stream(RawConnection& connection) {
        connection.send(kStream + "event: endpoint\ndata: " + endpoint + "\n\n");
        while (true) {
            const auto text = says_.take();
            if (text.empty()) return connection.wait_for_close();
            if (text != kEnd && text != kNoMore) connection.send(text);
            said_.put("said");
            if (text == kEnd) return;
            if (text == kNoMore) return connection.wait_for_close();
        }
    }
    /// Says it on the stream, and waits until the kernel has taken it all.
    void say(const std::string& text) {
        says_.put(text);
        said_.take();
    }
    /// Ends the one that is open, lest it takes what is for its successor.
    void end_stream() { say(std::string{kEnd}); }

    static constexpr std::string_view kEnd = "end";
    static constexpr std::string_view kNoMore = "no more";  ///< it stays open
    Mailbox says_;
    Mailbox said_;
    Mailbox ponged_;
    std::atomic<int> messages_ = 0;
};

using Tweak = std::function<void(ProbeRequest&)>;
const Tweak kForced = [](ProbeRequest& request) { request.era = EraMode::sse; };
const Tweak kUnknown = [](ProbeRequest& request) { request.era_hint.reset(); };

/// One attempt, at a server that is taken for one of HTTP+SSE.
ProbeRequest forced_once(const std::string& url) {
    auto request = request_for(url);
    request.retry = false;
    kForced(request);
    return request;
}

/// One attempt, at a server of which it is known that it speaks HTTP+SSE.
ProbeReport report_of(HttpSseServer& script, const Tweak& tweak = {}) {
    ProbeReport report;
    {
        RawServer server{std::ref(script)};
        ProbeHarness harness;
        auto request = request_for(server.url("/sse"));
        request.retry = false;
        request.era_hint = Era::sse;
        if (tweak) tweak(request);
        report = harness.probe(request);
        script.finish();
    }
    script.forget();
    return report;
}

TEST(ProbeHttpSse, TheAnswerCountsAlsoWhereItsMessageIsNeverAccepted) {
    HttpSseServer script;
    script.accepts = Accepts::never;
    const auto report = report_of(script);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.tools->count, 1U);
    EXPECT_LT(report.timings.total.value_or(0), 1'000'000U);
}

TEST(ProbeHttpSse, AMessageIsAcceptedByTheHeadAlone) {
    HttpSseServer script;
    script.accepted = kAcceptedForEver;
    const auto report = report_of(script);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_LT(report.timings.total.value_or(0), 1'000'000U);
}

TEST(ProbeHttpSse, AnAnswerThatFillsTheStreamIsReadBeforeItsMessageIsAccepted) {
    HttpSseServer script;
    script.accepts = Accepts::behind_the_whole_answer;
    const std::string text(2000, 'x');  // 7 MB in all, within the bound of a line
    script.tools = R"({"tools":[)";
    for (int i = 0; i < 3500; ++i)
        script.tools += std::string{i == 0 ? "" : ","} + R"({"name":"t)" + std::to_string(i) +
                        R"(","description":")" + text + R"(","inputSchema":{"type":"object"}})";
    script.tools += "]}";
    const auto report = report_of(
        script, [](ProbeRequest& request) { request.timeout = std::chrono::seconds{20}; });
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    ASSERT_TRUE(report.tools);
    EXPECT_EQ(report.tools->count, 3500U);
}

TEST(ProbeHttpSse, ThePingOfAServerIsAnsweredWhileAMessageIsNotAcceptedYet) {
    HttpSseServer script;
    script.pings = true;
    const auto report = report_of(script);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_FALSE(report.warnings.has(Warning::unexpected_server_request));
}

TEST(ProbeHttpSse, WhatARefusedMessageSaysDecidesWhateverTheStreamSaysMeanwhile) {
    HttpSseServer script;
    script.comment = ": ping\n\n";
    const auto report = report_of(script);
    EXPECT_EQ(name_or_none(report.reason), "protocol_session_lost") << report.detail;
    EXPECT_EQ(name_or_none(report.phase), "tools_list");
    EXPECT_EQ(report.http_status, 404);
}

TEST(ProbeHttpSse, NeitherAcceptedNorAnsweredIsTimeoutHeaders) {
    RawServer server{[](RawConnection& connection) {
        RawRequest request;
        if (!connection.read(request)) return;
        if (request.method() == "GET")
            connection.send(kStream + "event: endpoint\ndata: /messages\n\n");
        connection.wait_for_close();
    }};
    ProbeHarness harness;
    auto request = forced_once(server.url("/sse"));
    request.timeout = milliseconds{400};
    const auto report = harness.probe(request);
    EXPECT_EQ(name_or_none(report.reason), "timeout_headers") << report.detail;
    EXPECT_EQ(name_or_none(report.phase), "initialize");
}

TEST(ProbeHttpSse, AStreamThatEndsBehindAnAcceptedMessageIsNoResponse) {
    Mailbox ends;
    RawServer server{[&](RawConnection& connection) {
        RawRequest request;
        if (!connection.read(request)) return;
        if (request.method() == "GET") {
            connection.send(kStream + "event: endpoint\ndata: /messages\n\n");
            ends.take();
            return;
        }
        connection.send(kAccepted);
        ends.put("now");
        connection.wait_for_close();
    }};
    ProbeHarness harness;
    const auto report = harness.probe(forced_once(server.url("/sse")));
    EXPECT_EQ(name_or_none(report.reason), "protocol_no_response") << report.detail;
    EXPECT_EQ(name_or_none(report.phase), "initialize");
}

TEST(ProbeHttpSse, TheStreamFollowsRedirectsAsAnyGetDoes) {
    for (const int status : {301, 302, 303, 307, 308}) {
        HttpSseServer script;
        script.redirects_to = "/sse/";
        script.redirect_status = status;
        const auto report = report_of(script, kForced);
        EXPECT_EQ(report.verdict, Verdict::up) << status << ": " << report.detail;
        EXPECT_TRUE(report.warnings.has(Warning::redirect_followed));
        EXPECT_TRUE(report.final_url.ends_with("/sse/")) << report.final_url;
    }
    HttpSseServer script;
    script.redirects_to = "http://127.0.0.1:1/sse/";
    script.redirect_status = 302;
    EXPECT_EQ(name_or_none(report_of(script, kForced).reason), "redirect_refused");
}

TEST(ProbeHttpSse, ASessionOfTheOldTransportThatIsLostIsOpenedAnewOnce) {
    for (const auto& says : {http(404, "text/plain", "Could not find session"),
                             http(400, "text/plain", "No transport found for sessionId")}) {
        HttpSseServer script;
        script.first_says = says;
        const auto recovered = report_of(script);
        EXPECT_EQ(recovered.verdict, Verdict::up) << recovered.detail;
        EXPECT_EQ(recovered.era, Era::sse);
        EXPECT_GT(recovered.timings.sse_open.value_or(0), 0U);
        EXPECT_LE(*recovered.timings.sse_open, *recovered.timings.total);
        EXPECT_TRUE(recovered.warnings.has(Warning::session_recovered));
        script.always_says = true;
        const auto lost = report_of(script);
        EXPECT_EQ(name_or_none(lost.reason), "protocol_session_lost");
        EXPECT_EQ(lost.verdict, Verdict::fail);
    }
}

TEST(ProbeHttpSse, AnEndpointEventThatLeadsNowhereIsAWrongPath) {
    HttpSseServer script;
    script.first_says = http(404, "text/html", "Cannot POST /messages");
    script.always_says = true;
    const auto report = report_of(script);
    EXPECT_EQ(name_or_none(report.reason), "http_not_found");
    EXPECT_EQ(name_or_none(report.phase), "initialize");
}

TEST(ProbeHttpSse, ABotWallInFrontOfTheOldTransportIsNoAcceptedMessage) {
    HttpSseServer script;
    script.first_says = http(202, "", "", "x-amzn-waf-action: challenge\r\n");
    script.always_says = true;
    const auto report = report_of(script);
    EXPECT_EQ(name_or_none(report.reason), "blocked") << report.detail;
    EXPECT_EQ(report.verdict, Verdict::auth);
}

TEST(ProbeHttpSse, AMessageOfTheOldTransportFollowsARedirect) {
    HttpSseServer script;
    script.first_says = http(307, "", "", "Location: /messages/?sessionId=1\r\n");
    const auto report = report_of(script);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.has(Warning::redirect_followed));
    EXPECT_EQ(report.final_url, "");  // the endpoint's own did not move
}

TEST(ProbeHttpSse, TheOldTransportIsFoundByTheFallback) {
    HttpSseServer script;
    const auto report = report_of(script, kUnknown);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, Era::sse);
    EXPECT_EQ(report.protocol_version, "2024-11-05");
    EXPECT_TRUE(report.warnings.has(Warning::legacy_transport));
    EXPECT_EQ(report.tools->names, std::vector<std::string>{"echo"});
}

TEST(ProbeHttpSse, AnEndpointOfAnotherOriginIsRefused) {
    HttpSseServer script;
    script.endpoint = "http://127.0.0.1:1/messages";
    const auto forced = report_of(script, kForced);
    EXPECT_EQ(name_or_none(forced.reason), "protocol_sse_endpoint_invalid");
    EXPECT_EQ(name_or_none(forced.phase), "sse_open");
    const auto automatic = report_of(script, kUnknown);
    EXPECT_EQ(name_or_none(automatic.reason), "http_not_found");  // what initialize got
    EXPECT_EQ(name_or_none(automatic.phase), "initialize");
    EXPECT_EQ(automatic.http_status, 404);
}

}  // namespace
}  // namespace quorate
