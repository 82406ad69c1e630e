#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/node_server.hpp"

namespace quorate {
namespace {

/// A request with the time a cold Node needs on a busy machine.
ProbeRequest patient(const std::string& url) {
    auto request = request_for(url);
    request.timeout = std::chrono::seconds{8};
    return request;
}

TEST(ProbeOfRealServers, EverythingOverStreamableHttpListsWhatTheOfficialClientSees) {
    const NodeServer server{{"everything.mjs"}};
    ProbeHarness harness;
    auto request = patient(server.fact("url"));
    request.canary = Canary{"get-sum", R"({"a":2,"b":3})", {{"$", "contains", "\"5\""}}, true};
    const auto report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, Era::legacy);
    EXPECT_EQ(report.protocol_version, "2025-11-25");
    EXPECT_EQ(report.server_name, "mcp-servers/everything");
    ASSERT_TRUE(report.tools);
    EXPECT_EQ(report.tools->names, tools_by_official_client(server.fact("url"), "http"));
    EXPECT_EQ(report.tools->count, report.tools->names.size());
    EXPECT_FALSE(report.warnings.has(Warning::cleanup_failed));

    const auto again = harness.probe(request);
    EXPECT_EQ(again.tools->semantic_hash, report.tools->semantic_hash);
    EXPECT_EQ(again.tools->full_hash, report.tools->full_hash);
}

TEST(ProbeOfRealServers, EverythingOverHttpSseListsWhatTheOfficialClientSees) {
    const NodeServer server{{"everything.mjs", "--transport", "sse"}};
    ProbeHarness harness;
    auto request = patient(server.fact("url"));
    for (const auto hint : {std::optional<Era>{}, std::optional{Era::sse}}) {
        request.era_hint = hint;
        const auto report = harness.probe(request);
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
        EXPECT_EQ(report.era, Era::sse);
        EXPECT_TRUE(report.warnings.has(Warning::legacy_transport));
        ASSERT_TRUE(report.tools);
        EXPECT_EQ(report.tools->names, tools_by_official_client(server.fact("url"), "sse"));
    }
}

TEST(ProbeOfRealServers, AStatelessModernServerIsSpokenToInItsEra) {
    const NodeServer server{{"modern-stateless.mjs"}};
    ProbeHarness harness;
    auto request = patient(server.fact("url"));
    request.canary = Canary{"to_roman", R"({"number":2026})", {{"$", "==", "\"MMXXVI\""}}, true};
    const auto report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, Era::modern);
    EXPECT_EQ(report.protocol_version, "2026-07-28");
    EXPECT_EQ(
        report.tools->names,
        (std::vector<std::string>{"count_words", "day_of_week", "to_fahrenheit", "to_roman"}));
    request.era = EraMode::legacy;  // the SDK's server speaks both
    const auto legacy = harness.probe(request);
    EXPECT_EQ(legacy.verdict, Verdict::up) << legacy.detail;
    EXPECT_EQ(legacy.era, Era::legacy);
}

}  // namespace
}  // namespace quorate
