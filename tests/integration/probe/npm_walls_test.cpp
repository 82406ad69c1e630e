#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/npm_servers.hpp"

namespace quorate {
namespace {

/// What a wall showed, in one line.
std::string told(const ProbeReport& report) {
    return std::string{name_of(report.verdict)} + " " + name_or_none(report.reason) +
           (report.credential_sent ? " with a credential" : " without a credential");
}

TEST(WallOfMcpProxy, AWrongKeyIsToldFromNoKeyAndTheRightOneOpens) {
    const NpmServer proxy{"mcp-proxy", {"--apiKey", "open-sesame", "--no-modern"}};
    ProbeHarness harness;
    const auto none = harness.probe(patient(proxy.url()));
    EXPECT_EQ(told(none), "AUTH auth_required without a credential");
    EXPECT_EQ(none.http_status, 401);
    EXPECT_EQ(none.rpc_code, 401) << "any integer may be a code";
    EXPECT_FALSE(none.retried) << "a wall is an answer";

    const auto wrong = harness.probe(patient(proxy.url(), "X-API-Key: guess"));
    EXPECT_EQ(told(wrong), "AUTH auth_failed with a credential");
    EXPECT_THAT(wrong.detail, testing::Not(testing::HasSubstr("guess")));

    const std::string right = "X-API-Key: open-sesame";
    const auto open = harness.probe(patient(proxy.url(), right));
    ASSERT_EQ(open.verdict, Verdict::up) << open.detail;
    EXPECT_EQ(open.tools->names, tools_by({"v1", "http", right, {}}, proxy.url()));
    const auto sessions = proxy.sessions();
    EXPECT_EQ(sessions.opened, 2) << "one of ours, one of the official client";
    EXPECT_EQ(sessions.left, 0);
}

TEST(WallOfTheSdk, NamesItsMetadataAndIsHealthyWhereTheOwnerExpectsIt) {
    const NpmServer server{"sdk-oauth"};
    ProbeHarness harness;
    auto request = patient(server.url());
    const auto walled = harness.probe(request);
    EXPECT_EQ(told(walled), "AUTH auth_required without a credential");
    EXPECT_TRUE(walled.auth.required);
    EXPECT_TRUE(walled.auth.bearer);
    ASSERT_TRUE(walled.auth.resource_metadata);
    EXPECT_THAT(*walled.auth.resource_metadata,
                testing::EndsWith("/.well-known/oauth-protected-resource/mcp"));

    request.expect.auth_wall = true;
    const auto expected = harness.probe(request);
    EXPECT_EQ(expected.verdict, Verdict::up) << expected.detail;
    EXPECT_FALSE(expected.warnings.has(Warning::auth_metadata_invalid));
    EXPECT_TRUE(expected.auth.metadata_found);
    // Its metadata are those of `localhost`, and of no other name for the same place.
    request.url.replace(request.url.find("localhost"), 9, "127.0.0.1");
    const auto elsewhere = harness.probe(request);
    EXPECT_EQ(elsewhere.verdict, Verdict::up) << elsewhere.detail;
    EXPECT_TRUE(elsewhere.warnings.has(Warning::auth_metadata_invalid));
    EXPECT_EQ(server.sessions().opened, 0);
}

TEST(WallOfTheSdk, OpensToTheTokenOfALogin) {
    const NpmServer server{"sdk-oauth"};
    const auto bearer = "Authorization: Bearer " + token_of_a_login(server.url());
    ProbeHarness harness;
    auto request = patient(server.url(), bearer);
    const auto report = harness.probe(request);
    ASSERT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.credential_sent);
    EXPECT_EQ(report.tools->names, tools_by({"v1", "http", bearer, {}}, server.url()));
    EXPECT_EQ(server.sessions().left, 0);
}

TEST(WallOfTheSdk, ABadTokenIsReportedAsItIsSeen) {
    // Its own check of tokens throws on one that it did not give out: the wall answers 500.
    const NpmServer server{"sdk-oauth"};
    ProbeHarness harness;
    auto request = patient(server.url(), "Authorization: Bearer made-up");
    request.retry = false;
    const auto report = harness.probe(request);
    EXPECT_EQ(told(report), "FAIL http_server_error with a credential") << report.detail;
    EXPECT_EQ(report.http_status, 500);
}

TEST(WallOfFastmcp, HasNoChallengeAndOpensToItsToken) {
    const NpmServer server{"fastmcp"};
    ProbeHarness harness;
    const auto walled = harness.probe(patient(server.url()));
    EXPECT_EQ(told(walled), "AUTH auth_required without a credential");
    const auto refused = harness.probe(patient(server.url(), "Authorization: Bearer made-up"));
    EXPECT_EQ(told(refused), "AUTH auth_failed with a credential");
    const auto open = harness.probe(patient(server.url(), "Authorization: Bearer admin-token"));
    EXPECT_EQ(open.verdict, Verdict::up) << open.detail;
}

TEST(WallMissing, AnOpenServerIsDegradedWhereTheOwnerExpectsAWall) {
    const NpmServer server{"sdk-sessions"};
    ProbeHarness harness;
    auto request = patient(server.url());
    request.expect.auth_wall = true;
    const auto report = harness.probe(request);
    EXPECT_EQ(told(report), "DEGRADED auth_wall_missing without a credential") << report.detail;
    EXPECT_EQ(server.sessions().left, 0);
}

}  // namespace
}  // namespace quorate
