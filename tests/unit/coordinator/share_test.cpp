#include "coordinator/fleet/share.hpp"

#include <gtest/gtest.h>

#include "coordinator/fleet/fleet.hpp"
#include "coordinator/fleet/held_shards.hpp"

namespace quorate::coordinator {
namespace {

using Names = std::vector<std::string>;

constexpr auto kNow = UtcTime{std::chrono::hours{500'000}};

CoordinatorBeat beat(const std::string& name, std::int64_t generation, bool current) {
    CoordinatorBeat beat;
    beat.name = name;
    beat.at = kNow;
    beat.generation = generation;
    beat.current = current;
    return beat;
}

CoordinatorsView view(std::vector<CoordinatorBeat> beats) {
    CoordinatorsView view;
    view.at = kNow;
    view.beats = std::move(beats);
    return view;
}

TEST(Share, TheLivingWithACurrentCataloguePlan) {
    auto silent = beat("silent", 7, true);
    silent.at = kNow - kCoordinatorAliveFor;
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
    EXPECT_TRUE(share_of("a", view({}), 8).empty());
    EXPECT_FALSE(nobody_changes("a", view({})));
}

TEST(Share, EachShardFallsToOnePlanner) {
    const auto seen = view({beat("a", 7, true), beat("b", 7, true), beat("c", 7, false)});
    const auto of_a = share_of("a", seen, 64);
    const auto of_b = share_of("b", seen, 64);
    EXPECT_EQ(of_a.size() + of_b.size(), 64U);
    for (const auto shard : of_a)
        EXPECT_FALSE(of_b.contains(shard));
    EXPECT_TRUE(share_of("c", seen, 64).empty());
}

TEST(HeldShards, AreInForceUnderTheirEpochAndUntilTheirTime) {
    HeldShards held;
    const SteadyTime now{std::chrono::seconds{100}};
    const HeldShard one{ShardId{1}, 10};
    held.hold(one, now + milliseconds{1});
    held.hold({ShardId{2}, 20}, now + milliseconds{2});
    EXPECT_TRUE(held.in_force(one, now));
    EXPECT_FALSE(held.in_force({ShardId{1}, 11}, now));
    EXPECT_FALSE(held.in_force({ShardId{3}, 10}, now));
    EXPECT_EQ(held.in_force(now).size(), 2U);
    EXPECT_EQ(held.in_force(now + milliseconds{1}), (std::vector<HeldShard>{{ShardId{2}, 20}}));
    EXPECT_EQ(held.drop_lapsed(now + milliseconds{1}), (std::vector<HeldShard>{one}));
    EXPECT_EQ(held.size(), 1U);
    held.drop(ShardId{2});
    EXPECT_TRUE(held.all().empty());
}

TEST(CoordinatorName, WithoutOneItIsTheHostsWithThePort) {
    EXPECT_EQ(default_name("Quorate-Host.example_com", 7443), "quorate-host-example-com-7443");
    EXPECT_EQ(default_name("", 7443), "coordinator-7443");
    EXPECT_EQ(default_name("..a", 1), "a-1");
    EXPECT_EQ(default_name(std::string(100, 'x'), 65535), std::string(57, 'x') + "-65535");
}

}  // namespace
}  // namespace quorate::coordinator
