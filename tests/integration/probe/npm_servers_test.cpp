#include "tests/integration/probe/npm_servers.hpp"

#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// How a server of npm speaks, seen by the probe and counted at the server.
struct Manner {
    Era era;
    const char* protocol_version;
    std::vector<std::string> warnings;
    std::int64_t sessions_opened;
    std::int64_t sessions_left;
};

const Manner kSessions{Era::legacy, "2025-11-25", {}, 1, 0};
// No route for DELETE: what such a server gave out stays, whatever a client does.
const Manner kSessionsForEver{Era::legacy, "2025-11-25", {"cleanup_not_supported"}, 1, 1};
const Manner kStateless{Era::legacy, "2025-11-25", {}, 0, 0};
const Manner kHttpSse{Era::sse, "2024-11-05", {"legacy_transport"}, 0, 0};
const Manner kModern{Era::modern, "2026-07-28", {}, 0, 0};

const OfficialClient kV1Http{"v1", "http", {}, {}};
const OfficialClient kV1Sse{"v1", "sse", {}, {}};
const OfficialClient kV2Http{"v2", "http", {}, {}};

struct Row {
    const char* test_name;
    const char* server;
    std::vector<std::string> options;  ///< of that server
    const char* member;                ///< which of its URLs
    Manner manner;
    OfficialClient client;
    std::string header = {};  ///< "Name: value"; empty: none
};

void PrintTo(const Row& row, std::ostream* out) {
    *out << row.test_name;
}

class ServersOfNpm : public testing::TestWithParam<Row> {};

TEST_P(ServersOfNpm, ShowTheToolsThatTheOfficialClientSeesAndKeepNoSession) {
    const auto& row = GetParam();
    const NpmServer server{row.server, row.options};
    ProbeHarness harness;
    const auto report = harness.probe(patient(server.url(row.member), row.header));
    ASSERT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, row.manner.era);
    EXPECT_EQ(report.protocol_version, row.manner.protocol_version);
    EXPECT_EQ(names_of(report.warnings), row.manner.warnings);
    EXPECT_EQ(report.credential_sent, !row.header.empty());
    const auto sessions = server.sessions();
    EXPECT_EQ(sessions.opened, row.manner.sessions_opened);
    EXPECT_EQ(sessions.left, row.manner.sessions_left);
    EXPECT_EQ(sessions.streams, 0);

    auto client = row.client;
    client.header = row.header;
    const auto official = tools_by(client, server.url(row.member));
    EXPECT_THAT(official, testing::Not(IsEmpty()));
    EXPECT_EQ(report.tools->names, official);
    EXPECT_EQ(report.tools->count, official.size());
}

const std::vector<Row> kRows{
    {"Everything", "everything", {}, "url", kSessions, kV1Http},
    {"EverythingAsHttpSse", "everything-sse", {}, "url", kHttpSse, kV1Sse},
    {"SdkJsonAnswers", "sdk-json", {}, "url", kSessionsForEver, kV1Http},
    {"SdkStateless", "sdk-stateless", {}, "url", kStateless, kV1Http},
    {"SdkSessions", "sdk-sessions", {}, "url", kSessions, kV2Http},
    {"SdkBoth", "sdk-both", {}, "url", kSessions, kV1Http},
    {"SdkBothAsHttpSse", "sdk-both", {}, "sse_url", kHttpSse, kV1Sse},
    {"Fastmcp", "fastmcp", {}, "url", kSessions, kV1Http, "Authorization: Bearer user-token"},
    {"McpProxy", "mcp-proxy", {}, "url", kModern, kV2Http},
    {"McpProxyOfTheLegacyEra", "mcp-proxy", {"--no-modern"}, "url", kSessions, kV1Http},
    {"McpProxyStateless", "mcp-proxy", {"--no-modern", "--stateless"}, "url", kStateless, kV1Http},
    {"McpProxyAsHttpSse", "mcp-proxy", {}, "sse_url", kHttpSse, kV1Sse},
};

INSTANTIATE_TEST_SUITE_P(All, ServersOfNpm, testing::ValuesIn(kRows), [](const auto& row) {
    return std::string{row.param.test_name};
});

TEST(ServersOfTheModernEra, ShowTheToolsThatTheOfficialClientSees) {
    const TemporaryFolder folder;
    const NodeServer alone{{"lab.mjs", "--dir", folder.path()}};
    const NodeServer dual{{"modern-stateless.mjs"}};
    ProbeHarness harness;
    for (const auto& url : {alone.fact("modern"), dual.fact("url")}) {
        const auto report = harness.probe(patient(url));
        ASSERT_EQ(report.verdict, Verdict::up) << report.detail;
        EXPECT_EQ(report.era, Era::modern);
        EXPECT_THAT(names_of(report.warnings), IsEmpty());
        EXPECT_EQ(report.tools->names, tools_by(kV2Http, url));
    }
    auto request = patient(dual.fact("url"));
    request.era = EraMode::legacy;
    const auto legacy = harness.probe(request);
    EXPECT_EQ(legacy.era, Era::legacy);
    EXPECT_EQ(legacy.tools->names, tools_by(kV1Http, dual.fact("url")));
}

TEST(ServersOfNpmPolling, ACallWhoseStreamTheServerEndsIsFollowedWhereItsAnswerComes) {
    const NpmServer server{"sdk-polling"};
    ProbeHarness harness;
    auto request = patient(server.url());
    request.canary = Canary{"long-task", "{}", {{"$", "contains", "\"successfully\""}}, true};
    const auto report = harness.probe(request);
    ASSERT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_THAT(names_of(report.warnings), ElementsAre("stream_resumed"));
    EXPECT_EQ(report.tools->names, tools_by(kV1Http, server.url()));
    EXPECT_EQ(server.sessions().left, 0);
}

}  // namespace
}  // namespace quorate
