#include <functional>
#include <map>
#include <mutex>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

/// A walled server: 401 to every POST, and documents by path.
class WalledServer {
public:
    std::string challenge = "Bearer";
    std::map<std::string, std::string> documents;

    void operator()(RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            if (request.method() == "POST") {
                const auto field = "WWW-Authenticate: " + challenge + "\r\n";
                connection.send(http(401, "", "", challenge.empty() ? "" : field));
                continue;
            }
            const auto from = request.head.find(' ') + 1;
            const auto path = request.head.substr(from, request.head.find(' ', from) - from);
            const std::lock_guard lock{mutex_};
            asked_.push_back(path);
            headers_ += request.head;
            const auto document = documents.find(path);
            connection.send(document == documents.end()
                                ? http(404, "text/html", "<p>no")
                                : http(200, "application/json", document->second));
        }
    }
    std::vector<std::string> asked() {
        const std::lock_guard lock{mutex_};
        return std::exchange(asked_, {});
    }
    std::string headers() {
        const std::lock_guard lock{mutex_};
        return headers_;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> asked_;
    std::string headers_;
};

class ProbeWall : public testing::Test {
protected:
    ProbeReport probe() {
        request_.expect.auth_wall = true;
        return harness_.probe(request_);
    }
    std::string resource(std::string_view issuer) const {
        return R"({"resource":")" + server_.url() + R"(","authorization_servers":[")" +
               std::string{issuer} + "\"]}";
    }
    static std::string issuer_metadata(std::string_view issuer) {
        return R"({"issuer":")" + std::string{issuer} +
               R"(","code_challenge_methods_supported":["S256"]})";
    }

    WalledServer script_;
    RawServer server_{std::ref(script_)};
    ProbeHarness harness_;
    ProbeRequest request_ = request_for(server_.url());
    const std::string beside_ = "/.well-known/oauth-protected-resource/mcp";
    const std::string root_ = "/.well-known/oauth-protected-resource";
};

TEST_F(ProbeWall, IsSoundWhereItsMetadataLeadToAnIssuer) {
    const auto issuer = server_.url("/as");
    script_.challenge = R"(Basic realm="a, b", Bearer realm="x", resource_metadata=")" +
                        server_.url("/meta") + R"(", scope="a b", error_description="log in")";
    script_.documents["/meta"] = resource(issuer);
    script_.documents["/as/.well-known/openid-configuration"] = issuer_metadata(issuer);
    request_.headers = {{"X-Probe", "secret-of-the-endpoint"}};
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.empty());
    EXPECT_EQ(report.auth.resource_metadata, server_.url("/meta"));
    EXPECT_EQ(report.auth.scope, "a b");
    EXPECT_EQ(report.auth.error_description, "log in");
    EXPECT_TRUE(report.auth.metadata_found);
    EXPECT_EQ(script_.asked(),
              (std::vector<std::string>{"/meta",
                                        "/.well-known/oauth-authorization-server/as",
                                        "/.well-known/openid-configuration/as",
                                        "/as/.well-known/openid-configuration"}));
    EXPECT_EQ(script_.headers().find("secret"), std::string::npos);
}

TEST_F(ProbeWall, WithoutAChallengeIsSoundWhereAWellKnownPlaceHasItsMetadata) {
    script_.challenge.clear();
    EXPECT_EQ(probe().verdict, Verdict::auth);  // a wall without a door
    EXPECT_EQ(script_.asked(), (std::vector<std::string>{beside_, root_}));
    const auto issuer = server_.url("/as");
    script_.documents[root_] = resource(issuer);
    script_.documents["/.well-known/oauth-authorization-server/as"] = issuer_metadata(issuer);
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.empty());
    EXPECT_EQ(report.auth.resource_metadata, server_.url(root_));
}

TEST_F(ProbeWall, WhoseMetadataAreWrongIsAWarningThatDecidesNothing) {
    const auto issuer = server_.url("/as");
    const auto warned = [&] {
        const auto report = probe();
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
        return report.warnings.has(Warning::auth_metadata_invalid);
    };
    EXPECT_TRUE(warned()) << "none at all";
    script_.documents[beside_] =
        R"({"resource":")" + server_.url() + R"(","authorizationServers":[")" + issuer + "\"]}";
    EXPECT_TRUE(warned()) << "camel case";
    script_.documents[beside_] = resource(issuer);
    EXPECT_TRUE(warned()) << "an issuer without metadata";
    script_.documents["/.well-known/oauth-authorization-server/as"] = issuer_metadata("other");
    EXPECT_TRUE(warned()) << "another issuer's";
    script_.documents["/.well-known/oauth-authorization-server/as"] = issuer_metadata(issuer);
    EXPECT_FALSE(warned());
    script_.documents[beside_] += std::string(70'000, ' ');
    EXPECT_TRUE(warned()) << "more than 64 KiB";
}

TEST_F(ProbeWall, ThatNobodyExpectsIsCheckedWithoutAskingThirdParties) {
    request_.expect.auth_wall = false;
    auto report = harness_.probe(request_);
    EXPECT_EQ(name_or_none(report.reason), "auth_required");
    EXPECT_TRUE(report.warnings.empty());  // walls of before 2025-06-18 have no metadata
    EXPECT_FALSE(report.auth.resource_metadata);
    script_.documents[beside_] = resource(server_.url("/as"));
    script_.asked();
    report = harness_.probe(request_);
    EXPECT_EQ(report.verdict, Verdict::auth);
    EXPECT_TRUE(report.warnings.empty());
    EXPECT_EQ(report.auth.resource_metadata, server_.url(beside_));
    EXPECT_EQ(script_.asked(), std::vector<std::string>{beside_});
    script_.documents[beside_] = "{}";
    EXPECT_TRUE(harness_.probe(request_).warnings.has(Warning::auth_metadata_invalid));
    request_.headers = {{"Authorization", "Bearer wrong"}};
    script_.asked();
    EXPECT_EQ(name_or_none(harness_.probe(request_).reason), "auth_failed");
    EXPECT_TRUE(script_.asked().empty());
}

TEST_F(ProbeWall, CannotSendTheProbeToPrivateAddresses) {
    std::string trace;
    request_.trace = [&](unsigned, microseconds, std::string_view line) { trace += line; };
    for (const auto* target : {"http://169.254.169.254/latest/meta-data",
                               "http://10.0.0.1/",
                               "http://[::ffff:10.0.0.1]/",
                               "http://[64:ff9b::a00:1]/"}) {
        script_.challenge = "Bearer resource_metadata=\"" + std::string{target} + "\"";
        trace.clear();
        const auto report = probe();
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
        EXPECT_TRUE(report.warnings.has(Warning::auth_metadata_invalid)) << target;
        EXPECT_NE(trace.find("where probes from here may not go"), std::string::npos) << trace;
    }
}

TEST_F(ProbeWall, ThatStallsItsMetadataCostsNoMoreThanTheBudget) {
    RawServer stalls{[](RawConnection& connection) { connection.wait_for_close(); }};
    script_.challenge = "Bearer resource_metadata=\"" + stalls.url() + "\"";
    request_.timeout = milliseconds{1500};
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.warnings.has(Warning::auth_metadata_invalid));
    EXPECT_LT(report.timings.total.value_or(0), 1'500'000U);  // what the user waits for is the wall
}

TEST_F(ProbeWall, IsMissingWhereTheAnonymousGetIn) {
    McpScript open;
    RawServer server{std::ref(open)};
    request_.url = server.url();
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::degraded);
    EXPECT_EQ(name_or_none(report.reason), "auth_wall_missing");
}

}  // namespace
}  // namespace quorate
