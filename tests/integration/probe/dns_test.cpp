#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "probe/attempt.hpp"
#include "tests/integration/probe/asker.hpp"
#include "tests/integration/probe/dns_script.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

constexpr std::uint32_t kSecondAddress = 0x7F000002;  // 127.0.0.2

ProbeRequest request_for_name(const std::string& name, std::uint16_t port) {
    auto request = request_for("http://" + name + ":" + std::to_string(port) + "/mcp");
    request.ip = IpFamily::v4;
    request.guard.allow_private = true;
    return request;
}

TEST(ProbeDns, EveryReasonOfDnsComesFromWhatNameServersSay) {
    struct Row {
        const char* name;
        const char* reason;
        Verdict verdict;
    };
    const Row rows[] = {{"none.test", "dns_nxdomain", Verdict::fail},
                        {"empty.test", "dns_no_address", Verdict::fail},
                        {"ill.test", "dns_server_failure", Verdict::fail},
                        {"mute.test", "dns_timeout", Verdict::fail},
                        {"doubt.test", "agent_unhealthy", Verdict::unknown}};
    DnsScript first;
    DnsScript second;
    for (auto* dns : {&first, &second}) {
        dns->on("empty.test", DnsReply{});
        dns->on("ill.test", DnsReply{.rcode = kServFail});
        dns->silent_on("mute.test");
    }
    first.on("doubt.test", DnsReply{.rcode = kServFail});
    second.silent_on("doubt.test");
    ProbeHarness harness{asking({first.address(), second.address()})};
    for (const auto& row : rows) {
        auto request = request_for_name(row.name, 80);
        request.timeout = std::chrono::seconds{1};
        const auto report = harness.probe(request);
        EXPECT_EQ(name_or_none(report.reason), row.reason) << report.detail;
        EXPECT_EQ(name_or_none(report.phase), "dns") << row.name;
        EXPECT_EQ(report.verdict, row.verdict) << row.name;
        EXPECT_EQ(report.retried, row.verdict == Verdict::fail) << row.name;
        EXPECT_TRUE(report.peer_address.empty()) << row.name;
    }
}

TEST(ProbeDns, ANameServerThatWeCannotReachIsOurs) {
    ProbeHarness harness{asking({kNobodysNameServer, "255.255.255.255"})};
    const auto report = harness.probe(request_for_name("mcp.test", 80));
    EXPECT_EQ(name_or_none(report.reason), "agent_unhealthy") << report.detail;
    EXPECT_EQ(report.verdict, Verdict::unknown);
    EXPECT_FALSE(report.retried);
}

TEST(ProbeDns, AWrongNxdomainOfOneNameServerIsHealedByTheSecondAttempt) {
    McpScript script;
    RawServer server{std::ref(script)};
    DnsScript first;
    DnsScript second;
    second.on("mcp.test", DnsReply{.addresses = {"127.0.0.1"}});
    ProbeHarness harness{asking({first.address(), second.address()})};
    const auto report = harness.probe(request_for_name("mcp.test", server.port()));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.retried);
    EXPECT_EQ(name_or_none(report.attempts[0].reason), "dns_nxdomain");
}

TEST(ProbeDns, TheSecondAttemptGoesToTheOtherAddressAndSaysSo) {
    McpScript ill;
    for (const auto* method : {"server/discover", "initialize"})
        ill.on(method, [](const RawRequest&) { return http(500, "", ""); });
    McpScript sound;
    RawServer first{std::ref(ill)};
    RawServer second{std::ref(sound), nullptr, kSecondAddress, first.port()};
    DnsScript dns;
    dns.on("mcp.test", DnsReply{.addresses = {"127.0.0.1", "127.0.0.2"}});
    ProbeHarness harness{asking({dns.address()})};
    const auto report = harness.probe(request_for_name("mcp.test", first.port()));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    ASSERT_EQ(report.attempts.size(), 2U);
    EXPECT_EQ(report.attempts[0].peer_address, "127.0.0.1");
    EXPECT_EQ(report.attempts[1].peer_address, "127.0.0.2");
    EXPECT_EQ(report.peer_address, "127.0.0.2");
    EXPECT_EQ(dns.asked("mcp.test"), 1) << "the second attempt uses what is known";
}

TEST(ProbeDns, AnAttemptTriesBothFamiliesHoweverManyAddressesOneHas) {
    McpScript script;
    RawServer server{std::ref(script)};
    DnsReply reply{.addresses = {"127.0.0.1"}};
    // Of IPv6, with a route, and nobody there.
    for (int i = 1; i <= 12; ++i)
        reply.addresses.push_back("::ffff:127.0.1." + std::to_string(i));
    DnsScript dns;
    dns.on("mcp.test", reply);
    auto request = request_for_name("mcp.test", server.port());
    request.ip = IpFamily::any;
    request.retry = false;
    ProbeHarness harness{asking({dns.address()})};
    const auto report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.peer_address, "127.0.0.1");
    EXPECT_TRUE(report.warnings.has(Warning::one_family_unreachable));
}

TEST(ProbeDns, ProbesOfOneEngineShareWhatTheyKnow) {
    McpScript script;
    RawServer server{std::ref(script)};
    DnsScript dns;
    dns.on("mcp.test", DnsReply{.addresses = {"127.0.0.1"}, .ttl = 60});
    ProbeHarness harness{asking({dns.address()})};
    const auto request = request_for_name("mcp.test", server.port());
    EXPECT_EQ(harness.probe(request).verdict, Verdict::up);
    EXPECT_EQ(harness.probe(request).verdict, Verdict::up);
    EXPECT_EQ(dns.asked("mcp.test"), 1);
    harness.pass(std::chrono::seconds{61});
    EXPECT_EQ(harness.probe(request).verdict, Verdict::up);
    EXPECT_EQ(dns.asked("mcp.test"), 2);
}

// DNS rebinding: the name leads elsewhere as soon as somebody has looked at it.

TEST(ProbeRebinding, AnAttemptStaysAtTheAddressThatItLookedAt) {
    McpScript script;
    script.close_after_answers();  // so that every message needs a new connection
    RawServer server{std::ref(script)};
    RawServer other{[](RawConnection& connection) { connection.wait_for_close(); },
                    nullptr,
                    kSecondAddress,
                    server.port()};
    DnsScript dns;
    dns.on("rebind.test", [](const DnsQuestion& question) {
        DnsReply reply{.addresses = {question.nth == 1 ? "127.0.0.1" : "127.0.0.2"}};
        reply.ttl = 0;
        return reply;
    });
    ProbeHarness harness{asking({dns.address()})};
    const auto report = harness.probe(request_for_name("rebind.test", server.port()));
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_GT(server.connections(), 1);
    EXPECT_EQ(other.connections(), 0);
    EXPECT_EQ(dns.asked("rebind.test"), 1);
}

/// Where a probe of `url` would connect to, without connecting.
Result<std::vector<boost::asio::ip::address>> resolved(Resolver& resolver,
                                                       boost::asio::io_context& io,
                                                       const Clock& clock,
                                                       const ProbeRequest& request) {
    TlsContexts contexts;
    EngineParts parts{clock, contexts, resolver, {}};
    auto url = *parse_http_url(request.url);
    ProbeReport report;
    Attempt attempt{parts, request, report, url, io.get_executor()};
    std::optional<Result<std::vector<boost::asio::ip::address>>> outcome;
    boost::asio::co_spawn(
        io, resolve_step(attempt, url), [&](const std::exception_ptr& thrown, auto result) {
            if (thrown) std::rethrow_exception(thrown);
            outcome = std::move(result);
        });
    io.restart();
    while (!outcome && io.run_one() > 0) {
    }
    return *outcome;
}

struct Guarded {
    explicit Guarded(const DnsScript& dns)
        : resolver{io.get_executor(), clock, asking({dns.address()})} {}
    auto look(const std::string& url) {
        auto request = request_for(url);
        request.ip = IpFamily::any;
        return resolved(resolver, io, clock, request);
    }

    boost::asio::io_context io{1};
    ShiftedClock clock;
    Resolver resolver;
};

TEST(ProbeRebinding, APublicNameThatTurnsToLoopbackIsForbiddenFromThenOn) {
    DnsScript dns;
    dns.on("rebind.test", [](const DnsQuestion& question) {
        DnsReply reply{.addresses = {question.nth == 1 ? "1.1.1.1" : "127.0.0.1"}};
        reply.ttl = 0;
        return reply;
    });
    Guarded guarded{dns};
    const auto first = guarded.look("http://rebind.test/mcp");
    ASSERT_TRUE(first) << first.error().detail;
    EXPECT_EQ(first->front().to_string(), "1.1.1.1");
    guarded.clock.pass(std::chrono::seconds{5});
    const auto next = guarded.look("http://rebind.test/mcp");
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().reason, Reason::address_forbidden);
    EXPECT_EQ(next.error().phase, Phase::dns);
}

TEST(ProbeRebinding, OfPublicAndInnerAddressesOnlyThePublicOnesAreLeft) {
    DnsScript dns;
    dns.on("mixed.test",
           DnsReply{.addresses = {"127.0.0.1",
                                  "1.1.1.1",
                                  "169.254.169.254",
                                  "10.0.0.1",
                                  "::1",
                                  "::ffff:127.0.0.1",
                                  "64:ff9b::7f00:1",
                                  "2606:4700::1111",
                                  "fd00:ec2::254"}});
    Guarded guarded{dns};
    const auto left = guarded.look("http://mixed.test/mcp");
    ASSERT_TRUE(left) << left.error().detail;
    std::vector<std::string> texts;
    for (const auto& address : *left)
        texts.push_back(address.to_string());
    std::sort(texts.begin(), texts.end());
    EXPECT_EQ(texts, (std::vector<std::string>{"1.1.1.1", "2606:4700::1111"}));
}

TEST(ProbeRebinding, ANameIsNeverALoopbackLiteral) {
    // The one-shot policy opens 127.0.0.1 written in the URL, not names that lead there.
    DnsScript dns;
    for (const auto* name : {"inner.test", "127.0.0.1.inner.test", "localhost.inner.test"}) {
        dns.on(name, DnsReply{.addresses = {"127.0.0.1", "::1"}});
        Guarded guarded{dns};
        const auto answer = guarded.look("http://" + std::string{name} + "/mcp");
        ASSERT_FALSE(answer) << name;
        EXPECT_EQ(answer.error().reason, Reason::address_forbidden) << name;
    }
}

TEST(ProbeRebinding, AHealthUrlPassesTheGuardByItself) {
    McpScript script;
    RawServer server{std::ref(script)};
    RawServer inner{[](RawConnection& connection) { connection.wait_for_close(); }};
    DnsScript dns;
    dns.on("inner.test", DnsReply{.addresses = {"127.0.0.1"}});
    ProbeHarness harness{asking({dns.address()})};
    auto request = request_for(server.url());
    request.health_url = "http://inner.test:" + std::to_string(inner.port()) + "/health";
    const auto report = harness.probe(request);
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    ASSERT_TRUE(report.health);
    EXPECT_FALSE(report.health->status);
    EXPECT_EQ(inner.connections(), 0);
    EXPECT_EQ(dns.asked("inner.test"), 2) << "A and AAAA";
}

}  // namespace
}  // namespace quorate
