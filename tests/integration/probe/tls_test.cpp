#include <functional>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tests/integration/probe/certificates.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

/// Whether what the server says is held back until it is let go, or the connection closed.
void cork(const ssl_st* ssl, int held) {
    ::setsockopt(SSL_get_fd(ssl), IPPROTO_TCP, TCP_CORK, &held, sizeof held);
}

class ProbeTls : public testing::Test {
protected:
    /// The report of one attempt at a sound server behind such a certificate.
    ProbeReport report_of(const CertificatePlan& plan,
                          bool trusted = true,
                          const char* host = nullptr) {
        const auto context = authority_.server(plan);
        McpScript script;
        RawServer server{std::ref(script), context.get()};
        auto request = request_for(server.url());
        if (host != nullptr)
            request.url =
                "https://" + std::string{host} + ":" + std::to_string(server.port()) + "/mcp";
        if (trusted) request.ca_file = authority_.ca_file();
        request.retry = false;
        return harness_.probe(request);
    }

    TestAuthority authority_;
    ProbeHarness harness_;
};

TEST_F(ProbeTls, AVerifiedServerIsUpAndItsCertificateIsTold) {
    const auto report = report_of({});
    ASSERT_EQ(report.verdict, Verdict::up) << report.detail;
    ASSERT_TRUE(report.tls);
    EXPECT_EQ(report.tls->version, "TLSv1.3");
    EXPECT_EQ(report.tls->verify_code, 0);
    EXPECT_EQ(report.tls->issuer, "CN=Quorate test authority");
    ASSERT_TRUE(report.tls->not_after);
    EXPECT_EQ(report.tls->not_after, report.tls->earliest_not_after);
    EXPECT_GT(report.timings.tls.value_or(0), 0U);
    EXPECT_FALSE(report.warnings.has(Warning::tls_cert_expiring));
}

TEST_F(ProbeTls, TheTimeOfNoPhaseIsLost) {
    // However quickly the peer answers: one on this machine may have by the time that our own call
    // returns.
    const auto context = authority_.server({});
    McpScript script;
    RawServer server{std::ref(script), context.get()};
    auto request = request_for(server.url());
    request.ca_file = authority_.ca_file();
    request.retry = false;
    for (int i = 0; i < 60; ++i) {
        const auto timings = harness_.probe(request).timings;
        EXPECT_GT(timings.tls.value_or(0), 0U);
        EXPECT_GT(timings.discover.value_or(0), 0U);
        EXPECT_GT(timings.initialize.value_or(0), 0U);
        EXPECT_GT(timings.tools_list.value_or(0), 0U);
        EXPECT_GE(timings.total.value_or(0),
                  timings.tls.value_or(0) + timings.discover.value_or(0) +
                      timings.initialize.value_or(0) + timings.tools_list.value_or(0));
    }
}

TEST_F(ProbeTls, AnAddressIsVerifiedAsAnAddress) {
    EXPECT_EQ(report_of({.name = "IP:127.0.0.1"}, true, "127.0.0.1").verdict, Verdict::up);
    const auto report = report_of({.name = "localhost"}, true, "127.0.0.1");
    EXPECT_EQ(name_or_none(report.reason), "tls_cert_hostname_mismatch");
    EXPECT_EQ(report.tls->verify_code, 64);
}

TEST_F(ProbeTls, TheDotAtTheEndOfANameIsNoPartOfIt) {
    const auto context = authority_.server({.name = "mcp.example.com"});
    McpScript script;
    RawServer server{std::ref(script), context.get()};
    auto request =
        request_for("https://mcp.example.com.:" + std::to_string(server.port()) + "/mcp");
    request.overrides = {{"mcp.example.com.", server.port(), "127.0.0.1"}};
    request.guard.allow_private = true;
    request.ca_file = authority_.ca_file();
    const auto report = harness_.probe(request);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
}

TEST_F(ProbeTls, ACertificateNearItsEndIsAWarning) {
    const auto report = report_of({.valid_until_days = 5});
    EXPECT_EQ(report.verdict, Verdict::up);
    EXPECT_TRUE(report.warnings.has(Warning::tls_cert_expiring));
}

TEST_F(ProbeTls, APeerThatDoesNotSpeakTlsFailsTheHandshake) {
    RawServer server{[](RawConnection& connection) {
        connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        connection.wait_for_close();
    }};
    auto request = request_for("https://localhost:" + std::to_string(server.port()) + "/");
    request.retry = false;
    const auto report = harness_.probe(request);
    EXPECT_EQ(name_or_none(report.reason), "tls_handshake_failed");
}

TEST_F(ProbeTls, APeerThatSaysNothingIsTimeoutTls) {
    RawServer server{[](RawConnection& connection) { connection.wait_for_close(); }};
    auto request = request_for("https://localhost:" + std::to_string(server.port()) + "/");
    request.retry = false;
    request.timeout = milliseconds{400};
    const auto report = harness_.probe(request);
    EXPECT_EQ(name_or_none(report.reason), "timeout_tls");
    EXPECT_EQ(name_or_none(report.phase), "tls");
}

TEST_F(ProbeTls, APeerThatClosesFailsTheHandshakeAndOneThatResetsIsReset) {
    for (const bool resets : {false, true}) {
        RawServer server{[resets](RawConnection& connection) {
            if (resets) connection.reset();
        }};
        // One address alone: an RST in time ends connect() already, and then the next had its turn.
        auto request = request_for("https://127.0.0.1:" + std::to_string(server.port()) + "/");
        request.retry = false;
        const auto report = harness_.probe(request);
        const bool named = name_or_none(report.reason) == "tls_handshake_failed" ||
                           name_or_none(report.reason) == "connection_reset";
        EXPECT_TRUE(named) << name_or_none(report.reason);
        EXPECT_EQ(report.verdict, Verdict::fail);
    }
}

TEST_F(ProbeTls, ACanaryGoesOnAConnectionThatIsOpenAndNoOther) {
    struct Row {
        const char* behind_the_answer;
        bool tickets;
        bool goodbye;
        bool closes;
        int connections;
    };
    for (const auto& row : {Row{"tickets", true, false, false, 1},
                            Row{"tickets, then close_notify", true, true, false, 2},
                            Row{"close_notify", false, true, false, 2},
                            Row{"close_notify and FIN", false, true, true, 2},
                            Row{"FIN", false, false, true, 2}}) {
        SCOPED_TRACE(row.behind_the_answer);
        const auto context = authority_.server({});
        McpScript script;
        script.on("tools/call",
                  [](auto& request) { return rpc_result(request, R"({"content":[]})"); });
        RawServer server{[&](RawConnection& connection) {
                             if (!script.serve_until(connection, "tools/list")) return;
                             const auto answer = rpc_result(script.requests().back(), kToolsResult);
                             auto* ssl = connection.tls();
                             // In one piece: who has the answer has what comes behind it.
                             cork(ssl, 1);
                             connection.send(answer);
                             if (row.tickets && SSL_new_session_ticket(ssl) == 1)
                                 SSL_do_handshake(ssl);
                             if (row.goodbye) SSL_shutdown(ssl);
                             if (row.closes) return;
                             cork(ssl, 0);
                             script(connection);
                         },
                         context.get()};
        auto request = request_for(server.url());
        request.ca_file = authority_.ca_file();
        request.canary = Canary{"echo", "{}", {}, true};
        request.era_hint = Era::legacy;
        request.retry = false;
        const auto report = harness_.probe(request);
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
        EXPECT_EQ(server.connections(), row.connections);
    }
}

TEST_F(ProbeTls, AHealthUrlMayBeTlsWhereTheEndpointIsNot) {
    const auto context = authority_.server({});
    McpScript health;
    health.on("GET", [](const RawRequest&) { return http(200, "text/plain", "ok"); });
    RawServer health_server{std::ref(health), context.get()};
    McpScript script;
    RawServer server{std::ref(script)};
    auto request = request_for(server.url());
    request.health_url = health_server.url("/health");
    ASSERT_EQ(request.health_url.rfind("https://", 0), 0U);
    request.ca_file = authority_.ca_file();
    auto report = harness_.probe(request);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    ASSERT_TRUE(report.health);
    EXPECT_EQ(report.health->status, 200);
    EXPECT_EQ(script.count("DELETE"), 1);

    // What throws on our side there decides nothing and skips no cleanup.
    request.ca_file = "/nonexistent/ca.pem";
    report = harness_.probe(request);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    ASSERT_TRUE(report.health);
    EXPECT_FALSE(report.health->status);
    EXPECT_EQ(script.count("DELETE"), 2);
}

TEST_F(ProbeTls, AFileThatHoldsNoAuthorityIsOurTrouble) {
    auto request = request_for("https://localhost:1/");
    request.ca_file = "/nonexistent/ca.pem";
    const auto report = harness_.probe(request);
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_NE(report.detail.find("/nonexistent/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace quorate
