#include "core/decision/quarantine.hpp"

#include <gtest/gtest.h>

#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

const RegionId kFirst{1};

RegionTallies tallied(int endpoints, int hosts, std::string_view cells) {
    RegionTallies tallies;
    for (int i = 0; i < endpoints; ++i)
        tally(tallies, cells_of(cells, 0), 1000U + static_cast<unsigned>(i % hosts));
    return tallies;
}

TEST(LoneFail, IsTheOnlyFailingRegionAmongAtLeastTwoVoters) {
    EXPECT_EQ(lone_fail(cells_of("F....", 0)), kFirst);
    EXPECT_EQ(lone_fail(cells_of(".Fuuu", 0)), RegionId{2});
    EXPECT_EQ(lone_fail(cells_of("Fauuu", 0)), kFirst);
    EXPECT_FALSE(lone_fail(cells_of("Fuuuu", 0))) << "nobody else votes";
    EXPECT_FALSE(lone_fail(cells_of("FF...", 0)));
    EXPECT_FALSE(lone_fail(cells_of(".....", 0)));
    EXPECT_FALSE(lone_fail(cells_of("mF", 0)));
}

TEST(Quarantine, NeedsFiveEndpointsOnThreeHosts) {
    EXPECT_TRUE(is_quarantined(tallied(5, 3, "F...").at(kFirst)));
    EXPECT_FALSE(is_quarantined(tallied(4, 4, "F...").at(kFirst)));
    EXPECT_FALSE(is_quarantined(tallied(50, 2, "F...").at(kFirst)));
}

TEST(Quarantine, NeedsHalfOfTheEndpointsWithAVoteThere) {
    auto tallies = tallied(5, 5, "F...");
    merge_into(tallies, tallied(5, 5, "...."));
    EXPECT_EQ(tallies.at(kFirst).voters, 10U);
    EXPECT_TRUE(is_quarantined(tallies.at(kFirst)));
    merge_into(tallies, tallied(1, 1, "u..."));
    EXPECT_TRUE(is_quarantined(tallies.at(kFirst))) << "no vote there";
    merge_into(tallies, tallied(1, 1, "FF.."));
    EXPECT_FALSE(is_quarantined(tallies.at(kFirst))) << "an outage is a vote, not a lone fail";
}

TEST(Quarantine, CountsTheSameInAnyOrderOfShards) {
    RegionTallies forth;
    RegionTallies back;
    for (unsigned host : {9U, 3U, 7U, 1U, 5U, 3U}) {
        RegionTallies shard;
        tally(shard, cells_of("F..", 0), host);
        merge_into(forth, shard);
    }
    for (unsigned host : {3U, 5U, 1U, 7U, 3U, 9U}) {
        RegionTallies shard;
        tally(shard, cells_of("F..", 0), host);
        merge_into(back, shard);
    }
    EXPECT_EQ(forth, back);
    EXPECT_EQ(forth.at(kFirst).hosts, (std::array<std::uint64_t, 3>{1, 3, 5}));
    EXPECT_EQ(forth.at(kFirst).lone_fails, 6U);
}

TEST(Quarantine, TurnsTheLoneFailOfABadRegionAndNothingElse) {
    const std::vector bad{kFirst};
    auto cells = cells_of("F.s", 0);
    EXPECT_TRUE(quarantine(cells, bad));
    EXPECT_EQ(cells[0].verdict, Verdict::unknown);
    EXPECT_EQ(cells[0].reason, Reason::region_fault);
    EXPECT_EQ(cells[1].verdict, Verdict::up);
    EXPECT_EQ(cells[2].verdict, Verdict::slow);
}

TEST(Quarantine, LeavesAnotherRegionsFailAndAnOutageAlone) {
    const std::vector bad{kFirst};
    for (const auto* letters : {".F.", "FF.", "FFF", "...", "Fuu"}) {
        auto cells = cells_of(letters, 0);
        EXPECT_FALSE(quarantine(cells, bad)) << letters;
        EXPECT_EQ(cells, cells_of(letters, 0)) << letters;
    }
}

}  // namespace
}  // namespace quorate::test
