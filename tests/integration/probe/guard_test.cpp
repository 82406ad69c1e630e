#include <functional>
#include <string>
#include <utility>
#include <vector>

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

TEST(ProbeGuard, ARefusedAddressIsRefusedInEveryWayOfWritingIt) {
    RawServer server{[](RawConnection& connection) { connection.wait_for_close(); }};
    ProbeHarness harness;
    auto request = request_for(server.url());  // loopback is open where it is literal
    const std::pair<const char*, const char*> rows[] = {
        {"[::ffff:127.0.0.1]", "address_forbidden"},
        {"[::FFFF:7F00:1]", "address_forbidden"},
        {"[::127.0.0.1]", "address_forbidden"},
        {"[::]", "address_forbidden"},
        {"0.0.0.0", "address_forbidden"},
        {"[64:ff9b::7f00:1]", "address_forbidden"},
        {"[64:ff9b:1::7f00:1]", "address_forbidden"},
        {"[2002:7f00:1::]", "address_forbidden"},
        {"127.0.0.2", "address_forbidden"},
        {"localhost.", "address_forbidden"},
        {"a.localhost", "address_forbidden"},
        {"2130706433", "config_invalid"},
        {"0x7f000001", "config_invalid"},
        {"0x7f.1", "config_invalid"},
        {"0177.0.0.1", "config_invalid"},
        {"127.1", "config_invalid"},
        {"127.0.0.1.", "config_invalid"},
        {"good@127.0.0.1", "config_invalid"},
        {"good\\@127.0.0.1", "config_invalid"},
        {"[::1%25lo]", "config_invalid"}};
    for (const auto& [host, reason] : rows) {
        request.url = "http://" + std::string{host} + ":" + std::to_string(server.port()) + "/mcp";
        const auto report = harness.probe(request);
        EXPECT_EQ(name_or_none(report.reason), reason) << host << ": " << report.detail;
        EXPECT_EQ(report.verdict, Verdict::unknown) << host;
    }
    EXPECT_EQ(server.connections(), 0);
    // What nobody may allow, either.
    request.guard.allow_private = true;
    for (const auto* host : {"[::]", "0.0.0.0", "224.0.0.1", "255.255.255.255", "[ff02::1]"}) {
        request.url = "http://" + std::string{host} + ":" + std::to_string(server.port()) + "/mcp";
        EXPECT_EQ(name_or_none(harness.probe(request).reason), "address_forbidden") << host;
    }
    EXPECT_EQ(server.connections(), 0);
}

TEST(ProbeGuard, NoUrlOfAServerLeadsInside) {
    // The server is where it may be; what it points at is not looked at by any way of writing it.
    RawServer inner{[](RawConnection& connection) { connection.wait_for_close(); }};
    const auto port = std::to_string(inner.port());
    const std::vector<std::string> ways{"http://127.0.0.1:" + port + "/mcp",
                                        "//127.0.0.1:" + port + "/mcp",
                                        "http://2130706433:" + port + "/mcp",
                                        "http://0x7f.1:" + port + "/mcp",
                                        "http://[::ffff:127.0.0.1]:" + port + "/mcp",
                                        "http://good@127.0.0.1:" + port + "/mcp",
                                        "http://localhost:" + port + "/mcp",
                                        "\\\\127.0.0.1:" + port + "\\mcp",
                                        "http://169.254.169.254/latest/meta-data/",
                                        "http://10.0.0.1/mcp"};
    for (const auto& way : ways) {
        RawServer redirecting{[&](RawConnection& connection) {
            for (RawRequest request; connection.read(request);)
                connection.send(http(307, "", "", "Location: " + way + "\r\n"));
        }};
        RawServer streaming{[&](RawConnection& connection) {
            for (RawRequest request; connection.read(request);)
                connection.send(
                    http(200, "text/event-stream", "event: endpoint\ndata: " + way + "\n\n"));
        }};
        ProbeHarness harness;
        auto request = request_for(redirecting.url());
        request.retry = false;
        EXPECT_EQ(name_or_none(harness.probe(request).reason), "redirect_refused") << way;
        request.url = streaming.url("/sse");
        request.era = EraMode::sse;
        EXPECT_EQ(name_or_none(harness.probe(request).reason), "protocol_sse_endpoint_invalid")
            << way;
        EXPECT_EQ(streaming.connections(), 2) << "one for messages, one for the stream: " << way;
    }
    EXPECT_EQ(inner.connections(), 0);
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
