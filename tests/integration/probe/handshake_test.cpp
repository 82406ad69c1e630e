#include <functional>
#include <mutex>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/integration/probe/certificates.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

/// What a client said in its first message.
struct Hello {
    std::string server_name;
    std::string protocols;  ///< of ALPN, as on the wire
    bool offers_session_ticket = false;
    bool offers_psk = false;
    bool asks_for_staple = false;
};

/// Keeps the hellos that a server context gets.
class HelloLog {
public:
    explicit HelloLog(SSL_CTX* context) {
        SSL_CTX_set_client_hello_cb(
            context,
            [](SSL* ssl, int*, void* self) {
                static_cast<HelloLog*>(self)->keep(ssl);
                return SSL_CLIENT_HELLO_SUCCESS;
            },
            this);
    }
    std::vector<Hello> hellos() {
        const std::lock_guard lock{mutex_};
        return hellos_;
    }

private:
    static std::string extension(SSL* ssl, unsigned type, bool& there) {
        const unsigned char* bytes = nullptr;
        std::size_t size = 0;
        there = SSL_client_hello_get0_ext(ssl, type, &bytes, &size) == 1;
        return there ? std::string{reinterpret_cast<const char*>(bytes), size} : std::string{};
    }
    void keep(SSL* ssl) {
        Hello hello;
        bool there = false;
        // List length, type, name length, name (RFC 6066 section 3).
        const auto name = extension(ssl, TLSEXT_TYPE_server_name, there);
        if (name.size() > 5) hello.server_name = name.substr(5);
        hello.protocols = extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, there);
        extension(ssl, TLSEXT_TYPE_session_ticket, hello.offers_session_ticket);
        extension(ssl, TLSEXT_TYPE_psk, hello.offers_psk);
        extension(ssl, TLSEXT_TYPE_status_request, hello.asks_for_staple);
        const std::lock_guard lock{mutex_};
        hellos_.push_back(std::move(hello));
    }

    std::mutex mutex_;
    std::vector<Hello> hellos_;
};

class ProbeHandshake : public testing::Test {
protected:
    ProbeRequest request_at(const RawServer& server) {
        auto request = request_for("https://localhost:" + std::to_string(server.port()) + "/mcp");
        request.ca_file = authority_.ca_file();
        request.retry = false;
        return request;
    }

    TestAuthority authority_;
    McpScript script_;
    ProbeHarness harness_;
};

TEST_F(ProbeHandshake, ANameGoesOutAsSniAndAnAddressDoesNot) {
    const auto context = authority_.server({.name = "localhost,IP:127.0.0.1,DNS:mcp.example.test"});
    HelloLog log{context.get()};
    RawServer server{std::ref(script_), context.get()};
    auto request = request_at(server);
    request.overrides = {{"mcp.example.test", server.port(), "127.0.0.1"},
                         {"mcp.example.test.", server.port(), "127.0.0.1"}};
    request.guard.allow_private = true;
    const std::pair<const char*, const char*> rows[] = {
        {"localhost", "localhost"},
        {"127.0.0.1", ""},
        {"mcp.example.test", "mcp.example.test"},
        {"MCP.Example.TEST", "mcp.example.test"},
        {"mcp.example.test.", "mcp.example.test"},
    };
    for (const auto& [host, sni] : rows) {
        request.url = "https://" + std::string{host} + ":" + std::to_string(server.port()) + "/mcp";
        const auto report = harness_.probe(request);
        EXPECT_EQ(report.verdict, Verdict::up) << host << ": " << report.detail;
        EXPECT_EQ(log.hellos().back().server_name, sni) << host;
        EXPECT_EQ(log.hellos().back().protocols, std::string("\0\x09\x08http/1.1", 11));
        EXPECT_TRUE(log.hellos().back().asks_for_staple);
    }
}

TEST_F(ProbeHandshake, EveryProbeIsColdAlsoWhereTheServerGivesTickets) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const auto context = authority_.server({});
        SSL_CTX_set_max_proto_version(context.get(), version);
        SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_SERVER);
        HelloLog log{context.get()};
        RawServer server{std::ref(script_), context.get()};
        for (int i = 0; i < 2; ++i)
            EXPECT_EQ(harness_.probe(request_at(server)).verdict, Verdict::up);
        const auto hellos = log.hellos();
        ASSERT_EQ(hellos.size(), 2U);
        for (const auto& hello : hellos) {
            EXPECT_FALSE(hello.offers_session_ticket);
            EXPECT_FALSE(hello.offers_psk);
        }
        EXPECT_EQ(SSL_CTX_sess_hits(context.get()), 0);
        EXPECT_EQ(SSL_CTX_sess_accept_good(context.get()), 2);
    }
}

TEST_F(ProbeHandshake, Tls12AndTls13AreSpokenAndWhatIsOlderIsNot) {
    const std::pair<int, const char*> rows[] = {{TLS1_2_VERSION, "TLSv1.2"},
                                                {TLS1_3_VERSION, "TLSv1.3"}};
    for (const auto& [version, name] : rows) {
        const auto context = authority_.server({});
        SSL_CTX_set_min_proto_version(context.get(), version);
        SSL_CTX_set_max_proto_version(context.get(), version);
        RawServer server{std::ref(script_), context.get()};
        const auto report = harness_.probe(request_at(server));
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
        EXPECT_EQ(report.tls->version, name);
    }
    const auto context = authority_.server({});
    SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
    RawServer server{std::ref(script_), context.get()};
    const auto report = harness_.probe(request_at(server));
    EXPECT_EQ(name_or_none(report.reason), "tls_handshake_failed") << report.detail;
    EXPECT_EQ(name_or_none(report.phase), "tls");
    EXPECT_EQ(report.tls->version, "");
    EXPECT_EQ(report.tls->verify_code, 0);
}

TEST_F(ProbeHandshake, AServerThatKnowsNoSuchNameFailsIt) {
    const auto context = authority_.server({});
    SSL_CTX_set_tlsext_servername_callback(
        context.get(), +[](SSL*, int* alert, void*) {
            *alert = SSL_AD_UNRECOGNIZED_NAME;
            return SSL_TLSEXT_ERR_ALERT_FATAL;
        });
    RawServer server{std::ref(script_), context.get()};
    const auto report = harness_.probe(request_at(server));
    EXPECT_EQ(name_or_none(report.reason), "tls_handshake_failed") << report.detail;
    EXPECT_NE(report.detail.find("unrecognized name"), std::string::npos) << report.detail;
}

TEST_F(ProbeHandshake, AServerWithoutACipherInCommonFailsIt) {
    const auto context = authority_.server({});
    SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context.get(), "aNULL");
    RawServer server{std::ref(script_), context.get()};
    const auto report = harness_.probe(request_at(server));
    EXPECT_EQ(name_or_none(report.reason), "tls_handshake_failed") << report.detail;
}

TEST_F(ProbeHandshake, AServerThatWantsACertificateOfOursFailsIt) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const auto context = authority_.server({});
        SSL_CTX_set_max_proto_version(context.get(), version);
        SSL_CTX_set_verify(
            context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        RawServer server{std::ref(script_), context.get()};
        const auto report = harness_.probe(request_at(server));
        EXPECT_EQ(report.verdict, Verdict::fail);
        EXPECT_EQ(name_or_none(report.reason), "tls_handshake_failed") << report.detail;
        EXPECT_EQ(name_or_none(report.phase), "tls");
    }
}

TEST_F(ProbeHandshake, ATlsPortAskedInPlainHttpIsABrokenConnection) {
    const auto context = authority_.server({});
    RawServer server{std::ref(script_), context.get()};
    auto request = request_at(server);
    request.url = "http://127.0.0.1:" + std::to_string(server.port()) + "/mcp";
    const auto report = harness_.probe(request);
    // Where the server closes without having read it all, its kernel resets.
    const bool broken =
        report.reason == Reason::connection_closed || report.reason == Reason::connection_reset;
    EXPECT_TRUE(broken) << report.detail;
    EXPECT_EQ(name_or_none(report.phase), "discover");
}

}  // namespace
}  // namespace quorate
