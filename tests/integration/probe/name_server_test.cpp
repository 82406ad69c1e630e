// The resolver against a name server that others wrote: what the scripted one (dns_script) says is
// what we think that name servers say.
#include <chrono>

#include <gtest/gtest.h>

#include "tests/integration/probe/asker.hpp"
#include "tests/integration/probe/name_server_process.hpp"

namespace quorate {
namespace {

using std::chrono::seconds;

/// As many addresses as no UDP answer of 512 bytes holds.
std::string many_addresses() {
    std::string records;
    for (int i = 1; i <= 60; ++i)
        records += "many IN A 192.0.2." + std::to_string(i) + "\n";
    return records;
}

const std::string& zone() {
    static const std::string records =
        "four 120 IN A 192.0.2.1\n"
        "six IN AAAA 2001:db8::1\n"
        "both IN A 192.0.2.2\n"
        "both IN AAAA 2001:db8::2\n"
        "short 7 IN A 192.0.2.3\n"
        "chain 200 IN CNAME hop\n"
        "hop 20 IN CNAME four\n"
        "dangling IN CNAME nowhere\n"
        "text IN TXT \"no address\"\n"
        "*.any IN A 192.0.2.4\n" +
        many_addresses();
    return records;
}

class NameServer : public testing::Test {
protected:
    static void SetUpTestSuite() { nsd_ = std::make_unique<NameServerProcess>(zone()); }
    static void TearDownTestSuite() { nsd_.reset(); }

    std::string told(const std::string& name, IpFamily family = IpFamily::v4) {
        return text_of(asker_.ask(name, family));
    }

    static inline std::unique_ptr<NameServerProcess> nsd_;
    Asker asker_{asking({nsd_->address()})};
};

TEST_F(NameServer, TellsAddressesOfBothFamilies) {
    EXPECT_EQ(told("four.quorate.test"), "192.0.2.1");
    EXPECT_EQ(told("six.quorate.test", IpFamily::v6), "2001:db8::1");
    EXPECT_EQ(told("FOUR.quorate.TEST"), "192.0.2.1");
    EXPECT_EQ(told("anything.any.quorate.test"), "192.0.2.4");
    const auto both = told("both.quorate.test", IpFamily::any);
    EXPECT_TRUE(both == "2001:db8::2 192.0.2.2" || both == "192.0.2.2 2001:db8::2") << both;
}

TEST_F(NameServer, FollowsAChainOfNamesToItsEnd) {
    EXPECT_EQ(told("chain.quorate.test"), "192.0.2.1");
    EXPECT_EQ(told("chain.quorate.test", IpFamily::v6), "dns_no_address");
}

TEST_F(NameServer, SaysWhatIsNotThere) {
    EXPECT_EQ(told("missing.quorate.test", IpFamily::any), "dns_nxdomain");
    EXPECT_EQ(told("text.quorate.test", IpFamily::any), "dns_no_address");
    EXPECT_EQ(told("four.quorate.test", IpFamily::v6), "dns_no_address");
    EXPECT_EQ(told("dangling.quorate.test"), "dns_nxdomain");
}

TEST_F(NameServer, ThatFailsIsBlamedOnlyTogetherWithAnother) {
    const NameServerProcess second{zone()};
    EXPECT_EQ(told("broken.test"), "agent_unhealthy") << "SERVFAIL of one";
    EXPECT_EQ(told("not-its-zone.test"), "agent_unhealthy") << "REFUSED by one";
    Asker of_both{asking({nsd_->address(), second.address()})};
    EXPECT_EQ(text_of(of_both.ask("broken.test")), "dns_server_failure");
    EXPECT_EQ(text_of(of_both.ask("not-its-zone.test")), "dns_server_failure");
    nsd_->pause();
    EXPECT_EQ(text_of(of_both.ask("both.quorate.test")), "192.0.2.2") << "the other one answers";
    nsd_->resume();
}

TEST_F(NameServer, IsAskedAgainWhenTheTtlOfItsAnswerIsOver) {
    const auto misses = [&] { return asker_.resolver->counts().misses; };
    struct Kept {
        const char* name;
        seconds lifetime;
    };
    for (const auto& [name, lifetime] : {Kept{"short.quorate.test", seconds{7}},
                                         Kept{"chain.quorate.test", seconds{20}},
                                         Kept{"missing.quorate.test", seconds{40}},
                                         Kept{"text.quorate.test", seconds{40}}}) {
        told(name);
        const auto before = misses();
        asker_.clock.pass(lifetime - seconds{2});
        told(name);
        EXPECT_EQ(misses(), before) << name;
        asker_.clock.pass(seconds{2});
        told(name);
        EXPECT_EQ(misses(), before + 1) << name;
    }
}

TEST_F(NameServer, FinishesByTcpWhatDoesNotFitADatagram) {
    const auto answer = asker_.ask("many.quorate.test");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->size(), kDnsAddressesMax);
}

}  // namespace
}  // namespace quorate
