#include <atomic>
#include <functional>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/integration/probe/certificates.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

/// Every code of OpenSSL's verification that a server can be given on the wire.
class ProbeCertificate : public testing::Test {
protected:
    /// The report of one attempt at a sound server behind such a certificate.
    ProbeReport report_of(const CertificatePlan& plan, std::string ca_file, std::string host = {}) {
        const auto context = authority_.server(plan);
        return report_at(context.get(), std::move(ca_file), std::move(host));
    }
    ProbeReport report_of(const CertificatePlan& plan) {
        return report_of(plan, authority_.ca_file());
    }

    /// @param host  empty: localhost; a name: led to the server; an address literal
    ProbeReport report_at(ssl_ctx_st* context, std::string ca_file, std::string host = {}) {
        RawServer server{std::ref(script_), context};
        auto request = request_for(server.url());
        if (!host.empty()) {
            request.url = "https://" + host + ":" + std::to_string(server.port()) + "/mcp";
            request.overrides = {{host, server.port(), "127.0.0.1"}};
            request.guard.allow_private = true;
        }
        request.ca_file = std::move(ca_file);
        request.retry = false;
        return harness_.probe(request);
    }

    void expect_code(const ProbeReport& report, const char* reason, int code, int depth) {
        EXPECT_EQ(report.verdict, Verdict::fail);
        EXPECT_EQ(name_or_none(report.reason), reason) << report.detail;
        EXPECT_EQ(name_or_none(report.phase), "tls");
        ASSERT_TRUE(report.tls);
        EXPECT_EQ(report.tls->verify_code, code) << report.detail;
        EXPECT_EQ(report.tls->verify_depth, depth) << report.detail;
        EXPECT_TRUE(report.tls->not_after);
        EXPECT_TRUE(report.tls->earliest_not_after);
        const auto words =
            "code " + std::to_string(code) + " at depth " + std::to_string(depth) + ")";
        EXPECT_NE(report.detail.find(words), std::string::npos) << report.detail;
        EXPECT_FALSE(report.warnings.has(Warning::tls_cert_expiring));
    }

    TestAuthority authority_;
    TestAuthority stranger_{"A stranger"};
    McpScript script_;
    ProbeHarness harness_;
};

TEST_F(ProbeCertificate, EachVerifyCodeHasItsReasonAndTellsItsDepth) {
    struct Row {
        CertificatePlan plan;
        const char* reason;
        int code;
        int depth;
    };
    const Row rows[] = {
        {{.valid_from_days = -30, .valid_until_days = -1}, "tls_cert_expired", 10, 0},
        {{.via = Via::expired_intermediate}, "tls_cert_expired", 10, 1},
        {{.valid_from_days = 1}, "tls_cert_not_yet_valid", 9, 0},
        {{.via = Via::itself}, "tls_cert_self_signed", 18, 0},
        {{.via = Via::missing_intermediate}, "tls_cert_untrusted", 20, 0},
        {{.name = "example.com"}, "tls_cert_hostname_mismatch", 62, 0},
        {{.via = Via::no_authority}, "tls_cert_invalid", 79, 1},
        {{.usage = "clientAuth"}, "tls_cert_invalid", 26, 0},
        {{.key = "RSA-1024"}, "tls_cert_invalid", 66, 0},
        {{.digest = "SHA1"}, "tls_cert_invalid", 68, 0},
        {{.staple = Staple::revoked}, "tls_cert_revoked", 23, 0},
        {{.via = Via::intermediate, .staple = Staple::revoked}, "tls_cert_revoked", 23, 0},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(std::string{row.reason} + " " + std::to_string(row.code));
        expect_code(report_of(row.plan), row.reason, row.code, row.depth);
    }
    EXPECT_EQ(script_.count("server/discover"), 0) << "nothing is said to a server like these";
}

TEST_F(ProbeCertificate, AnUnknownAuthorityIsUntrustedOrSelfSignedAsItsChainSays) {
    expect_code(report_of({}, stranger_.ca_file()), "tls_cert_untrusted", 20, 0);
    expect_code(
        report_of({.sends_root = true}, stranger_.ca_file()), "tls_cert_self_signed", 19, 1);
    // Of this authority the agent knows only the intermediate, which vouches for nothing by itself.
    const TemporaryFile intermediate{authority_.intermediate_pem()};
    expect_code(report_of({.via = Via::missing_intermediate}, intermediate.path()),
                "tls_cert_untrusted",
                2,
                1);
    EXPECT_EQ(report_of({.via = Via::intermediate}).verdict, Verdict::up);
}

TEST_F(ProbeCertificate, TheSystemsStoreIsNotReplacedByAFile) {
    // What the file does not vouch for is asked of the system's store, and that has no such
    // authority; without a file it is the same.
    expect_code(report_of({}, ""), "tls_cert_untrusted", 20, 0);
    // Loading a file leaves the contexts of others alone.
    EXPECT_EQ(report_of({}).verdict, Verdict::up);
    expect_code(report_of({}, ""), "tls_cert_untrusted", 20, 0);
}

TEST_F(ProbeCertificate, NamesAndAddressesDoNotStandInForEachOther) {
    const auto& file = authority_.ca_file();
    EXPECT_EQ(report_of({.name = "IP:127.0.0.1"}, file, "127.0.0.1").verdict, Verdict::up);
    expect_code(
        report_of({.name = "localhost"}, file, "127.0.0.1"), "tls_cert_hostname_mismatch", 64, 0);
    expect_code(report_of({.name = "IP:127.0.0.1"}, file), "tls_cert_hostname_mismatch", 62, 0);
    expect_code(
        report_of({.name = "127.0.0.1"}, file, "127.0.0.1"), "tls_cert_hostname_mismatch", 64, 0);
}

TEST_F(ProbeCertificate, AWildcardStandsForOneWholeLabel) {
    const auto& file = authority_.ca_file();
    const CertificatePlan wildcard{.name = "*.example.test"};
    EXPECT_EQ(report_of(wildcard, file, "mcp.example.test").verdict, Verdict::up);
    for (const auto* host : {"example.test", "a.mcp.example.test", "mcp.example.com"})
        expect_code(report_of(wildcard, file, host), "tls_cert_hostname_mismatch", 62, 0);
    expect_code(report_of({.name = "m*.example.test"}, file, "mcp.example.test"),
                "tls_cert_hostname_mismatch",
                62,
                0);
}

TEST_F(ProbeCertificate, TheEndOfTheLeafAndTheEarliestOfTheChainAreTold) {
    const auto report = report_of({.via = Via::short_intermediate});
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    ASSERT_TRUE(report.tls && report.tls->not_after && report.tls->earliest_not_after);
    constexpr auto kDay = std::chrono::days{1};
    EXPECT_GT(*report.tls->not_after - report.started, 80 * kDay);
    EXPECT_LT(*report.tls->earliest_not_after - report.started, 11 * kDay);
    EXPECT_TRUE(report.warnings.has(Warning::tls_cert_expiring));
    const auto cell = to_cell(report, request_for(""));
    EXPECT_EQ(cell.certificate_not_after, report.tls->not_after);
    EXPECT_EQ(cell.certificate_earliest_not_after, report.tls->earliest_not_after);
    EXPECT_EQ(cell.tls_verify_code, 0);
}

TEST_F(ProbeCertificate, OnlyASignedAndCurrentStapleOfThisCertificateRevokesIt) {
    for (const auto staple : {Staple::good,
                              Staple::revoked_out_of_date,
                              Staple::revoked_by_a_stranger,
                              Staple::of_another,
                              Staple::unreadable}) {
        const auto report = report_of({.staple = staple});
        EXPECT_EQ(report.verdict, Verdict::up) << static_cast<int>(staple) << ": " << report.detail;
        EXPECT_EQ(report.tls->verify_code, 0);
    }
}

// A chain that was verified is remembered: what the second look finds must not differ.
TEST_F(ProbeCertificate, ASecondLookAtTheSameChainFindsTheSame) {
    const auto context = authority_.server({.via = Via::short_intermediate});
    const auto first = report_at(context.get(), authority_.ca_file());
    const auto again = report_at(context.get(), authority_.ca_file());
    for (const auto* report : {&first, &again}) {
        EXPECT_EQ(report->verdict, Verdict::up) << report->detail;
        ASSERT_TRUE(report->tls);
        EXPECT_EQ(report->tls->issuer, first.tls->issuer);
        EXPECT_EQ(report->tls->not_after, first.tls->not_after);
        EXPECT_EQ(report->tls->earliest_not_after, first.tls->earliest_not_after);
        EXPECT_TRUE(report->warnings.has(Warning::tls_cert_expiring));
    }
    EXPECT_LT(*first.tls->earliest_not_after, *first.tls->not_after);
    // Sound for one name says nothing of another, and nothing to who trusts other authorities.
    expect_code(report_at(context.get(), authority_.ca_file(), "other.test"),
                "tls_cert_hostname_mismatch",
                62,
                0);
    expect_code(report_at(context.get(), stranger_.ca_file()), "tls_cert_untrusted", 20, 1);
    EXPECT_EQ(report_at(context.get(), authority_.ca_file()).verdict, Verdict::up);
}

TEST_F(ProbeCertificate, AStapleRevokesACertificateWhoseChainIsKnownToo) {
    for (const auto via : {Via::authority, Via::intermediate}) {
        const auto context = authority_.server({.via = via, .staple = Staple::revoked});
        for (int i = 0; i < 2; ++i)
            expect_code(report_at(context.get(), authority_.ca_file()), "tls_cert_revoked", 23, 0);
    }
}

TEST_F(ProbeCertificate, AStapleThatRevokesNothingLeavesAKnownChainUnverified) {
    static std::atomic<int> verified = 0;
    const auto trusted = harness_.contexts().trusting(authority_.ca_file());
    X509_STORE_set_verify_cb(
        SSL_CTX_get_cert_store(trusted.get()), +[](int ok, X509_STORE_CTX*) {
            ++verified;  // outside of handshakes
            return ok;
        });
    for (const auto& [staple, builds] :
         {std::pair{Staple::good, false}, {Staple::revoked_by_a_stranger, true}}) {
        verified = 0;
        const auto context = authority_.server({.staple = staple});
        for (int i = 0; i < 2; ++i)
            EXPECT_EQ(report_at(context.get(), authority_.ca_file()).verdict, Verdict::up);
        EXPECT_EQ(verified > 0, builds);
    }
}

TEST_F(ProbeCertificate, AListOfRevokedCertificatesInTheCaFileIsHeeded) {
    const auto revoked = authority_.server({});
    const auto sound = authority_.server({});
    const TemporaryFile file{authority_.pem() + authority_.crl_pem(revoked.get(), 7)};
    expect_code(report_at(revoked.get(), file.path()), "tls_cert_revoked", 23, 0);
    EXPECT_EQ(report_at(sound.get(), file.path()).verdict, Verdict::up);
    // Where the issuer has no list, nothing is known against the certificate.
    EXPECT_EQ(report_of({.via = Via::intermediate}, file.path()).verdict, Verdict::up);
    // An old list still knows what it knew.
    const TemporaryFile old{authority_.pem() + authority_.crl_pem(revoked.get(), -1)};
    expect_code(report_at(revoked.get(), old.path()), "tls_cert_revoked", 23, 0);
    const auto report = report_at(sound.get(), old.path());
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.tls->verify_code, 0);
}

}  // namespace
}  // namespace quorate
