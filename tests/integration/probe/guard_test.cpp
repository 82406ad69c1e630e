#include <functional>

#include <gtest/gtest.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

TEST(ProbeGuard, NothingIsSentToAForbiddenAddress) {
    McpScript script;
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    auto request = request_for(server.url());
    request.guard = {};
    for (const auto* host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"}) {
        request.url = "http://" + std::string{host} + ":" + std::to_string(server.port()) + "/mcp";
        const auto report = harness.probe(request);
        EXPECT_EQ(report.verdict, Verdict::unknown) << host;
        EXPECT_EQ(name_or_none(report.reason), "address_forbidden") << host;
        EXPECT_EQ(name_or_none(report.phase), "dns") << host;
        EXPECT_FALSE(report.retried);
    }
    EXPECT_EQ(server.connections(), 0);
}

TEST(ProbeGuard, ANameThatLeadsToLoopbackIsForbiddenUnlessPrivateIsAllowed) {
    McpScript script;
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    auto request = request_for("http://mcp.example.com:" + std::to_string(server.port()) + "/mcp");
    request.overrides = {{"mcp.example.com", server.port(), "127.0.0.1"}};
    EXPECT_EQ(name_or_none(harness.probe(request).reason), "address_forbidden");
    EXPECT_EQ(server.connections(), 0);
    request.guard.allow_private = true;
    EXPECT_EQ(harness.probe(request).verdict, Verdict::up);
    // The pinned address changes where we connect to, never what we ask for.
    EXPECT_EQ(script.requests()[0].field("Host"),
              "mcp.example.com:" + std::to_string(server.port()));
}

TEST(ProbeGuard, AnAddressOfTheOtherFamilyIsNoAddress) {
    ProbeHarness harness;
    auto request = request_for("http://127.0.0.1:1/mcp");
    request.ip = IpFamily::v6;
    const auto report = harness.probe(request);
    EXPECT_EQ(name_or_none(report.reason), "dns_no_address");
}

TEST(ProbeGuard, ABadRequestIsToldWithoutAnyAttempt) {
    ProbeHarness harness;
    const auto report = harness.probe(request_for("http://user@127.0.0.1/mcp"));
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_EQ(name_or_none(report.reason), "config_invalid");
    EXPECT_TRUE(report.attempts.empty());
}

}  // namespace
}  // namespace quorate
