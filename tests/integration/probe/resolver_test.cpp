#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

#include <unistd.h>

#include "tests/integration/probe/asker.hpp"
#include "tests/integration/probe/dns_script.hpp"

namespace quorate {
namespace {

using std::chrono::seconds;

TEST(DnsAnswers, BothFamiliesAreAskedAndOnlyTheWantedOneIs) {
    DnsScript dns;
    dns.on("both.test", DnsReply{.addresses = {"192.0.2.1", "192.0.2.2", "2001:db8::1"}});
    Asker asker{asking({dns.address()})};
    const auto any = asker.ask("both.test", IpFamily::any);
    ASSERT_TRUE(any) << any.error().detail;
    EXPECT_EQ(any->size(), 3U);
    EXPECT_EQ(text_of(asker.ask("both.test", IpFamily::v4)), "192.0.2.1 192.0.2.2");
    EXPECT_EQ(text_of(asker.ask("both.test", IpFamily::v6)), "2001:db8::1");
    EXPECT_EQ(dns.asked("both.test", kTypeA), 1);
    EXPECT_EQ(dns.asked("both.test", kTypeAaaa), 1);
}

TEST(DnsAnswers, OneFamilyIsEnough) {
    DnsScript dns;
    dns.on("old.test", [](const DnsQuestion& question) -> std::optional<DnsReply> {
        if (question.type == kTypeAaaa) return DnsReply{.rcode = kNxDomain};  // RFC 4074
        return DnsReply{.addresses = {"192.0.2.1"}};
    });
    dns.on("mute.test", [](const DnsQuestion& question) -> std::optional<DnsReply> {
        if (question.type == kTypeAaaa) return std::nullopt;
        return DnsReply{.addresses = {"192.0.2.1"}};
    });
    Asker asker{asking({dns.address()})};
    EXPECT_EQ(text_of(asker.ask("old.test", IpFamily::any)), "192.0.2.1");
    const auto begun = asker.clock.steady_now();
    EXPECT_EQ(text_of(asker.ask("mute.test", IpFamily::any)), "192.0.2.1");
    EXPECT_LT(asker.clock.steady_now() - begun, milliseconds{1900}) << "waited for the mute AAAA";
}

TEST(DnsAnswers, WhatIsNotKnownWeighsMoreThanWhatIsNot) {
    DnsScript first;
    DnsScript second;
    for (auto* dns : {&first, &second})
        dns->on("half.test", [](const DnsQuestion& question) {
            return DnsReply{.rcode = question.type == kTypeA ? kServFail : kNxDomain};
        });
    Asker asker{asking({first.address(), second.address()})};
    EXPECT_EQ(text_of(asker.ask("half.test", IpFamily::any)), "dns_server_failure");
    EXPECT_EQ(text_of(asker.ask("half.test", IpFamily::v6)), "dns_nxdomain");
}

TEST(DnsAnswers, ATruncatedAnswerIsFetchedByTcp) {
    DnsScript dns;
    dns.on("long.test", [](const DnsQuestion& question) {
        DnsReply reply{.addresses = {}};
        for (int i = 1; i <= 60; ++i)
            reply.addresses.push_back("192.0.2." + std::to_string(i));
        reply.truncated = !question.by_tcp;
        return reply;
    });
    Asker asker{asking({dns.address()})};
    const auto answer = asker.ask("long.test");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->size(), kDnsAddressesMax);
    EXPECT_EQ(dns.asked_by_tcp("long.test"), 1);
}

TEST(DnsAnswers, ALostPacketIsSentAgain) {
    DnsScript dns;
    dns.on("lossy.test", [](const DnsQuestion& question) -> std::optional<DnsReply> {
        if (question.nth == 1) return std::nullopt;
        return DnsReply{.addresses = {"192.0.2.1"}};
    });
    Asker asker{asking({dns.address()})};
    EXPECT_EQ(text_of(asker.ask("lossy.test")), "192.0.2.1");
}

TEST(DnsAnswers, AMessageThatNobodyCanReadIsAFailureOfTheNameServer) {
    DnsScript first;
    DnsScript second;
    for (auto* dns : {&first, &second})
        dns->on("odd.test", [](const DnsQuestion&) {
            DnsReply reply{.addresses = {"192.0.2.1"}};
            reply.raw = std::string("\xC0", 1);  // half a pointer where a record should be
            return reply;
        });
    Asker asker{asking({first.address(), second.address()})};
    const auto answer = text_of(asker.ask("odd.test"));
    EXPECT_TRUE(answer == "dns_server_failure" || answer == "dns_no_address") << answer;
}

TEST(DnsNames, LocalhostAsksNobody) {
    DnsScript dns;
    Asker asker{asking({dns.address()})};
    EXPECT_EQ(text_of(asker.ask("localhost", IpFamily::any)), "127.0.0.1 ::1");
    EXPECT_EQ(text_of(asker.ask("a.localhost", IpFamily::v4)), "127.0.0.1");
    EXPECT_EQ(text_of(asker.ask("localhost.", IpFamily::v6)), "::1");
    EXPECT_EQ(dns.asked("localhost") + dns.asked("a.localhost"), 0);
}

TEST(DnsNames, TheHostsFileComesFirstAndIsReadAgainWhenItChanges) {
    const auto file =
        std::filesystem::temp_directory_path() / ("quorate-hosts-" + std::to_string(::getpid()));
    std::ofstream{file} << "# ours\n192.0.2.7 Here.test alias # 192.0.2.9\n2001:db8::7 here.test\n"
                           "nonsense here.test\n";
    DnsScript dns;
    dns.on("here.test", DnsReply{.addresses = {"192.0.2.1"}});
    auto options = asking({dns.address()});
    options.hosts_file = file.string();
    Asker asker{options};
    EXPECT_EQ(text_of(asker.ask("here.test", IpFamily::any)), "192.0.2.7 2001:db8::7");
    EXPECT_EQ(text_of(asker.ask("alias")), "192.0.2.7");
    EXPECT_EQ(dns.asked("here.test"), 0);
    std::ofstream{file} << "192.0.2.8 elsewhere.test\n";
    asker.clock.pass(seconds{1});
    EXPECT_EQ(text_of(asker.ask("here.test")), "192.0.2.1");
    EXPECT_EQ(text_of(asker.ask("elsewhere.test")), "192.0.2.8");
    std::filesystem::remove(file);
    asker.clock.pass(seconds{1});
    EXPECT_EQ(text_of(asker.ask("elsewhere.test")), "dns_nxdomain");
}

TEST(DnsCaching, AnAnswerIsKeptForItsTtl) {
    DnsScript dns;
    dns.on("a.test", DnsReply{.addresses = {"192.0.2.1"}, .ttl = 30});
    Asker asker{asking({dns.address()})};
    asker.ask("a.test");
    asker.clock.pass(seconds{28});
    EXPECT_EQ(text_of(asker.ask("a.test")), "192.0.2.1");
    EXPECT_EQ(dns.asked("a.test"), 1);
    asker.clock.pass(seconds{3});
    dns.on("a.test", DnsReply{.addresses = {"192.0.2.2"}, .ttl = 30});
    EXPECT_EQ(text_of(asker.ask("a.test")), "192.0.2.2");
    EXPECT_EQ(dns.asked("a.test"), 2);
    const auto counts = asker.resolver->counts();
    EXPECT_EQ(counts.hits, 1U);
    EXPECT_EQ(counts.misses, 2U);
    EXPECT_EQ(counts.entries, 1U);
}

TEST(DnsCaching, ATtlIsHeldBetweenASecondAndFiveMinutes) {
    DnsScript dns;
    dns.on("zero.test", DnsReply{.addresses = {"192.0.2.1"}, .ttl = 0});
    dns.on("day.test", DnsReply{.addresses = {"192.0.2.1"}, .ttl = 86'400});
    Asker asker{asking({dns.address()})};
    for (const auto* name : {"zero.test", "day.test"})
        asker.ask(name);
    asker.ask("zero.test");
    EXPECT_EQ(dns.asked("zero.test"), 1);
    asker.clock.pass(seconds{1});
    asker.ask("zero.test");
    EXPECT_EQ(dns.asked("zero.test"), 2);
    asker.clock.pass(seconds{290});
    asker.ask("day.test");
    EXPECT_EQ(dns.asked("day.test"), 1);
    asker.clock.pass(seconds{10});
    asker.ask("day.test");
    EXPECT_EQ(dns.asked("day.test"), 2);
}

TEST(DnsCaching, TheLeastTtlOfAChainOfNamesCounts) {
    DnsScript dns;
    DnsReply reply{.addresses = {"192.0.2.1"}, .ttl = 200};
    reply.cname = "target.test";
    reply.cname_ttl = 10;
    dns.on("alias.test", reply);
    Asker asker{asking({dns.address()})};
    EXPECT_EQ(text_of(asker.ask("alias.test")), "192.0.2.1");
    asker.clock.pass(seconds{11});
    asker.ask("alias.test");
    EXPECT_EQ(dns.asked("alias.test"), 2);
}

TEST(DnsCaching, ANegativeAnswerIsKeptAsItsZoneSays) {
    struct Row {
        const char* name;
        DnsReply reply;
        const char* reason;
        seconds kept;
    };
    const std::pair<std::uint32_t, std::uint32_t> short_minimum{900, 20};
    const std::pair<std::uint32_t, std::uint32_t> short_ttl{15, 900};
    const std::pair<std::uint32_t, std::uint32_t> day{86'400, 86'400};
    const Row rows[] = {
        {"min.test", {.rcode = kNxDomain, .soa = short_minimum}, "dns_nxdomain", seconds{20}},
        {"ttl.test", {.rcode = kNxDomain, .soa = short_ttl}, "dns_nxdomain", seconds{15}},
        {"data.test", {.soa = short_minimum}, "dns_no_address", seconds{20}},
        {"day.test", {.rcode = kNxDomain, .soa = day}, "dns_nxdomain", kDnsNegativeTtlMax},
        {"bare.test", {.rcode = kNxDomain}, "dns_nxdomain", kDnsNegativeTtlDefault}};
    for (const auto& row : rows) {
        DnsScript dns;
        dns.on(row.name, row.reply);
        Asker asker{asking({dns.address()})};
        EXPECT_EQ(text_of(asker.ask(row.name)), row.reason) << row.name;
        asker.clock.pass(row.kept - seconds{2});
        const auto again = asker.ask(row.name);
        EXPECT_EQ(text_of(again), row.reason) << row.name;
        EXPECT_EQ(dns.asked(row.name), 1) << row.name;
        ASSERT_FALSE(again);
        EXPECT_NE(again.error().detail.find(row.name), std::string::npos) << again.error().detail;
        asker.clock.pass(seconds{3});
        EXPECT_EQ(text_of(asker.ask(row.name)), row.reason) << row.name;
        EXPECT_EQ(dns.asked(row.name), 2) << row.name;
    }
}

TEST(DnsCaching, AFailureOfANameServerIsNeverKept) {
    DnsScript first;
    DnsScript second;
    for (auto* dns : {&first, &second})
        dns->on("ill.test", DnsReply{.rcode = kServFail});
    Asker asker{asking({first.address(), second.address()})};
    EXPECT_EQ(text_of(asker.ask("ill.test")), "dns_server_failure");
    EXPECT_EQ(asker.resolver->counts().entries, 0U);
    first.on("ill.test", DnsReply{.addresses = {"192.0.2.1"}});
    EXPECT_EQ(text_of(asker.ask("ill.test")), "192.0.2.1");
}

TEST(DnsCaching, TheOneUsedLongestAgoMakesRoom) {
    DnsScript dns;
    for (const auto* name : {"a.test", "b.test", "c.test"})
        dns.on(name, DnsReply{.addresses = {"192.0.2.1"}});
    auto options = asking({dns.address()});
    options.cache_entries_max = 2;
    Asker asker{options};
    for (const auto* name : {"a.test", "b.test", "a.test", "c.test", "a.test", "b.test"})
        EXPECT_EQ(text_of(asker.ask(name)), "192.0.2.1") << name;
    EXPECT_EQ(dns.asked("a.test"), 1);
    EXPECT_EQ(dns.asked("b.test"), 2);
    const auto counts = asker.resolver->counts();
    EXPECT_EQ(counts.evictions, 2U);
    EXPECT_EQ(counts.entries, 2U);
    EXPECT_EQ(counts.hits, 2U);
    EXPECT_EQ(counts.misses, 4U);
}

TEST(DnsCaching, WhoAsksForTheSameWaitsForTheSameAnswer) {
    DnsScript dns;
    dns.on("busy.test", DnsReply{.addresses = {"192.0.2.1"}});
    Asker asker{asking({dns.address()})};
    std::vector<Resolved> outcomes(50);
    for (auto& outcome : outcomes)
        asker.start(outcome, "busy.test");
    for (const auto& outcome : outcomes) {
        asker.finish(outcome);
        EXPECT_EQ(text_of(*outcome), "192.0.2.1");
    }
    EXPECT_EQ(dns.asked("busy.test"), 1);
    EXPECT_EQ(asker.resolver->counts().joined, 49U);
}

TEST(DnsCaching, OneWhoIsCancelledLeavesTheOthersTheirAnswer) {
    DnsScript dns;
    dns.on("slow.test", [](const DnsQuestion& question) -> std::optional<DnsReply> {
        if (question.nth == 1) return std::nullopt;
        return DnsReply{.addresses = {"192.0.2.1"}};
    });
    Asker asker{asking({dns.address()})};
    boost::asio::cancellation_signal cancel;
    bool ended = false;
    Resolved other;
    auto task = asker.resolver->resolve("slow.test", IpFamily::v4, Deadline::max());
    boost::asio::co_spawn(
        asker.io,
        std::move(task),
        boost::asio::bind_cancellation_slot(
            cancel.slot(), [&](const std::exception_ptr&, Result<Addresses> result) {
                ended = true;
                if (!result) {
                    EXPECT_EQ(result.error().reason, Reason::aborted);
                }
            }));
    asker.start(other, "slow.test");
    while (dns.asked("slow.test") == 0)
        asker.io.poll();
    cancel.emit(boost::asio::cancellation_type::terminal);
    asker.finish(other);
    EXPECT_TRUE(ended);
    EXPECT_EQ(text_of(*other), "192.0.2.1");
}

TEST(DnsCaching, AResolverMayGoWhileAQuestionIsOnItsWay) {
    DnsScript dns;
    dns.silent_on("mute.test");
    auto asker = std::make_unique<Asker>(asking({dns.address()}));
    Resolved outcome;
    asker->start(outcome, "mute.test");
    while (dns.asked("mute.test") == 0)
        asker->io.poll();
    asker.reset();
    EXPECT_FALSE(outcome);
}

}  // namespace
}  // namespace quorate
