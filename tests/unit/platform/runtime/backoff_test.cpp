#include "platform/runtime/backoff.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace quorate {
namespace {

constexpr std::uint64_t kSeed = 20260728;

TEST(Backoff, EachStepDoublesUpToTheLongestAndKeepsAtLeastHalf) {
    SCOPED_TRACE("seed " + std::to_string(kSeed));
    Backoff backoff{milliseconds{100}, milliseconds{1000}, kSeed};
    for (const int whole : {100, 200, 400, 800, 1000, 1000, 1000}) {
        const auto wait = backoff.next();
        EXPECT_GE(wait.count(), whole / 2);
        EXPECT_LE(wait.count(), whole);
    }
}

TEST(Backoff, TheSameSeedGivesTheSameSequenceAndAnotherSeedAnother) {
    const auto sequence = [](std::uint64_t seed) {
        Backoff backoff{milliseconds{100}, milliseconds{60000}, seed};
        std::vector<milliseconds> waits;
        for (int i = 0; i < 10; ++i)
            waits.push_back(backoff.next());
        return waits;
    };
    EXPECT_EQ(sequence(kSeed), sequence(kSeed));
    EXPECT_NE(sequence(kSeed), sequence(kSeed + 1));
}

TEST(Backoff, AfterASuccessItStartsFromTheFirstWaitAgain) {
    Backoff backoff{milliseconds{100}, milliseconds{60000}, kSeed};
    for (int i = 0; i < 8; ++i)
        backoff.next();
    backoff.reset();
    EXPECT_LE(backoff.next(), milliseconds{100});
}

}  // namespace
}  // namespace quorate
