#include "core/base/lru_cache.hpp"

#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace quorate {
namespace {

using Cache = LruCache<int, std::string, std::hash<int>>;

TEST(LruCache, ForgetsTheLeastRecentlyUsedWhenItsWeightIsFull) {
    Cache cache{3};
    cache.put(1, "a");
    cache.put(2, "b");
    cache.put(3, "c");
    ASSERT_TRUE(cache.find(1));  // used: 2 is now the oldest
    cache.put(4, "d");
    EXPECT_FALSE(cache.find(2));
    EXPECT_EQ(*cache.find(1), "a");
    EXPECT_EQ(cache.size(), 3U);
    EXPECT_EQ(cache.evictions(), 1U);
    cache.put(4, "another");
    cache.erase(1);
    EXPECT_EQ(cache.evictions(), 1U) << "these went by themselves";
}

TEST(LruCache, AValueThatAlonePassesTheBoundIsNotKeptAndTakesItsKeysOldOneAway) {
    Cache cache{10};
    cache.put(1, "a", 4);
    cache.put(2, "b", 4);
    cache.put(1, "too much", 11);
    EXPECT_FALSE(cache.find(1));
    EXPECT_TRUE(cache.find(2));
    EXPECT_EQ(cache.weight(), 4U);
}

TEST(LruCache, HoldsItsBoundAndGivesWhatWasPutLastUnderAnyUse) {
    const auto seed = std::random_device{}();
    RecordProperty("seed", static_cast<int>(seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    Cache cache{50};
    std::map<int, std::string> last;
    for (int i = 0; i < 20'000; ++i) {
        const int key = static_cast<int>(random() % 40);
        switch (random() % 3) {
            case 0:
                last[key] = std::to_string(i);
                cache.put(key, last[key], random() % 20);
                break;
            case 1:
                cache.erase(key);
                EXPECT_FALSE(cache.find(key));
                break;
            default:
                if (const auto* found = cache.find(key)) {
                    ASSERT_EQ(*found, last[key]);
                }
        }
        ASSERT_LE(cache.weight(), 50U);
    }
}

}  // namespace
}  // namespace quorate
