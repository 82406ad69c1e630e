#include <gtest/gtest.h>

#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kInTime = 10min;  // the latest that still notifies
constexpr auto kLate = 10min + 1ms;

TEST(CatchUp, RecordsWithoutNotifyingAndThenTellsTheChangeOnce) {
    History history;
    history.minute("F....", kLate);
    history.minute("F....", kLate);
    ASSERT_EQ(text_of(history.timeline), "opened P2");
    EXPECT_FALSE(history.timeline[0].notify);
    EXPECT_TRUE(history.last().caught_up.empty());
    history.minute("FF...", kLate);
    history.minute("FF...", kInTime);  // escalates in the first minute sealed in time
    ASSERT_EQ(history.last().transitions.size(), 1U);
    EXPECT_FALSE(history.last().transitions[0].notify);
    ASSERT_EQ(text_of(history.last().caught_up), "opened P1 partial");
    EXPECT_TRUE(history.last().caught_up[0].notify);
    history.minute("FF...");
    EXPECT_TRUE(history.last().caught_up.empty());
}

TEST(CatchUp, TellsNothingOfAnIncidentThatCameAndWent) {
    History history;
    for (const auto* letters : {"FF...", "FF...", ".....", ".....", "....."})
        history.minute(letters, kLate);
    ASSERT_EQ(text_of(history.timeline), "opened P1 partial, closed");
    history.minute(".....");
    EXPECT_TRUE(history.last().caught_up.empty());
    EXPECT_FALSE(history.state.incident.behind);
}

TEST(CatchUp, TellsTheCloseOfWhatWasNotifiedAsOpen) {
    History history;
    history.times(2, "FF...");
    set_incident_id(history.state, IncidentId{77});
    for (int i = 0; i < 3; ++i)
        history.minute(".....", kLate);
    history.minute(".....");
    ASSERT_EQ(text_of(history.last().caught_up), "closed");
    EXPECT_EQ(history.last().caught_up[0].incident, IncidentId{77});
    EXPECT_EQ(history.last().caught_up[0].from, Severity::p1);
    EXPECT_TRUE(history.last().caught_up[0].opening.recovered);
}

TEST(CatchUp, TellsBothWhereAnotherIncidentIsOpenByNow) {
    History history;
    history.times(2, "FF...");
    set_incident_id(history.state, IncidentId{77});
    for (int i = 0; i < 15; ++i)
        history.minute(".....", kLate);
    history.minute("F....", kLate);
    history.minute("F....", kLate);
    history.minute("F....");
    ASSERT_EQ(text_of(history.last().caught_up), "closed, opened P2");
    EXPECT_EQ(history.last().caught_up[0].incident, IncidentId{77});
    EXPECT_EQ(history.last().caught_up[0].ordinal, 1U);
    EXPECT_EQ(history.last().caught_up[1].ordinal, 2U);
}

TEST(CatchUp, TellsAChangedSeverityOfTheSameIncident) {
    History history;
    history.times(2, "F....");
    history.minute("FF...", kLate);
    history.minute("FF...", kLate);
    history.minute("FF...");
    ASSERT_EQ(text_of(history.last().caught_up), "escalated P1 partial");
    EXPECT_EQ(history.last().caught_up[0].from, Severity::p2);
}

TEST(Silence, KeepsWhatItHoldsBackMarkableAndTheMinuteAfterItTellsTheChangeOnce) {
    History history;
    history.silenced = true;
    history.times(2, "F....");
    history.times(2, "FF...");
    ASSERT_EQ(text_of(history.timeline), "opened P2, escalated P1 partial");
    for (const auto& entry : history.timeline)
        EXPECT_TRUE(entry.notify) << "its row says by what it is silenced";
    EXPECT_TRUE(history.last().caught_up.empty());
    history.silenced = false;
    history.minute("FF...");
    ASSERT_EQ(text_of(history.last().caught_up), "opened P1 partial");
    history.minute("FF...");
    EXPECT_TRUE(history.last().caught_up.empty());
}

TEST(Silence, TellsNothingOfWhatCameAndWentInIt) {
    History history;
    history.silenced = true;
    for (const auto* letters : {"FF...", "FF...", ".....", ".....", "....."})
        history.minute(letters);
    ASSERT_EQ(text_of(history.timeline), "opened P1 partial, closed");
    history.silenced = false;
    history.minute(".....");
    EXPECT_TRUE(history.last().caught_up.empty());
}

TEST(Silence, TellsTheCloseOfWhatWasToldAsOpenBefore) {
    History history;
    history.times(2, "FF...");
    history.silenced = true;
    for (int i = 0; i < 3; ++i)
        history.minute(".....");
    history.silenced = false;
    history.minute(".....");
    EXPECT_EQ(text_of(history.last().caught_up), "closed");
}

TEST(Silence, HoldsBackNothingOfADeletedEndpointThatPeopleTakeToBeOpen) {
    History told;
    told.times(2, "FF...");
    told.silenced = true;
    auto result = close_deleted(told.state, minute_at(2), probe_at(2));
    ASSERT_EQ(result.transitions.size(), 1U);
    EXPECT_TRUE(result.transitions[0].notify);
    EXPECT_TRUE(result.caught_up.empty());

    History untold;
    untold.silenced = true;
    untold.times(2, "FF...");
    result = close_deleted(untold.state, minute_at(2), probe_at(2));
    ASSERT_EQ(result.transitions.size(), 1U);
    EXPECT_FALSE(result.transitions[0].notify);
    EXPECT_TRUE(result.caught_up.empty());

    History closed;  // in the silence
    closed.times(2, "FF...");
    set_incident_id(closed.state, IncidentId{77});
    closed.silenced = true;
    closed.times(3, ".....");
    result = close_deleted(closed.state, minute_at(5), probe_at(5));
    EXPECT_TRUE(result.transitions.empty());
    ASSERT_EQ(text_of(result.caught_up), "closed");

    closed.times(12, ".....");  // and another one is open that nobody knows
    closed.times(2, "FF...");
    closed.state.incident.notified = {true, 1, IncidentId{77}, Severity::p1};
    result = close_deleted(closed.state, minute_at(19), probe_at(19));
    ASSERT_EQ(text_of(result.transitions), "closed");
    EXPECT_FALSE(result.transitions[0].notify);
    ASSERT_EQ(text_of(result.caught_up), "closed");
    EXPECT_EQ(result.caught_up[0].incident, IncidentId{77});
}

TEST(Silence, WhileWeCatchUpHoldsBackLikeAnyOtherMinute) {
    History history;
    history.silenced = true;
    history.minute("FF...", kLate);
    history.minute("FF...", kLate);
    ASSERT_EQ(history.timeline.size(), 1U);
    EXPECT_FALSE(history.timeline[0].notify);
}

}  // namespace
}  // namespace quorate::test
