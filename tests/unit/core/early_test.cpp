#include <gtest/gtest.h>

#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

std::vector<RegionId> regions(std::size_t count) {
    std::vector<RegionId> ids;
    for (std::size_t i = 0; i < count; ++i)
        ids.emplace_back(i + 1);
    return ids;
}

/// The cells of the next minute that came so far; `-` is one that did not.
std::vector<SealedCell> partial(std::string_view letters, int number) {
    std::vector<SealedCell> cells;
    for (std::size_t i = 0; i < letters.size(); ++i)
        if (letters[i] != '-')
            cells.push_back(cell_of(letters[i], RegionId{i + 1}, probe_at(number, i)));
    return cells;
}

bool early(const History& history, std::string_view letters) {
    const auto cells = partial(letters, history.next());
    const auto configured = regions(letters.size());
    return early_p1(history.state,
                    {minute_at(history.next()), probe_at(history.next(), 30), configured, cells},
                    history.params());
}

TEST(EarlyP1, IsCertainOnceTwoRegionsAreFailingByAFailOfTheMinute) {
    History history;
    history.minute("FF...");
    EXPECT_FALSE(early(history, "-----"));
    EXPECT_FALSE(early(history, "F----"));
    EXPECT_FALSE(early(history, "F-F--")) << "C would be SUSPECT";
    EXPECT_TRUE(early(history, "FF---"));
    EXPECT_TRUE(early(history, "FF..."));
    EXPECT_FALSE(early(history, "mm---"));
}

TEST(EarlyP1, NeedsTheMinuteBeforeToBeSealed) {
    History history;
    history.minute("FF...");
    history.skip(1);
    EXPECT_FALSE(early(history, "FF---"));
}

TEST(EarlyP1, NeedsTheQuorumOfTheEndpoint) {
    History history{{Window::minute(), {}, P1Quorum::majority}};
    history.minute("FFF..");
    EXPECT_FALSE(early(history, "FF---"));
    EXPECT_TRUE(early(history, "FFF--"));
}

TEST(EarlyP1, IsNeverGivenForOneRegion) {
    History history;
    history.times(2, "F");
    EXPECT_FALSE(early(history, "F"));
}

TEST(EarlyP1, WaitsForTheSealWhereTheRegionsWereChanged) {
    History history;
    history.minute("FF...");
    EXPECT_FALSE(early(history, "FF----"));
    EXPECT_FALSE(early(history, "FF--"));
}

TEST(EarlyP1, OpensTheIncidentAndLeavesTheScopeToTheSeal) {
    History history;
    history.minute("FF...");
    const auto cells = partial("FF---", 1);
    const auto configured = regions(5);
    const EarlyMinute minute{minute_at(1), probe_at(1, 30), configured, cells};
    const auto states = history.state.states;
    const auto result = step_early(history.state, minute, {});
    ASSERT_EQ(text_of(result.transitions), "opened P1");
    EXPECT_TRUE(result.transitions[0].early);
    EXPECT_TRUE(result.transitions[0].notify);
    EXPECT_EQ(result.transitions[0].opening.detected, probe_at(1, 30));
    EXPECT_EQ(result.transitions[0].opening.started, probe_at(0));
    EXPECT_EQ(history.state.states, states);
    EXPECT_TRUE(step_early(history.state, minute, {}).transitions.empty()) << "once";

    history.minute("FF...");
    EXPECT_EQ(text_of(history.last().transitions), "scope_changed P1 partial");
    EXPECT_EQ(history.state.incident.opening.detected, probe_at(1, 30));
}

TEST(EarlyP1, TheSealSetsTheStartByAllRegionsThatContribute) {
    History history;
    history.minute("FFF..");
    // B and C deliver first; A, whose first FAIL was before theirs, comes last.
    const auto cells = partial("-FF--", 1);
    const auto configured = regions(5);
    const auto early = step_early(
        history.state, {minute_at(1), probe_at(1, 30), configured, cells}, history.params());
    ASSERT_EQ(text_of(early.transitions), "opened P1");
    EXPECT_EQ(early.transitions[0].opening.started, probe_at(0, 1));
    history.minute("FFF..");
    ASSERT_EQ(text_of(history.last().transitions), "scope_changed P1 widespread");
    EXPECT_EQ(history.last().transitions[0].opening.started, probe_at(0, 0));
    EXPECT_EQ(history.state.incident.opening.started, probe_at(0, 0));
    // A region that joins later changes it no more.
    History other;
    other.minute("uFF..");
    other.minute("FFF..");
    other.minute("FFF..");
    EXPECT_EQ(other.state.incident.opening.started, probe_at(0, 1));
}

}  // namespace
}  // namespace quorate::test
