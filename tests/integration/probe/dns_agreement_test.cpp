#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <unistd.h>

#include "tests/integration/probe/asker.hpp"
#include "tests/integration/probe/dns_script.hpp"

namespace quorate {
namespace {

using std::chrono::seconds;

/// What two name servers do, and what comes of it.
enum class Does { answers, nxdomain, nodata, servfail, refused, silent, nobody, no_route };

struct Witnesses {
    std::vector<Does> servers;
    const char* outcome;
};

TEST(DnsAgreement, TheEndpointIsBlamedOnlyWhereTwoNameServersFailAlike) {
    using enum Does;
    const std::vector<Witnesses> rows{
        {{servfail, servfail}, "dns_server_failure"},
        {{servfail, refused}, "dns_server_failure"},
        {{silent, silent}, "dns_timeout"},
        {{servfail, silent, servfail}, "dns_server_failure"},
        {{servfail, silent, silent}, "dns_timeout"},
        {{servfail, silent}, "agent_unhealthy"},
        {{silent, servfail}, "agent_unhealthy"},
        {{servfail, nobody}, "agent_unhealthy"},
        {{silent, nobody}, "agent_unhealthy"},
        {{nobody, nobody}, "agent_unhealthy"},
        {{no_route, no_route}, "agent_unhealthy"},
        {{servfail}, "agent_unhealthy"},
        {{silent}, "agent_unhealthy"},
        {{refused, answers}, "192.0.2.1"},
        {{servfail, answers}, "192.0.2.1"},
        {{silent, answers}, "192.0.2.1"},
        {{nobody, answers}, "192.0.2.1"},
        {{no_route, answers}, "192.0.2.1"},
        {{servfail, nxdomain}, "dns_nxdomain"},
        {{silent, nodata}, "dns_no_address"},
        {{nxdomain, answers}, "dns_nxdomain"},  // the second one is not asked
        {{nodata}, "dns_no_address"},
        {{answers}, "192.0.2.1"}};
    const std::map<Does, DnsScript::Say> says{
        {answers, [](auto&) { return DnsReply{.addresses = {"192.0.2.1"}}; }},
        {nxdomain, [](auto&) { return DnsReply{.rcode = kNxDomain}; }},
        {nodata, [](auto&) { return DnsReply{}; }},
        {servfail, [](auto&) { return DnsReply{.rcode = kServFail}; }},
        {refused, [](auto&) { return DnsReply{.rcode = kRefused}; }},
        {silent, [](auto&) { return std::nullopt; }}};
    const auto outcome_of = [&](const Witnesses& row) {
        std::vector<std::unique_ptr<DnsScript>> scripts;
        std::vector<std::string> addresses;
        for (const auto does : row.servers) {
            if (does == nobody) {
                addresses.emplace_back(kNobodysNameServer);
            } else if (does == no_route) {
                // connect() to a broadcast address is refused by our own kernel.
                addresses.emplace_back(addresses.empty() ? "255.255.255.255" : "127.255.255.255");
            } else {
                scripts.push_back(std::make_unique<DnsScript>());
                scripts.back()->on("mcp.test", says.at(does));
                addresses.push_back(scripts.back()->address());
            }
        }
        Asker asker{asking(addresses)};
        return asker.ask("mcp.test");
    };
    // All at once, because silence takes its 2 s.
    std::vector<std::future<Result<Addresses>>> outcomes;
    for (const auto& row : rows)
        outcomes.push_back(std::async(std::launch::async, outcome_of, row));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto outcome = outcomes[i].get();
        EXPECT_EQ(text_of(outcome), rows[i].outcome)
            << "row " << i << ": " << (outcome ? "" : outcome.error().detail);
        if (!outcome) {
            EXPECT_EQ(outcome.error().phase, Phase::dns);
        }
    }
}

TEST(DnsAgreement, RunningOutOfSocketsIsOurs) {
    DnsScript first;
    DnsScript second;
    for (auto* dns : {&first, &second})
        dns->on("mcp.test", DnsReply{.addresses = {"192.0.2.1"}});
    Asker asker{asking({first.address(), second.address()})};
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int next = ::dup(0);
    ::close(next);
    rlimit none_left = before;
    none_left.rlim_cur = static_cast<rlim_t>(next);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
    const auto answer = asker.ask("mcp.test");
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(text_of(answer), "agent_unhealthy");
    EXPECT_EQ(first.asked("mcp.test") + second.asked("mcp.test"), 0);
    EXPECT_EQ(text_of(asker.ask("mcp.test")), "192.0.2.1");
}

TEST(DnsAgreement, ANameServerThatIsListedTwiceIsOneWitness) {
    DnsScript dns;
    dns.on("mcp.test", DnsReply{.rcode = kServFail});
    Asker asker{asking({dns.address(), dns.address()})};
    EXPECT_EQ(text_of(asker.ask("mcp.test")), "agent_unhealthy");
    EXPECT_EQ(dns.asked("mcp.test"), 1);
}

TEST(DnsAgreement, AShortBudgetIsEnoughToAskBothButNotToAccuseInNoTime) {
    DnsScript first;
    DnsScript second;
    for (auto* dns : {&first, &second})
        dns->silent_on("mcp.test");
    {
        Asker asker{asking({first.address(), second.address()})};
        EXPECT_EQ(text_of(asker.ask("mcp.test", IpFamily::v4, seconds{1})), "dns_timeout");
        EXPECT_GE(second.asked("mcp.test"), 1);
    }
    Asker asker{asking({first.address(), second.address()})};
    EXPECT_EQ(text_of(asker.ask("mcp.test", IpFamily::v4, milliseconds{350})), "agent_unhealthy");
}

TEST(DnsAgreement, AMuteNameServerIsPassedOverForAWhile) {
    DnsScript first;
    DnsScript second;
    for (const auto* name : {"a.test", "b.test", "c.test"}) {
        first.silent_on(name);
        second.on(name, DnsReply{.addresses = {"192.0.2.1"}});
    }
    Asker asker{asking({first.address(), second.address()})};
    EXPECT_EQ(text_of(asker.ask("a.test")), "192.0.2.1");
    EXPECT_EQ(text_of(asker.ask("b.test")), "192.0.2.1");
    EXPECT_EQ(first.asked("b.test"), 0);
    asker.clock.pass(seconds{31});
    EXPECT_EQ(text_of(asker.ask("c.test")), "192.0.2.1");
    EXPECT_EQ(first.asked("c.test"), 1);
}

TEST(DnsAgreement, ASecondLookAtANegativeAnswerAsksTheOtherNameServer) {
    DnsScript first;
    DnsScript second;
    first.on("mcp.test", DnsReply{.rcode = kNxDomain});
    second.on("mcp.test", DnsReply{.addresses = {"192.0.2.1"}});
    Asker asker{asking({first.address(), second.address()})};
    EXPECT_EQ(text_of(asker.ask("mcp.test")), "dns_nxdomain");
    EXPECT_EQ(text_of(asker.ask("mcp.test")), "dns_nxdomain");
    EXPECT_EQ(second.asked("mcp.test"), 0);
    const auto anew = asker.ask("mcp.test", IpFamily::v4, seconds{2}, NegativeAnswers::anew);
    EXPECT_EQ(text_of(anew), "192.0.2.1");
    EXPECT_EQ(first.asked("mcp.test"), 1);
    EXPECT_EQ(text_of(asker.ask("mcp.test")), "192.0.2.1");
}

TEST(DnsAgreement, NameServersThatCannotBeReadAreRefused) {
    boost::asio::io_context io{1};
    const SystemClock clock;
    for (const auto* bad : {"",
                            "dns.example.com",
                            "127.0.0.1:",
                            "127.0.0.1:0",
                            "127.0.0.1:65536",
                            "::1:53:",
                            "[::1",
                            "[127.0.0.1]:53",
                            "127.0.0.1 "})
        EXPECT_THROW((Resolver{io.get_executor(), clock, asking({bad})}), std::runtime_error)
            << bad;
    for (const auto* good : {"127.0.0.1", "127.0.0.1:5353", "::1", "[::1]:53"})
        EXPECT_NO_THROW((Resolver{io.get_executor(), clock, asking({good})})) << good;
}

}  // namespace
}  // namespace quorate
