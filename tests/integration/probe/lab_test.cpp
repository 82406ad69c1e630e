#include <filesystem>

#include <gtest/gtest.h>

#include <unistd.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/node_server.hpp"

namespace quorate {
namespace {

/// The lab server, which breaks on request.
class ProbeOfTheLab : public testing::Test {
protected:
    ProbeOfTheLab() { std::filesystem::create_directories(folder_); }
    ~ProbeOfTheLab() override { std::filesystem::remove_all(folder_); }

    /// Puts a state into force, for all or for one source address.
    void set(const std::string& state, const std::string& from = {}) {
        const auto origin = from.empty() ? std::string{"null"} : '"' + from + '"';
        const std::string script =
            "const r = await fetch(process.argv[1], { method: 'PUT', body: process.argv[2] });"
            "if (!r.ok) process.exit(1);";
        const auto body = R"({"state":")" + state + R"(","from":)" + origin + "}";
        output_of(
            {"node", "--input-type=module", "-e", script, lab_.fact("control") + "/state", body});
    }

    ProbeReport probe(const char* endpoint, const std::string& from = {}) {
        auto request = request_for(lab_.fact(endpoint));
        request.timeout = milliseconds{1500};
        request.slow_over_ms = 500;
        request.expect.tools = {"search_documents"};
        request.ca_file = lab_.fact("ca_file");
        request.bind_address = from;
        return harness_.probe(request);
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("quorate-lab-" + std::to_string(::getpid()));
    NodeServer lab_{{"lab.mjs", "--dir", folder_.string()}};
    ProbeHarness harness_;
};

TEST_F(ProbeOfTheLab, EveryStateHasItsReason) {
    probe("legacy");  // the first answers of a cold Node are slow
    probe("modern");
    probe("tls");
    struct Row {
        const char* state;
        Verdict verdict;
        const char* reason;
        const char* tls_reason;
    };
    const Row rows[] = {
        {"up", Verdict::up, "none", "none"},
        {"down", Verdict::fail, "connection_refused", "connection_refused"},
        {"hang", Verdict::fail, "timeout_headers", "timeout_tls"},
        {"hang-list", Verdict::fail, "timeout_headers", "timeout_headers"},
        {"slow=700ms", Verdict::slow, "slow", "slow"},
        {"auth", Verdict::auth, "auth_required", "auth_required"},
        {"error", Verdict::fail, "http_server_error", "http_server_error"},
        {"html", Verdict::fail, "http_unexpected_content_type", "http_unexpected_content_type"},
        {"tool-missing", Verdict::fail, "tool_missing", "tool_missing"},
        {"up", Verdict::up, "none", "none"},
    };
    for (const auto& row : rows) {
        set(row.state);
        for (const auto* endpoint : {"legacy", "modern", "tls"}) {
            const auto report = probe(endpoint);
            const bool is_tls = std::string_view{endpoint} == "tls";
            EXPECT_EQ(name_of(report.verdict), name_of(row.verdict))
                << row.state << " " << endpoint << ": " << report.detail;
            EXPECT_EQ(name_or_none(report.reason), is_tls ? row.tls_reason : row.reason)
                << row.state << " " << endpoint;
        }
    }
}

TEST_F(ProbeOfTheLab, ASoundLabShowsItsThreeToolsInBothEras) {
    const auto legacy = probe("legacy");
    const auto modern = probe("tls");
    const std::vector<std::string> names{"add", "echo", "search_documents"};
    ASSERT_TRUE(legacy.tools && modern.tools);
    EXPECT_EQ(legacy.tools->names, names);
    EXPECT_EQ(modern.tools->names, names);
    EXPECT_EQ(legacy.tools->names, tools_by_official_client(lab_.fact("legacy"), "http"));
    EXPECT_EQ(legacy.era, Era::legacy);
    EXPECT_EQ(modern.era, Era::modern);
    EXPECT_TRUE(modern.tls && modern.tls->verify_code == 0);
}

TEST_F(ProbeOfTheLab, AnExpiredCertificateIsNamed) {
    set("tls-expired");
    const auto report = probe("tls");
    EXPECT_EQ(name_or_none(report.reason), "tls_cert_expired");
    EXPECT_EQ(report.tls->verify_code, 10);
    EXPECT_EQ(probe("modern").reason, std::nullopt);
}

TEST_F(ProbeOfTheLab, OneRegionMayFailAlone) {
    set("down", "127.0.1.4");
    const auto there = probe("legacy", "127.0.1.4");
    EXPECT_EQ(there.verdict, Verdict::fail);
    EXPECT_EQ(name_or_none(there.reason), "connection_reset");
    EXPECT_EQ(vote_of(probe("legacy", "127.0.1.1").verdict), Vote::healthy);
}

}  // namespace
}  // namespace quorate
