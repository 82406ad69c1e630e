#include <gtest/gtest.h>

#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

using namespace std::chrono_literals;

/// The state of a region after one letter per minute, from minute 0.
RegionState after(std::string_view letters, std::uint32_t fails_needed = 2) {
    RegionState state;
    int number = 0;
    for (const char letter : letters) {
        apply(state,
              cell_of(letter, RegionId{1}, probe_at(number)),
              minute_at(number),
              {vote_memory(RuleParams{}), fails_needed});
        ++number;
    }
    return state;
}

std::string phase_after(std::string_view letters, std::uint32_t fails_needed = 2) {
    return std::string{name_of(after(letters, fails_needed).phase)};
}

TEST(RegionRuleOfTwo, GoesRoundTheFourPhases) {
    EXPECT_EQ(phase_after("."), "HEALTHY");
    EXPECT_EQ(phase_after("F"), "SUSPECT");
    EXPECT_EQ(phase_after("FF"), "FAILING");
    EXPECT_EQ(phase_after("FFF"), "FAILING");
    EXPECT_EQ(phase_after("FF."), "RECOVERING");
    EXPECT_EQ(phase_after("FF.."), "HEALTHY");
}

TEST(RegionRuleOfTwo, ASuspectRegionIsHealthyWithItsFirstHealthyCell) {
    EXPECT_EQ(phase_after("F."), "HEALTHY");
    EXPECT_EQ(phase_after("F.F"), "SUSPECT");
}

TEST(RegionRuleOfTwo, OneFailTakesARecoveringRegionBack) {
    EXPECT_EQ(phase_after("FF.F"), "FAILING");
    EXPECT_EQ(phase_after("FF.F."), "RECOVERING");
    EXPECT_EQ(phase_after("FF.F.."), "HEALTHY");
}

TEST(RegionRuleOfTwo, AnEndpointWithOneRegionNeedsThreeFails) {
    EXPECT_EQ(phase_after("FF", 3), "SUSPECT");
    EXPECT_EQ(phase_after("FFF", 3), "FAILING");
}

TEST(RegionRuleOfTwo, AuthAndDegradedAndSlowAreHealthyVotes) {
    EXPECT_EQ(phase_after("FFag"), "HEALTHY");
    EXPECT_EQ(phase_after("FFs"), "RECOVERING");
}

TEST(RegionRuleOfTwo, UnknownAndMaintenanceFreezeTheStreak) {
    EXPECT_EQ(phase_after("FuF"), "FAILING");
    EXPECT_EQ(phase_after("FmmF"), "FAILING");
    EXPECT_EQ(phase_after("FF.u."), "HEALTHY");
    EXPECT_EQ(after("FuuF").fail_minute, minute_at(0));
    EXPECT_EQ(after("ssuuus").slow_votes, 0b111);
}

TEST(RegionRuleOfTwo, AVoteTenMinutesOldStillCountsAndOneOlderDoesNot) {
    EXPECT_EQ(phase_after("FuuuuuuuuuF"), "FAILING");
    EXPECT_EQ(phase_after("FuuuuuuuuuuF"), "SUSPECT");
    EXPECT_EQ(phase_after("FFuuuuuuuuuu"), "FAILING") << "ten minutes after its last vote";
    EXPECT_EQ(phase_after("FFuuuuuuuuuuu"), "HEALTHY");
    EXPECT_EQ(after("ssmmmmmmmmmmm").slow_votes, 0);
}

TEST(RegionRuleOfTwo, RemembersThreeIntervalsWhereThatIsLonger) {
    EXPECT_EQ(vote_memory({Window::minute(), 60s, P1Quorum::two}), 10min);
    EXPECT_EQ(vote_memory({Window::minute(), 5min, P1Quorum::two}), 15min);
    EXPECT_EQ(vote_memory({*Window::of(5s), 0s, P1Quorum::two}), 50s);
}

TEST(RegionRuleOfTwo, IsSlowWithThreeSlowVotesOfTheLastFive) {
    EXPECT_FALSE(is_slow(after("ss")));
    EXPECT_TRUE(is_slow(after("sss")));
    EXPECT_TRUE(is_slow(after("s.s.s")));
    EXPECT_FALSE(is_slow(after("s.s.s.")));
    EXPECT_FALSE(is_slow(after("ssFFFF"))) << "a FAIL is a vote that is not slow";
}

TEST(RegionRuleOfTwo, CountsASlowFlagOfAnyHealthyCell) {
    RegionState state;
    auto cell = cell_of('g', RegionId{1}, probe_at(0));
    cell.slow = true;
    apply(state, cell, minute_at(0), {10min, 2});
    EXPECT_EQ(state.slow_votes, 1);
    cell = cell_of('F', RegionId{1}, probe_at(1));
    cell.slow = true;
    apply(state, cell, minute_at(1), {10min, 2});
    EXPECT_EQ(state.slow_votes, 0b10);
}

TEST(RegionRuleOfTwo, KeepsTheTimesThatAnIncidentReports) {
    const auto failing = after(".FF");
    EXPECT_EQ(failing.fail_started, probe_at(1));
    EXPECT_EQ(failing.fail_minute, minute_at(1));
    EXPECT_FALSE(failing.healthy_started);
    const auto back = after("FFFu...");
    EXPECT_EQ(back.healthy_started, probe_at(4));
    EXPECT_FALSE(back.fail_started);
    EXPECT_EQ(after("FFF.FF").fail_started, probe_at(4)) << "the streak was broken";
}

TEST(RegionRuleOfTwo, RemembersTheFailsAmongItsLastTenVotes) {
    EXPECT_EQ(after("F.F..").fail_votes, 0b10100);
    EXPECT_EQ(after("F..........").fail_votes, 0);
    EXPECT_EQ(after("Fuuuu.").fail_votes, 0b10);
}

TEST(RegionRuleOfTwo, IsAbsentAfterThreeUnknownOrADeadAgent) {
    EXPECT_EQ(shown_phase(after(".uu")), "HEALTHY");
    EXPECT_EQ(shown_phase(after(".uuu")), "ABSENT");
    EXPECT_EQ(shown_phase(after("FFd")), "ABSENT");
    EXPECT_EQ(shown_phase(after("FFd.")), "RECOVERING");
    EXPECT_EQ(after("uuuu").unknowns, 4);
}

}  // namespace
}  // namespace quorate::test
