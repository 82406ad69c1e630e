#include "coordinator/planner/politeness.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/sha256.hpp"

namespace quorate::coordinator {
namespace {

const Window kWindow = Window::minute();

/// Endpoints of one tenant, each with five probes in a window.
struct Crowd {
    static constexpr double kProbes = 5;

    void add(Politeness& politeness, std::size_t count, const std::string& url) {
        for (std::size_t i = 0; i < count; ++i) {
            hashes.push_back(stable_hash("acme/" + url + std::to_string(hashes.size())));
            demands.push_back(politeness.demand(url, "acme", kProbes));
        }
    }
    std::size_t made(const Politeness& politeness, std::int64_t look) const {
        std::size_t count = 0;
        for (std::size_t i = 0; i < demands.size(); ++i)
            count += politeness.held_back(demands[i], hashes[i], look) == HeldBack::no ? 1 : 0;
        return count;
    }
    std::vector<std::uint64_t> hashes;
    std::vector<Politeness::Demand> demands;
};

TEST(Politeness, WhatIsWithinTheLimitIsNotHeldBack) {
    Politeness politeness{kWindow, {10, 10, 10, 10}};
    Crowd crowd;
    crowd.add(politeness, 120, "https://h/mcp");  // 600 probes in 60 s
    for (std::int64_t look = 0; look < 100; ++look)
        EXPECT_EQ(crowd.made(politeness, look), 120U);
}

TEST(Politeness, ACrowdedOriginGetsItsRateAndEachEndpointItsTurn) {
    Politeness politeness{kWindow, {10, 0, 0, 0}};
    Crowd crowd;
    crowd.add(politeness, 500, "https://h/mcp");  // 2,500 probes, 600 tokens
    const auto share = 600.0 / 2500.0;
    std::vector<std::int64_t> last(500, 0);
    std::size_t made = 0;
    constexpr std::int64_t kLooks = 1000;
    for (std::int64_t look = 0; look < kLooks; ++look) {
        for (std::size_t i = 0; i < 500; ++i) {
            const auto held = politeness.held_back(crowd.demands[i], crowd.hashes[i], look);
            if (held != HeldBack::no) {
                EXPECT_EQ(held, HeldBack::origin);
                continue;
            }
            ++made;
            EXPECT_LE(look - last[i], static_cast<std::int64_t>(std::ceil(1 / share)))
                << "an endpoint waited longer than its share allows";
            last[i] = look;
        }
        const auto now = static_cast<double>(crowd.made(politeness, look)) * Crowd::kProbes;
        EXPECT_NEAR(now, 600, 150) << "of one window";
    }
    EXPECT_NEAR(static_cast<double>(made) * Crowd::kProbes / kLooks, 600, 3);
}

TEST(Politeness, AnOriginIsSchemeHostAndPortAndOthersAreNotHeldBack) {
    Politeness politeness{kWindow, {10, 0, 0, 0}};
    Crowd crowd;
    crowd.add(politeness, 100, "https://h/a");
    crowd.add(politeness, 100, "https://H:443/b");  // the same
    const auto held = politeness.demand("https://h:444/a", "acme", Crowd::kProbes);
    std::size_t others = 0;
    for (std::int64_t look = 0; look < 100; ++look)
        others += politeness.held_back(held, 1, look) == HeldBack::no ? 1 : 0;
    EXPECT_EQ(others, 100U);
    EXPECT_LT(crowd.made(politeness, 0), 160U) << "1,000 probes, 600 tokens";
}

TEST(Politeness, CoordinatorsAgreeInWhateverOrderTheyLearned) {
    std::vector<std::string> urls;
    for (int i = 0; i < 300; ++i)
        urls.push_back("https://h/" + std::to_string(i));
    const auto decided = [&](bool backwards) {
        Politeness politeness{kWindow, {10, 0, 0, 0}};
        std::vector<Politeness::Demand> demands(urls.size());
        for (std::size_t n = 0; n < urls.size(); ++n) {
            const auto i = backwards ? urls.size() - 1 - n : n;
            demands[i] = politeness.demand(urls[i], "acme", 5);
        }
        std::vector<HeldBack> all;
        for (std::size_t i = 0; i < urls.size(); ++i)
            for (std::int64_t look = 0; look < 50; ++look)
                all.push_back(politeness.held_back(demands[i], stable_hash(urls[i]), look));
        return all;
    };
    EXPECT_EQ(decided(false), decided(true));
}

TEST(Politeness, ATiersRateHoldsForATenantAndMayChange) {
    Politeness politeness{kWindow, {0, 1, 10, 100}};
    Crowd crowd;
    for (std::size_t i = 0; i < 240; ++i)  // each origin has one endpoint; 1,200 probes
        crowd.add(politeness, 1, "https://h" + std::to_string(i) + "/");
    const auto average = [&] {
        double made = 0;
        for (std::int64_t look = 0; look < 200; ++look)
            made += static_cast<double>(crowd.made(politeness, look)) * Crowd::kProbes / 200;
        return made;
    };
    EXPECT_NEAR(average(), 600, 5);
    bool held = false;
    for (std::int64_t look = 0; look < 4; ++look)
        held |= politeness.held_back(crowd.demands[0], crowd.hashes[0], look) == HeldBack::tenant;
    EXPECT_TRUE(held) << "every other look";
    politeness.set_tiers({{"acme", "free"}});
    EXPECT_NEAR(average(), 60, 2);
    politeness.set_tiers({{"acme", "enterprise"}});
    EXPECT_NEAR(average(), 1200, 0.1);
    politeness.set_tiers({});
    EXPECT_NEAR(average(), 600, 5);
}

TEST(Politeness, WhatLeavesTakesNothingAnyMore) {
    Politeness politeness{kWindow, {10, 0, 0, 0}};
    Crowd crowd;
    crowd.add(politeness, 500, "https://h/mcp");
    EXPECT_LT(crowd.made(politeness, 0), 500U);
    for (std::size_t i = 120; i < 500; ++i)
        crowd.demands[i].count(false);
    EXPECT_EQ(crowd.made(politeness, 0), 500U) << "120 of them count, and fit";
    crowd.demands[0].count(true);  // again changes nothing
    crowd.demands.resize(120);
    EXPECT_EQ(crowd.made(politeness, 0), 120U);
}

}  // namespace
}  // namespace quorate::coordinator
