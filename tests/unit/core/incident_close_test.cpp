#include <gtest/gtest.h>

#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

TEST(Close, TakesTwoCleanMinutes) {
    History history;
    history.times(2, "FF...");
    history.minute(".....");  // RECOVERING
    history.minute(".....");  // clean
    EXPECT_TRUE(history.state.incident.open);
    history.minute(".....");
    EXPECT_FALSE(history.state.incident.open);
    EXPECT_EQ(history.timeline.back().opening.recovered, probe_at(2, 1));
    EXPECT_EQ(history.timeline.back().close_mark, CloseMark::none);
}

TEST(Close, CountsAcrossBlindMinutesAndNotAcrossOthers) {
    History history;
    history.times(2, "FF...");
    history.times(2, ".....");
    history.minute("uuuuu");
    history.minute("mmmmm");
    history.minute("F.uuu");  // row 8, one HEALTHY: not clean, breaks the run
    ASSERT_EQ(int{history.last().record.rule_row}, 8);
    history.minute("..uuu");
    EXPECT_TRUE(history.state.incident.open);
    history.minute("uuuuu");
    EXPECT_TRUE(history.state.incident.open) << "never by absence";
    history.minute("..uuu");
    EXPECT_FALSE(history.state.incident.open);
}

TEST(Close, AuthEverywhereClosesAP1BecauseReachableIsAllWeCanSee) {
    History history;
    history.times(2, "FFFFF");
    history.times(3, "aaaaa");
    EXPECT_FALSE(history.state.incident.open);
}

TEST(Close, WaitsForASilentFailingRegion) {
    History history;
    history.times(2, "F....");
    history.times(10, "u....");
    EXPECT_EQ(history.last().record.decision, Decision::pending);
    EXPECT_TRUE(history.state.incident.open);
    history.minute("u....");
    EXPECT_TRUE(history.state.incident.open);
    history.minute("u....");
    EXPECT_FALSE(history.state.incident.open);
    EXPECT_EQ(history.timeline.back().opening.recovered, UtcTime{minute_at(12).start()})
        << "A never came back: the start of the first clean minute";
}

TEST(Close, LeavesOutARegionThatNeverCameBack) {
    History history;
    history.times(2, "FF...");
    history.times(12, "u....");
    EXPECT_FALSE(history.state.incident.open);
    EXPECT_EQ(history.timeline.back().opening.recovered, probe_at(2, 1)) << "B's first healthy one";
}

TEST(Close, OfAnEndpointWithOneRegionTakesTenCleanMinutes) {
    History history;
    history.times(2, "F");
    EXPECT_FALSE(history.state.incident.open) << "K = 3";
    history.minute("F");
    ASSERT_EQ(text_of(history.timeline), "opened P1 global");
    EXPECT_TRUE(history.last().record.single_witness);
    history.minute(".");  // RECOVERING
    history.times(9, ".");
    EXPECT_TRUE(history.state.incident.open);
    history.minute(".");
    EXPECT_FALSE(history.state.incident.open);
    EXPECT_EQ(history.timeline.back().close_mark, CloseMark::single_witness);
    EXPECT_EQ(history.timeline.back().opening.recovered, probe_at(3));
}

TEST(Close, OnOneOfSeveralWitnessesTakesTenMinutesWithNobodySilent) {
    History history;
    history.times(2, "FF");
    history.times(2, "..");
    ASSERT_TRUE(history.state.incident.open);
    history.times(8, ".u");  // with the clean minute before: nine
    EXPECT_TRUE(history.state.incident.open);
    history.minute(".u");
    EXPECT_FALSE(history.state.incident.open);
    EXPECT_EQ(history.timeline.back().close_mark, CloseMark::single_witness);
    EXPECT_EQ(history.timeline.back().opening.recovered, probe_at(2, 1));
}

TEST(Close, OnOneWitnessDoesNotCountWhileTheOtherIsSilentAndFailing) {
    History history;
    history.times(2, "FF");
    history.times(11, ".u");  // B FAILING and silent in the first ten of these
    ASSERT_TRUE(history.last().record.silent.empty());
    EXPECT_EQ(history.state.incident.witness_run, 1);
    history.times(9, ".u");
    EXPECT_FALSE(history.state.incident.open);
}

TEST(Close, OnOneWitnessIsHeldUpAndNotSetBackByMinutesInWhichThatWitnessFails) {
    History history;
    history.times(2, "FF");
    history.times(2, "..");
    history.times(8, ".u");  // with the clean minute before: nine
    history.minute("Fu");    // SUSPECT
    ASSERT_EQ(history.last().record.decision, Decision::low_visibility);
    history.minute("Fu");
    ASSERT_EQ(history.last().record.decision, Decision::unconfirmed);
    history.minute(".u");  // RECOVERING
    ASSERT_EQ(history.last().record.decision, Decision::unconfirmed);
    EXPECT_TRUE(history.state.incident.open);
    EXPECT_EQ(history.state.incident.witness_run, 9) << "rows 0 to 2 neither count nor break";
    history.minute(".u");
    EXPECT_FALSE(history.state.incident.open);
    EXPECT_EQ(history.timeline.back().close_mark, CloseMark::single_witness);
}

TEST(Close, OnOneWitnessStartsAgainAfterAMinuteThatSeveralSawAndThatWasNotClean) {
    History history;
    history.times(2, "FF");
    history.times(2, "..");
    history.times(8, ".u");
    ASSERT_EQ(history.state.incident.witness_run, 9);
    history.minute(".F");  // row 8, one HEALTHY: not clean
    ASSERT_EQ(int{history.last().record.rule_row}, 8);
    EXPECT_EQ(history.state.incident.witness_run, 0);
    history.times(9, ".u");
    EXPECT_TRUE(history.state.incident.open);
    history.minute(".u");
    EXPECT_FALSE(history.state.incident.open);
}

TEST(CloseOfP3, ComesWithTheFirstCleanMinuteWithoutASlowVoteLeft) {
    History history;
    history.times(3, "s....");
    history.times(4, ".....");
    EXPECT_TRUE(history.state.incident.open) << "one slow vote is among the last five";
    history.minute(".....");
    EXPECT_FALSE(history.state.incident.open);
    EXPECT_EQ(text_of(history.timeline), "opened P3 regional, closed");
    EXPECT_EQ(history.timeline.back().opening.recovered, probe_at(3));
    EXPECT_EQ(history.timeline.back().opening.started, probe_at(0));
}

TEST(CloseOfP3, NeverComesInAMinuteThatNobodySaw) {
    History history;
    history.times(3, "ss...");
    history.times(40, "uuuuu");
    EXPECT_TRUE(history.state.incident.open);
    history.minute(".....");
    EXPECT_FALSE(history.state.incident.open);
}

TEST(CloseOfP3, FollowsTheScopeOfTheSlowness) {
    History history;
    history.times(3, "s..");
    history.times(3, "sss");
    EXPECT_EQ(text_of(history.timeline), "opened P3 regional, scope_changed P3 global");
    history.times(5, "...");
    EXPECT_FALSE(history.state.incident.open);
    EXPECT_EQ(history.timeline.back().opening.recovered, probe_at(6, 2)) << "the last region's";
}

TEST(Pause, HoldsTheIncident) {
    History history;
    history.times(2, "FF...");
    history.skip(1000);
    EXPECT_EQ(history.minute(".....").record.decision, Decision::ok) << "states started fresh";
    EXPECT_TRUE(history.state.incident.open);
    history.minute(".....");
    EXPECT_FALSE(history.state.incident.open);
}

TEST(Maintenance, HoldsTheIncident) {
    History history;
    history.times(2, "FF...");
    history.times(100, "mmmmm");
    EXPECT_EQ(history.last().record.decision, Decision::maint);
    EXPECT_EQ(text_of(history.timeline), "opened P1 partial");
}

}  // namespace
}  // namespace quorate::test
