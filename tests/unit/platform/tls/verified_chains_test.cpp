#include "platform/tls/verified_chains.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const UtcTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 11 / 24}};
const auto kKey = sha256("one");

VerifiedChain chain() {
    return {kNow - hours{24}, kNow + minutes{30}, kNow + hours{240}, "CN=x", kNow};
}

TEST(VerifiedChains, HoldWhileEachOfTheirCertificatesIsValid) {
    VerifiedChains chains;
    EXPECT_FALSE(chains.find(kKey, kNow));
    chains.keep(kKey, chain());
    ASSERT_TRUE(chains.find(kKey, kNow));
    EXPECT_EQ(chains.find(kKey, kNow)->issuer, "CN=x");
    EXPECT_TRUE(chains.find(kKey, kNow + minutes{29}));
    EXPECT_FALSE(chains.find(kKey, kNow + minutes{30}));
    EXPECT_FALSE(chains.find(sha256("two"), kNow));
}

TEST(VerifiedChains, AreBelievedForAnHourAndNeverBeforeTheyWereVerified) {
    VerifiedChains chains;
    auto long_lived = chain();
    long_lived.earliest_not_after = kNow + hours{240};
    chains.keep(kKey, long_lived);
    EXPECT_TRUE(chains.find(kKey, kNow + minutes{59}));
    EXPECT_FALSE(chains.find(kKey, kNow + minutes{60}));
    EXPECT_FALSE(chains.find(kKey, kNow - minutes{1})) << "the clock went back";
    long_lived.not_before = kNow + minutes{10};
    chains.keep(kKey, long_lived);
    EXPECT_FALSE(chains.find(kKey, kNow + minutes{9}));
    EXPECT_TRUE(chains.find(kKey, kNow + minutes{10}));
}

}  // namespace
}  // namespace quorate
