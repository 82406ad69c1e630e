#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "probe/dns_answer.hpp"
#include "probe/dns_cache.hpp"
#include "probe/dns_witnesses.hpp"

namespace quorate {
namespace {

using std::chrono::seconds;

DnsAnswer read(std::string_view message, IpFamily family = IpFamily::v4) {
    return read_dns_answer({reinterpret_cast<const unsigned char*>(message.data()), message.size()},
                           family);
}

// One question for `a` (A), answers, authority.
std::string message(int rcode, int answers, int authority, const std::string& records) {
    using namespace std::string_literals;
    auto bytes = "\x12\x34\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00"s;
    bytes[3] = static_cast<char>(0x80 | rcode);
    bytes[7] = static_cast<char>(answers);
    bytes[9] = static_cast<char>(authority);
    return bytes + "\x01"s + "a\0\0\x01\0\x01"s + records;
}

// `a` by a pointer to the question, type A, class IN, TTL 300, 192.0.2.1.
const std::string kRecord{"\xC0\x0C\x00\x01\x00\x01\x00\x00\x01\x2C\x00\x04\xC0\x00\x02\x01", 16};
// The root's SOA, TTL 900, minimum 60.
const std::string kSoa{
    "\x00\x00\x06\x00\x01\x00\x00\x03\x84\x00\x16\x00\x00"
    "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x3C",
    33};

TEST(DnsMessage, ReadsAddressesWithTheirTtl) {
    const auto answer = read(message(0, 1, 0, kRecord));
    EXPECT_EQ(answer.says, DnsSays::addresses);
    ASSERT_EQ(answer.addresses.size(), 1U);
    EXPECT_EQ(answer.addresses[0].to_string(), "192.0.2.1");
    EXPECT_EQ(answer.ttl, seconds{300});
}

TEST(DnsMessage, ReadsHowLongANegativeAnswerHolds) {
    const auto no_name = read(message(3, 0, 1, kSoa));
    EXPECT_EQ(no_name.says, DnsSays::no_such_name);
    EXPECT_EQ(no_name.ttl, seconds{60});
    const auto no_data = read(message(0, 0, 1, kSoa));
    EXPECT_EQ(no_data.says, DnsSays::no_addresses);
    EXPECT_EQ(no_data.ttl, seconds{60});
    EXPECT_FALSE(read(message(3, 0, 0, "")).ttl);
}

TEST(DnsMessage, ARecordOfTheOtherFamilyIsNoAddress) {
    EXPECT_EQ(read(message(0, 1, 0, kRecord), IpFamily::v6).says, DnsSays::no_addresses);
}

TEST(DnsMessage, WhatIsCutShortIsNeverReadBeyondItsEnd) {
    for (const auto& whole : {message(0, 1, 1, kRecord + kSoa), message(3, 0, 1, kSoa)})
        for (std::size_t size = 0; size < whole.size(); ++size) {
            // A copy of just that size, so that a sanitizer sees any step too far.
            const std::vector<char> cut{whole.begin(),
                                        whole.begin() + static_cast<std::ptrdiff_t>(size)};
            const auto answer = read({cut.data(), cut.size()});
            EXPECT_NE(answer.says, DnsSays::silent);
            EXPECT_LE(answer.addresses.size(), 1U);
            if (size < 12) {
                EXPECT_EQ(answer.says, DnsSays::server_failure) << size;
            }
        }
}

TEST(DnsMessage, FailureCodesAreFailuresOfTheServer) {
    for (const int rcode : {1, 2, 4, 5, 9})
        EXPECT_EQ(read(message(rcode, 0, 0, "")).says, DnsSays::server_failure) << rcode;
}

TEST(DnsWitnesses, TwoThatFailAlikeAreEnoughAndOneNeverIs) {
    using enum DnsSays;
    const auto reason = [](std::vector<DnsSays> witnesses) { return reason_of(witnesses); };
    EXPECT_EQ(reason({server_failure, server_failure}), Reason::dns_server_failure);
    EXPECT_EQ(reason({silent, silent}), Reason::dns_timeout);
    EXPECT_EQ(reason({silent, server_failure, silent}), Reason::dns_timeout);
    EXPECT_EQ(reason({silent, server_failure, silent, server_failure}), Reason::dns_server_failure);
    for (const auto& doubt : {std::vector<DnsSays>{},
                              {silent},
                              {server_failure},
                              {unreachable, unreachable},
                              {silent, server_failure},
                              {silent, unreachable},
                              {server_failure, unreachable}})
        EXPECT_EQ(reason(doubt), Reason::agent_unhealthy) << describe(doubt);
}

TEST(DnsWitnesses, AreToldInWords) {
    using enum DnsSays;
    EXPECT_EQ(describe(std::vector{silent}), "of 1 name server, 1 did not answer");
    EXPECT_EQ(describe(std::vector{server_failure, unreachable}),
              "of 2 name servers, 1 failed, 1 could not be asked");
}

DnsCache::Entry entry(DnsSays says, std::optional<seconds> ttl, std::size_t server = 0) {
    DnsCache::Entry result;
    result.answer.says = says;
    result.answer.ttl = ttl;
    result.server = server;
    return result;
}

TEST(DnsCacheRule, LifetimesAreBoundedAndFailuresHaveNone) {
    const auto lifetime = [](DnsSays says, std::optional<seconds> ttl) {
        return lifetime_of(entry(says, ttl).answer);
    };
    EXPECT_EQ(lifetime(DnsSays::addresses, seconds{0}), kDnsTtlMin);
    EXPECT_EQ(lifetime(DnsSays::addresses, seconds{42}), seconds{42});
    EXPECT_EQ(lifetime(DnsSays::addresses, seconds{1'000'000}), kDnsTtlMax);
    EXPECT_EQ(lifetime(DnsSays::no_such_name, std::nullopt), kDnsNegativeTtlDefault);
    EXPECT_EQ(lifetime(DnsSays::no_addresses, seconds{3600}), kDnsNegativeTtlMax);
    for (const auto says : {DnsSays::server_failure, DnsSays::silent, DnsSays::unreachable})
        EXPECT_FALSE(lifetime(says, seconds{60}));
}

TEST(DnsCacheRule, AHostCountsOncePerFamily) {
    DnsCache cache{8};
    const SteadyTime now{};
    cache.put("a", IpFamily::v4, entry(DnsSays::addresses, seconds{60}), now);
    EXPECT_NE(cache.find("a", IpFamily::v4, now).entry, nullptr);
    EXPECT_EQ(cache.find("a", IpFamily::v6, now).entry, nullptr);
    cache.put("a", IpFamily::v6, entry(DnsSays::no_addresses, seconds{60}), now);
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_EQ(cache.find("a", IpFamily::v4, now + seconds{60}).entry, nullptr);
    EXPECT_EQ(cache.size(), 1U);
}

TEST(DnsCacheRule, WhatIsNotBelievedIsDroppedAndSaysWhoseWordItWas) {
    DnsCache cache{8};
    const SteadyTime now{};
    cache.put("a", IpFamily::v4, entry(DnsSays::no_such_name, seconds{60}, 3), now);
    EXPECT_NE(cache.find("a", IpFamily::v4, now).entry, nullptr);
    const auto found = cache.find("a", IpFamily::v4, now, false);
    EXPECT_EQ(found.entry, nullptr);
    EXPECT_EQ(found.refuted, 3U);
    EXPECT_EQ(cache.size(), 0U);
}

TEST(DnsCacheRule, StaysWithinItsBoundWhateverComes) {
    DnsCache cache{100};
    const SteadyTime now{};
    for (int i = 0; i < 1000; ++i) {
        cache.put(
            "h" + std::to_string(i), IpFamily::v4, entry(DnsSays::addresses, seconds{9}), now);
        cache.find("h0", IpFamily::v4, now);
    }
    EXPECT_EQ(cache.size(), 100U);
    EXPECT_EQ(cache.counts().evictions, 900U);
    EXPECT_NE(cache.find("h0", IpFamily::v4, now).entry, nullptr) << "used all the time";
    EXPECT_EQ(cache.find("h1", IpFamily::v4, now).entry, nullptr);
}

}  // namespace
}  // namespace quorate
