#include <ostream>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/npm_servers.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate {
namespace {

/// mcp-proxy in front of a server that speaks over stdin and stdout.
struct ProxyRow {
    const char* test_name;
    std::vector<std::string> options;
    const char* member;
    Era era;
    const char* reason_when_stopped;  ///< JSON answers hold back their head, event streams do not
};

void PrintTo(const ProxyRow& row, std::ostream* out) {
    *out << row.test_name;
}

class ProxyWithASickUpstream : public testing::TestWithParam<ProxyRow> {
protected:
    ProbeReport probe(std::chrono::milliseconds timeout) {
        auto request = patient(proxy_.url(GetParam().member));
        request.timeout = timeout;
        request.retry = false;
        return harness_.probe(request);
    }

    NpmServer proxy_{"mcp-proxy", GetParam().options};
    ProbeHarness harness_;
};

TEST_P(ProxyWithASickUpstream, AnswersTheHandshakeAndFailsTheToolList) {
    const auto sound = probe(std::chrono::seconds{15});
    ASSERT_EQ(sound.verdict, Verdict::up) << sound.detail;

    proxy_.signal_upstream("SIGSTOP");
    const auto stopped = probe(std::chrono::seconds{2});
    EXPECT_EQ(stopped.verdict, Verdict::fail) << stopped.detail;
    EXPECT_EQ(name_or_none(stopped.reason), GetParam().reason_when_stopped);
    EXPECT_EQ(name_or_none(stopped.phase), "tools_list");
    EXPECT_EQ(stopped.era, GetParam().era) << "the handshake was answered";
    EXPECT_EQ(stopped.protocol_version, sound.protocol_version);

    proxy_.signal_upstream("SIGCONT");
    const auto mended = probe(std::chrono::seconds{15});
    EXPECT_EQ(mended.verdict, Verdict::up) << mended.detail;
    EXPECT_EQ(mended.tools->semantic_hash, sound.tools->semantic_hash);

    proxy_.signal_upstream("SIGKILL");
    const auto killed = probe(std::chrono::seconds{15});
    EXPECT_EQ(killed.verdict, Verdict::fail) << killed.detail;
    EXPECT_EQ(name_or_none(killed.reason), "protocol_error");
    EXPECT_EQ(name_or_none(killed.phase), "tools_list");
    EXPECT_EQ(killed.rpc_code, -32603) << "Not connected";
    EXPECT_EQ(killed.era, GetParam().era);

    const auto sessions = proxy_.sessions();
    EXPECT_EQ(sessions.left, 0) << "of " << sessions.opened;
    EXPECT_EQ(sessions.streams, 0);
}

const std::vector<ProxyRow> kRows{
    {"Modern", {}, "url", Era::modern, "timeout_headers"},
    {"Legacy", {"--no-modern"}, "url", Era::legacy, "timeout_body"},
    {"HttpSse", {}, "sse_url", Era::sse, "timeout_body"},
};

INSTANTIATE_TEST_SUITE_P(All,
                         ProxyWithASickUpstream,
                         testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string{row.param.test_name}; });

TEST(ProxyWithTls, IsVerifiedAndShowsWhatTheOfficialClientSees) {
    const TemporaryFolder folder;
    const NpmServer proxy{"mcp-proxy", {}, folder.path()};
    ProbeHarness harness;
    auto request = patient(proxy.url());
    const auto stranger = harness.probe(request);
    EXPECT_EQ(stranger.verdict, Verdict::fail);
    EXPECT_EQ(name_or_none(stranger.reason), "tls_cert_untrusted") << stranger.detail;
    EXPECT_EQ(name_or_none(stranger.phase), "tls");

    request.ca_file = proxy.ca_file();
    const auto report = harness.probe(request);
    ASSERT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, Era::modern);
    ASSERT_TRUE(report.tls);
    EXPECT_EQ(report.tls->version, "TLSv1.3");
    EXPECT_EQ(report.tls->verify_code, 0);
    EXPECT_EQ(report.tools->names, tools_by({"v2", "http", {}, proxy.ca_file()}, proxy.url()));
}

}  // namespace
}  // namespace quorate
