#include <gtest/gtest.h>

#include "core/incident/down_time.hpp"
#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

struct Line {
    const char* cells;
    const char* decision;
    const char* scope;
    int row;
    const char* states;    ///< first letters of the phases
    const char* severity;  ///< of the incident afterwards; empty: none open
};

/// Regions A to E, minutes 1 to 11.
constexpr std::array kLines{
    Line{"F....", "OK", "", 8, "SHHHH", ""},
    Line{"F....", "P2", "", 5, "FHHHH", "P2"},
    Line{"FF...", "P2", "", 5, "FSHHH", "P2"},
    Line{"FF...", "P1", "partial", 4, "FFHHH", "P1"},
    Line{"FFFFF", "P1", "global", 3, "FFSSS", "P1"},
    Line{"....F", "P1", "widespread", 4, "RRHHF", "P1"},
    Line{"....F", "P2", "", 5, "HHHHF", "P1"},
    Line{"....F", "P2", "", 5, "HHHHF", "P2"},
    Line{".....", "P2", "", 5, "HHHHR", "P2"},
    Line{".....", "OK", "", 8, "HHHHH", "P2"},
    Line{".....", "OK", "", 8, "HHHHH", ""},
};

std::string letters_of(const std::vector<RegionState>& states) {
    std::string letters;
    for (const auto& state : states)
        letters += name_of(state.phase).front();
    return letters;
}

/// Minute 1 of the example is minute 0 here.
History played() {
    History history;
    for (const auto& line : kLines)
        history.minute(line.cells);
    return history;
}

TEST(WorkedExample, IsDecidedLineByLine) {
    History history;
    int number = 1;
    for (const auto& line : kLines) {
        SCOPED_TRACE("minute " + std::to_string(number++));
        const auto& result = history.minute(line.cells);
        EXPECT_EQ(name_of(result.record.decision), line.decision);
        EXPECT_EQ(name_of(result.record.scope), line.scope);
        EXPECT_EQ(int{result.record.rule_row}, line.row);
        EXPECT_EQ(letters_of(history.state.states), line.states);
        const auto& incident = history.state.incident;
        EXPECT_EQ(incident.open ? name_of(incident.severity) : "", line.severity);
    }
}

TEST(WorkedExample, IsOneIncidentWithOneTimeline) {
    const auto history = played();
    EXPECT_EQ(text_of(history.timeline),
              "opened P2, escalated P1 partial, scope_changed P1 global, "
              "scope_changed P1 widespread, deescalated P2, closed");
    for (const auto& entry : history.timeline) {
        EXPECT_EQ(entry.ordinal, 1U);
        EXPECT_TRUE(entry.notify);
    }
    EXPECT_EQ(history.timeline.back().worst, Severity::p1);
    EXPECT_EQ(history.timeline.back().minute, minute_at(10));
    EXPECT_EQ(history.timeline.back().regions.size(), 5U);
}

TEST(WorkedExample, StartedWithAsFirstFailAndRecoveredWithEsProbeOfMinuteNine) {
    const auto history = played();
    const auto& opening = history.timeline.back().opening;
    EXPECT_EQ(opening.started, probe_at(0, 0));
    EXPECT_EQ(opening.detected, watermark(minute_at(1), Window::minute()));
    EXPECT_EQ(opening.recovered, probe_at(8, 4));
    EXPECT_EQ(history.timeline.back().mttr_sum, probe_at(8, 4) - probe_at(0, 0));
}

TEST(WorkedExample, IsDownInMinutesThreeToFive) {
    History history;
    std::map<std::pair<RegionId, UtcMinute>, Spell> spells;
    std::vector<std::uint8_t> rows;
    for (const auto& line : kLines) {
        const auto& result = history.minute(line.cells);
        rows.push_back(result.record.rule_row);
        for (const auto& spell : grown_spells(history.state, result.record))
            spells[{spell.region, spell.first}] = spell;
    }
    std::vector<Spell> all;
    for (const auto& [key, spell] : spells)
        all.push_back(spell);
    for (int i = 0; i < 11; ++i) {
        const bool down = i + 1 >= 3 && i + 1 <= 5;
        EXPECT_EQ(use_of(minute_at(i), rows[static_cast<std::size_t>(i)], all, 2),
                  down ? MinuteUse::down : MinuteUse::up)
            << "minute " << i + 1;
    }
}

TEST(WorkedExample, FourDeadAgentsNeverMakeAP1) {
    History history;
    EXPECT_EQ(history.minute("Fuuuu").record.decision, Decision::low_visibility);
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(history.minute("Fuuuu").record.decision, Decision::unconfirmed);
    EXPECT_TRUE(history.timeline.empty());
}

TEST(WorkedExample, TwoFailingRegionsAloneAreAGlobalP1) {
    History history;
    EXPECT_EQ(history.minute("FFuuu").record.decision, Decision::ok);
    const auto& record = history.minute("FFuuu").record;
    EXPECT_EQ(record.decision, Decision::p1);
    EXPECT_EQ(record.scope, Scope::global);
    EXPECT_DOUBLE_EQ(coverage(record), 2.0 / 5.0);
}

TEST(WorkedExample, NobodyLookingIsBlind) {
    History history;
    EXPECT_EQ(history.minute("uuuuu").record.decision, Decision::blind);
    EXPECT_TRUE(history.timeline.empty());
}

}  // namespace
}  // namespace quorate::test
