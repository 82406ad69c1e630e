// An endpoint's own authorities, and the certificate that we show it.
#include <atomic>
#include <functional>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/integration/probe/certificates.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

std::shared_ptr<const TlsSecrets> secrets(const std::string& authorities,
                                          const std::string& client) {
    auto made = std::make_shared<TlsSecrets>();
    made->authorities = SecretBytes{authorities};
    made->client = SecretBytes{client};
    return made;
}

class ProbeTlsSecrets : public testing::Test {
protected:
    ProbeTlsSecrets() { request_.retry = false; }
    ProbeReport probe(const std::string& authorities, const std::string& client) {
        request_.tls = secrets(authorities, client);
        return harness_.probe(request_);
    }

    TestAuthority authority_;
    TestAuthority clients_{"Quorate test clients"};
    ClientPem client_ = clients_.client();
    std::shared_ptr<ssl_ctx_st> context_ = authority_.server({});
    McpScript script_;
    RawServer server_{std::ref(script_), context_.get()};
    ProbeHarness harness_;
    ProbeRequest request_ = request_for(server_.url());
};

TEST_F(ProbeTlsSecrets, TheEndpointsAuthoritiesAloneAreTrusted) {
    const auto untrusted = harness_.probe(request_);
    EXPECT_EQ(name_or_none(untrusted.reason), "tls_cert_untrusted") << untrusted.detail;
    const auto trusted = probe(authority_.pem(), "");
    EXPECT_EQ(trusted.verdict, Verdict::up) << trusted.detail;
    EXPECT_FALSE(trusted.credential_sent);
    request_.ca_file = authority_.ca_file();
    const auto others = probe(clients_.pem(), "");
    EXPECT_EQ(name_or_none(others.reason), "tls_cert_untrusted") << others.detail;
    const auto both = probe(clients_.pem() + authority_.pem(), "");
    EXPECT_EQ(both.verdict, Verdict::up) << both.detail;
    const auto crl = probe(authority_.pem() + authority_.crl_pem(context_.get(), 1), "");
    EXPECT_EQ(name_or_none(crl.reason), "tls_cert_revoked") << crl.detail;
}

TEST_F(ProbeTlsSecrets, AServerThatDemandsACertificateIsShownIt) {
    clients_.ask_clients(context_.get(), true);
    request_.ca_file = authority_.ca_file();
    EXPECT_EQ(harness_.probe(request_).verdict, Verdict::fail);
    for (const auto& pem : {client_.certificate + client_.key, client_.key + client_.certificate}) {
        const auto report = probe("", pem);
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    }
    const auto with_authorities = probe(authority_.pem(), client_.certificate + client_.key);
    EXPECT_EQ(with_authorities.verdict, Verdict::up) << with_authorities.detail;
    const auto of_others = authority_.client();
    EXPECT_EQ(probe("", of_others.certificate + of_others.key).verdict, Verdict::fail);
}

TEST_F(ProbeTlsSecrets, TheCertificateIsShownToNoOtherOrigin) {
    const auto other_context = authority_.server({});
    clients_.ask_clients(context_.get(), true);
    clients_.ask_clients(other_context.get(), false);
    std::atomic<int> asked = 0;
    std::atomic<int> shown = 0;
    RawServer other{[&](RawConnection& connection) {
                        ++asked;
                        if (SSL_get0_peer_certificate(connection.tls()) != nullptr) ++shown;
                        if (RawRequest request; connection.read(request))
                            connection.send(http(200, "", "fine"));
                    },
                    other_context.get()};
    request_.ca_file = authority_.ca_file();
    request_.health_url = other.url("/health");
    const auto report = probe("", client_.certificate + client_.key);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    ASSERT_TRUE(report.health);
    EXPECT_EQ(report.health->status, 200);
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(shown, 0);
    // Were it the endpoint, it would be.
    request_.health_url.clear();
    request_.url = other.url();
    probe("", client_.certificate + client_.key);
    EXPECT_GT(shown, 0);
}

TEST_F(ProbeTlsSecrets, PemThatIsOfNoUseIsOursAndSaysWhich) {
    const auto refused = [this](const std::string& authorities, const std::string& client) {
        const auto report = probe(authorities, client);
        EXPECT_EQ(report.verdict, Verdict::unknown);
        EXPECT_EQ(name_or_none(report.reason), "auth_token_unavailable");
        EXPECT_EQ(name_or_none(report.phase), "config");
        return report.detail;
    };
    EXPECT_EQ(refused("-----BEGIN NOTHING", ""), "tls.ca: there is no certificate in its PEM");
    EXPECT_EQ(refused(client_.key, ""), "tls.ca: there is no certificate in its PEM");
    EXPECT_EQ(refused("", client_.key), "tls.client: there is no certificate in its PEM");
    const auto* no_key =
        "tls.client: its PEM has no key without a passphrase that fits its first certificate";
    EXPECT_EQ(refused("", client_.certificate), no_key);
    EXPECT_EQ(refused("", client_.certificate + client_.locked_key), no_key);
    EXPECT_EQ(refused("", client_.certificate + clients_.client().key), no_key);
    EXPECT_EQ(server_.connections(), 0);
}

}  // namespace
}  // namespace quorate
