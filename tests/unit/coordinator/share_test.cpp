#include "coordinator/fleet/share.hpp"

#include <gtest/gtest.h>

#include "platform/fleet/fleet.hpp"

namespace quorate::coordinator {
namespace {

using Names = std::vector<std::string>;

constexpr auto kNow = UtcTime{std::chrono::hours{500'000}};

PeerBeat beat(const std::string& name, std::int64_t generation, bool current) {
    PeerBeat beat;
    beat.name = name;
    beat.at = kNow;
    beat.generation = generation;
    beat.current = current;
    return beat;
}

PeersView view(std::vector<PeerBeat> beats) {
    PeersView view;
    view.at = kNow;
    view.beats = std::move(beats);
    return view;
}

TEST(Share, TheLivingWithACurrentCataloguePlan) {
    auto silent = beat("silent", 7, true);
    silent.at = kNow - kPeerAliveFor;
    const auto seen =
        view({beat("a", 7, true), beat("b", 6, true), beat("cut-off", 7, false), silent});
    EXPECT_EQ(planners_of(seen), (Names{"a", "b"}));
    EXPECT_FALSE(nobody_changes("a", seen));
    EXPECT_FALSE(nobody_changes("cut-off", seen));
}

TEST(Share, WithoutPostgresForAnyoneThoseWithTheNewestCataloguePlan) {
    auto empty = beat("empty", 0, false);
    empty.generation.reset();
    const auto seen = view({beat("a", 7, false), beat("b", 6, false), beat("c", 7, false), empty});
    EXPECT_EQ(planners_of(seen), (Names{"a", "c"}));
    EXPECT_TRUE(nobody_changes("a", seen));
    EXPECT_FALSE(nobody_changes("b", seen));
    EXPECT_FALSE(nobody_changes("empty", seen));
    EXPECT_FALSE(nobody_changes("unheard", seen));
}

TEST(Share, OneThatCanChangeTheCatalogueButHasNoneYetPlansNothingAndStopsNobody) {
    auto starting = beat("starting", 0, true);
    starting.generation.reset();
    const auto seen = view({beat("a", 7, false), starting});
    EXPECT_EQ(planners_of(seen), (Names{"a"}));
    EXPECT_FALSE(nobody_changes("a", seen));
}

TEST(Share, NobodyPlansWhereNobodyHasACatalogue) {
    EXPECT_TRUE(planners_of(view({})).empty());
    EXPECT_TRUE(share_of("a", {}, 8).empty());
    EXPECT_FALSE(nobody_changes("a", view({})));
}

TEST(Share, EachShardFallsToOnePlanner) {
    const auto seen = view({beat("a", 7, true), beat("b", 7, true), beat("c", 7, false)});
    const auto of_a = share_of("a", planners_of(seen), 64);
    const auto of_b = share_of("b", planners_of(seen), 64);
    EXPECT_EQ(of_a.size() + of_b.size(), 64U);
    for (const auto shard : of_a)
        EXPECT_FALSE(of_b.contains(shard));
    EXPECT_TRUE(share_of("c", planners_of(seen), 64).empty());
}

}  // namespace
}  // namespace quorate::coordinator
