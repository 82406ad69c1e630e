#include "platform/telemetry/readiness.hpp"

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(Readiness, IsReadyExactlyWhileNoReasonIsSet) {
    Readiness readiness;
    EXPECT_TRUE(readiness.ready());
    EXPECT_TRUE(readiness.set("redis_unreachable"));
    EXPECT_TRUE(readiness.set("postgres_unreachable"));
    EXPECT_FALSE(readiness.ready());
    EXPECT_THAT(readiness.reasons(),
                testing::ElementsAre("postgres_unreachable", "redis_unreachable"));
    EXPECT_TRUE(readiness.clear("redis_unreachable"));
    EXPECT_FALSE(readiness.ready());
    EXPECT_TRUE(readiness.clear("postgres_unreachable"));
    EXPECT_TRUE(readiness.ready());
}

TEST(Readiness, SaysWhetherAReasonChanged) {
    Readiness readiness;
    EXPECT_FALSE(readiness.clear("redis_unreachable"));
    EXPECT_TRUE(readiness.set("redis_unreachable"));
    EXPECT_FALSE(readiness.set("redis_unreachable"));
}

TEST(Readiness, WhoFollowsHearsOfEachChangeInOrderUntilItEnds) {
    Readiness readiness;
    readiness.set("a");
    std::vector<bool> heard;
    readiness.on_change([&heard](bool ready) { heard.push_back(ready); });
    readiness.set("b");
    readiness.clear("a");
    readiness.clear("b");
    readiness.clear("b");
    readiness.set("c");
    readiness.on_change({});
    readiness.clear("c");
    EXPECT_THAT(heard, testing::ElementsAre(false, true, false));
}

TEST(Readiness, ThreadsSetAndClearTheirOwnReasons) {
    Readiness readiness;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&readiness, reason = "reason_" + std::to_string(i)] {
                for (int round = 0; round < 1000; ++round) {
                    readiness.set(reason);
                    readiness.clear(reason);
                }
            });
    }
    EXPECT_TRUE(readiness.ready());
}

}  // namespace
}  // namespace quorate
