#include <gtest/gtest.h>

#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

using namespace std::chrono_literals;

TEST(Incident, OpensAsP3AndEscalatesAtOnce) {
    History history;
    history.times(3, "s....");
    EXPECT_EQ(text_of(history.timeline), "opened P3 regional");
    EXPECT_EQ(history.timeline[0].opening.started, probe_at(0)) << "the first slow probe counted";
    history.minute("FF...");
    history.minute("FF...");
    EXPECT_EQ(text_of(history.timeline), "opened P3 regional, escalated P1 partial");
    EXPECT_EQ(history.timeline[1].from, Severity::p3);
    EXPECT_EQ(history.timeline[1].from_scope, Scope::regional);
    EXPECT_EQ(history.timeline[1].opening.started, probe_at(0)) << "one opening, one start";
}

TEST(Incident, StartsWithTheEarliestStreakOfThoseThatOpenIt) {
    History history;
    history.minute(".F...");
    history.minute("FF...");
    EXPECT_EQ(history.timeline.at(0).opening.started, probe_at(0, 1));
    EXPECT_EQ(history.timeline.at(0).regions, std::vector{RegionId{2}});
}

TEST(Incident, StartsAfterABrokenStreakWithTheLastOne) {
    History history;
    history.minute("F....");
    history.minute(".....");
    history.times(2, "F....");
    EXPECT_EQ(history.timeline.at(0).opening.started, probe_at(2));
}

TEST(Incident, DeescalatesToTheHigherOfTheTwoMinutesBelow) {
    History history;
    history.times(2, "FFsss");  // P1 partial; C, D, E slow
    history.minute("F.sss");
    ASSERT_EQ(history.last().record.decision, Decision::p1) << "B RECOVERING holds it";
    history.minute("..sss");
    ASSERT_EQ(history.last().record.decision, Decision::p2);
    history.minute("..sss");
    EXPECT_EQ(history.last().record.decision, Decision::p3);
    EXPECT_EQ(text_of(history.timeline), "opened P1 partial, deescalated P2");
    history.minute("..sss");
    EXPECT_EQ(text_of(history.timeline),
              "opened P1 partial, deescalated P2, deescalated P3 regional");
}

TEST(Incident, CountsNoMinuteBelowAcrossOneThatIsNeitherP2NorP3) {
    History history;
    history.times(2, "FF...");
    history.minute("F....");
    history.minute("F....");  // P2, below for the first time
    ASSERT_EQ(history.last().record.decision, Decision::p2);
    history.minute("u....");  // PENDING breaks the run
    ASSERT_EQ(history.last().record.decision, Decision::pending);
    history.minute("F....");
    EXPECT_EQ(history.state.incident.severity, Severity::p1);
    history.minute("F....");
    EXPECT_EQ(history.state.incident.severity, Severity::p2);
}

TEST(Incident, HoldsARunBelowThroughABlindMinute) {
    History history;
    history.times(2, "FF...");
    history.times(2, "F....");
    history.minute("uuuuu");
    history.minute("F....");
    EXPECT_EQ(history.state.incident.severity, Severity::p2);
}

TEST(Incident, DoesNotDeescalateWhileAFailingRegionIsSilent) {
    History history;
    history.times(2, "FF...");
    history.times(9, "uF...");
    ASSERT_EQ(history.last().record.decision, Decision::p2);
    EXPECT_EQ(history.state.incident.severity, Severity::p1);
    history.minute("uF...");  // A's last vote is ten minutes old
    EXPECT_EQ(history.state.incident.severity, Severity::p1);
    history.minute("uF...");
    EXPECT_EQ(history.state.incident.severity, Severity::p2);
}

TEST(Incident, ReopensWithinTenMinutesOfItsCloseAndCountsAFlap) {
    History history;
    history.times(2, "FF...");
    history.times(3, ".....");
    ASSERT_EQ(text_of(history.timeline), "opened P1 partial, closed");
    history.times(8, ".....");
    history.times(2, "FF...");  // opens in the tenth minute after the close
    EXPECT_EQ(text_of(history.timeline), "opened P1 partial, closed, reopened P1 partial");
    EXPECT_EQ(history.timeline.back().ordinal, 1U);
    EXPECT_EQ(history.timeline.back().flaps, 1U);
    EXPECT_EQ(history.timeline.back().openings, 2U);
}

TEST(Incident, OpensAnotherAfterTenMinutes) {
    History history;
    history.times(2, "FF...");
    history.times(3, ".....");
    history.times(9, ".....");
    history.times(2, "FF...");
    EXPECT_EQ(text_of(history.timeline), "opened P1 partial, closed, opened P1 partial");
    EXPECT_EQ(history.timeline.back().ordinal, 2U);
    EXPECT_EQ(history.timeline.back().flaps, 0U);
    EXPECT_FALSE(history.state.incident.id);
}

TEST(Incident, CountsTenExpectedWindowsWhereTheIntervalIsLonger) {
    const RuleParams params{Window::minute(), 5min, P1Quorum::two};
    History history{params};
    EndpointState state;
    int number = 0;
    const auto look = [&](std::string_view letters) {
        const auto cells = cells_of(letters, number);
        const SealedMinute sealed{
            minute_at(number), watermark(minute_at(number), Window::minute()), cells};
        number += 5;
        return step(state, sealed, params).transitions;
    };
    for (const auto* letters : {"FF.", "FF.", "...", "..."})
        look(letters);
    ASSERT_EQ(text_of(look("...")), "closed");
    for (int i = 0; i < 8; ++i)
        look("...");
    look("FF.");
    EXPECT_EQ(text_of(look("FF.")), "reopened P1 widespread");
}

TEST(Incident, AddsUpTheRecoveriesOfItsOpenings) {
    History history;
    history.times(2, "FF...");
    history.times(3, ".....");
    history.times(2, "FF...");
    history.times(3, ".....");
    const auto first = probe_at(2, 1) - probe_at(0);
    const auto second = probe_at(7, 1) - probe_at(5);
    EXPECT_EQ(history.timeline.back().mttr_sum, first + second);
    EXPECT_EQ(history.timeline.back().openings, 2U);
}

/// Opens and closes it `times` times.
void flap(History& history, int times) {
    for (int i = 0; i < times; ++i) {
        history.times(2, "FF...");
        history.times(3, ".....");
    }
}

TEST(Flapping, StartsWithTheThirdFlapInSixtyMinutesAndNeedsTenCleanMinutes) {
    History history;
    flap(history, 3);
    EXPECT_FALSE(history.timeline.back().flapping);
    history.times(2, "FF...");
    EXPECT_EQ(history.timeline.back().flaps, 3U);
    EXPECT_TRUE(history.timeline.back().flapping);
    history.minute(".....");
    history.times(9, ".....");
    EXPECT_TRUE(history.state.incident.open);
    history.minute(".....");
    EXPECT_FALSE(history.state.incident.open);
    EXPECT_EQ(history.timeline.back().close_mark, CloseMark::none);
}

TEST(Incident, OfADeletedEndpointClosesWithoutARecovery) {
    History history;
    history.times(2, "FF...");
    const auto result = close_deleted(history.state, minute_at(2), probe_at(2));
    ASSERT_EQ(result.transitions.size(), 1U);
    const auto& closed = result.transitions[0];
    EXPECT_EQ(closed.close_mark, CloseMark::endpoint_deleted);
    EXPECT_FALSE(closed.opening.recovered);
    EXPECT_EQ(closed.mttr_sum, 0us);
    EXPECT_EQ(closed.from, Severity::p1);
    EXPECT_FALSE(closed.to);
    EXPECT_TRUE(closed.notify);
    EXPECT_TRUE(result.caught_up.empty());
    const auto again = close_deleted(history.state, minute_at(2), probe_at(2));
    EXPECT_TRUE(again.transitions.empty() && again.caught_up.empty());
}

TEST(Configuration, ARegionTakenOutLeavesFAndS) {
    History history;
    history.times(2, "FFF..");
    history.minute("u....");
    ASSERT_EQ(history.last().record.silent.count(), 1U);
    auto cells = cells_of(".....", history.next());
    cells.erase(cells.begin());
    const auto& record = history.sealed(cells).record;
    EXPECT_TRUE(record.silent.empty());
    EXPECT_EQ(record.regions, 4);
    EXPECT_EQ(history.state.incident.contributed, RegionSet::from_bits(0b0011)) << "B and C stay";
}

TEST(Configuration, ANewRegionStartsFreshAmongTheOldOnes) {
    History history;
    auto cells = cells_of("F.FF", 0);
    cells.erase(cells.begin() + 1);
    history.sealed(cells);
    const auto& record = history.minute("F.FF").record;
    EXPECT_EQ(record.failing, RegionSet::from_bits(0b1101));
    EXPECT_EQ(record.healthy, RegionSet::from_bits(0b0010));
    EXPECT_EQ(region_ids(history.state, record.failing),
              (std::vector{RegionId{1}, RegionId{3}, RegionId{4}}));
}

TEST(Step, RefusesASealedMinuteThatCannotBe) {
    History history;
    history.minute("...");
    const auto before = history.state;
    const auto now = minute_at(1);
    const auto two =
        std::vector{cell_of('.', RegionId{1}, probe_at(1)), cell_of('F', RegionId{1}, probe_at(1))};
    const auto cells = cells_of("...", 0);
    const auto many = cells_of(std::string(33, '.'), 1);
    const auto refused = [&](UtcMinute minute, std::span<const SealedCell> with) {
        EXPECT_THROW(step(history.state, {minute, probe_at(1), with}, {}), std::invalid_argument);
        EXPECT_EQ(history.state, before);
    };
    refused(minute_at(0), cells);
    refused(now, {});
    refused(now, two);
    refused(now, many);
}

TEST(Visibility, CountsTheMinutesInWhichTooFewLooked) {
    History history;
    history.minute("uuu");
    history.minute("Fuu");
    history.minute("Fuu");
    EXPECT_EQ(history.state.blind_run, 3);
    history.minute("mmm");
    EXPECT_EQ(history.state.blind_run, 3);
    history.minute("..u");
    EXPECT_EQ(history.state.blind_run, 0);
}

}  // namespace
}  // namespace quorate::test
