#include <ostream>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

/// Phases: H healthy, S suspect, F failing, R recovering, as they are after the cells; `~` before a
/// phase: slow in 3 of the last 5 votes. One more line per case of a row.
struct Case {
    const char* phases;
    const char* cells;
    P1Quorum quorum;
    std::optional<Severity> open;
    int row;
    Decision decision;
    Scope scope;
};

void PrintTo(const Case& c, std::ostream* out) {
    *out << c.phases << " / " << c.cells << " / quorum " << name_of(c.quorum) << " / open "
         << (c.open ? name_of(*c.open) : "none");
}

RegionPhase phase_of(char letter) {
    switch (letter) {
        case 'S':
            return RegionPhase::suspect;
        case 'F':
            return RegionPhase::failing;
        case 'R':
            return RegionPhase::recovering;
        default:
            return RegionPhase::healthy;
    }
}

DecisionRecord decide_case(const Case& c) {
    std::vector<RegionState> states;
    bool slow = false;
    for (const char* letter = c.phases; *letter != '\0'; ++letter) {
        if (*letter == '~') {
            slow = true;
            continue;
        }
        auto& state = states.emplace_back();
        state.phase = phase_of(*letter);
        if (slow) state.slow_votes = 0b10101;
        slow = false;
    }
    Votes votes;
    const auto cells = cells_of(c.cells, 0);
    for (std::size_t i = 0; i < cells.size(); ++i)
        add_vote(votes, i, cells[i].verdict);
    return decide(states, votes, quorum_of(c.quorum, states.size()), c.open);
}

constexpr std::optional<Severity> kNone;
constexpr auto kTwo = P1Quorum::two;
constexpr auto kMajority = P1Quorum::majority;
constexpr auto kAll = P1Quorum::all;
constexpr auto kP1 = Severity::p1;
constexpr auto kP2 = Severity::p2;
constexpr auto kP3 = Severity::p3;

const std::vector<Case> kCases{
    // Row 0: maintenance everywhere, whatever the states are.
    {"HHH", "mmm", kTwo, kNone, 0, Decision::maint, Scope::none},
    {"FFF", "mmm", kTwo, kP1, 0, Decision::maint, Scope::none},
    {"H", "m", kTwo, kNone, 0, Decision::maint, Scope::none},
    // Row 1: nobody voted.
    {"HHHHH", "uuuuu", kTwo, kNone, 1, Decision::blind, Scope::none},
    {"FFFFF", "uuuuu", kTwo, kP1, 1, Decision::blind, Scope::none},
    {"HHH", "mum", kTwo, kNone, 1, Decision::blind, Scope::none},
    {"F", "u", kTwo, kP1, 1, Decision::blind, Scope::none},
    // Row 2: one witness of several regions.
    {"SHHHH", "Fuuuu", kTwo, kNone, 2, Decision::low_visibility, Scope::none},
    {"FHHHH", "Fuuuu", kTwo, kNone, 2, Decision::unconfirmed, Scope::none},
    {"RHH", ".uu", kTwo, kP2, 2, Decision::unconfirmed, Scope::none},
    {"HFF", ".uu", kTwo, kP1, 2, Decision::low_visibility, Scope::none},
    {"FF", "Fu", kTwo, kP1, 2, Decision::unconfirmed, Scope::none},
    {"HH", ".u", kTwo, kNone, 2, Decision::low_visibility, Scope::none},
    {"FF", "Fm", kTwo, kP1, 2, Decision::unconfirmed, Scope::none},
    {"~HHH", "suu", kTwo, kNone, 2, Decision::low_visibility, Scope::none},
    // Row 3: everybody fails at once, K waived.
    {"SSS", "FFF", kTwo, kNone, 3, Decision::p1, Scope::global},
    {"SSSHH", "FFFuu", kTwo, kNone, 3, Decision::p1, Scope::global},
    {"FFFSS", "FFFFF", kTwo, kP2, 3, Decision::p1, Scope::global},
    {"SSSHH", "FFFuu", kMajority, kNone, 3, Decision::p1, Scope::global},
    {"SSSSS", "FFFFF", kAll, kNone, 3, Decision::p1, Scope::global},
    // … not with too few voters, not where a single one is reachable, not for two regions.
    {"SSSSH", "FFFFu", kAll, kNone, 8, Decision::ok, Scope::none},
    {"SSSHHH", "FFFuuu", kTwo, kNone, 8, Decision::ok, Scope::none},
    {"SSHHH", "FFuuu", kTwo, kNone, 8, Decision::ok, Scope::none},
    {"SS", "FF", kTwo, kNone, 8, Decision::ok, Scope::none},
    {"SSH", "FFa", kTwo, kNone, 8, Decision::ok, Scope::none},
    // Row 4: Q regions are FAILING, or hold an open P1.
    {"FFHHH", "FF...", kTwo, kNone, 4, Decision::p1, Scope::partial},
    {"FFHH", "FF..", kTwo, kNone, 4, Decision::p1, Scope::partial},
    {"FFFHH", "FFF..", kTwo, kNone, 4, Decision::p1, Scope::widespread},
    {"FFHHH", "FFuuu", kTwo, kNone, 4, Decision::p1, Scope::global},
    {"FFSSS", "FFuuu", kTwo, kP3, 4, Decision::p1, Scope::global},
    {"FF", "FF", kTwo, kNone, 4, Decision::p1, Scope::global},
    {"FRHHH", "F....", kTwo, kP1, 4, Decision::p1, Scope::partial},
    {"RRHHH", ".....", kTwo, kP1, 4, Decision::p1, Scope::partial},
    {"RR", "..", kTwo, kP1, 4, Decision::p1, Scope::global},
    {"FFFHH", "FFF..", kMajority, kNone, 4, Decision::p1, Scope::widespread},
    {"FFRHH", "FF...", kMajority, kP1, 4, Decision::p1, Scope::widespread},
    {"FFFFR", "FFFF.", kAll, kP1, 4, Decision::p1, Scope::global},
    {"F", "F", kTwo, kNone, 4, Decision::p1, Scope::global},
    {"R", ".", kTwo, kP1, 4, Decision::p1, Scope::global},
    // Row 5: one region only, or fewer than Q.
    {"FHHHH", "F....", kTwo, kNone, 5, Decision::p2, Scope::none},
    {"FH", "F.", kTwo, kNone, 5, Decision::p2, Scope::none},
    {"FHF", "F.u", kTwo, kP1, 5, Decision::p2, Scope::none},
    {"FFHHH", "FF...", kMajority, kNone, 5, Decision::p2, Scope::none},
    {"FFFFH", "FFFF.", kAll, kNone, 5, Decision::p2, Scope::none},
    {"FFH", "FFu", kAll, kNone, 5, Decision::p2, Scope::none},
    {"FRHHH", "F....", kTwo, kNone, 5, Decision::p2, Scope::none},
    {"FRHHH", "F....", kTwo, kP2, 5, Decision::p2, Scope::none},
    {"RHHHH", ".....", kTwo, kP2, 5, Decision::p2, Scope::none},
    {"RHHHH", ".....", kTwo, kP1, 5, Decision::p2, Scope::none},
    {"F~HHHH", "Fs...", kTwo, kNone, 5, Decision::p2, Scope::none},
    // Row 6: somebody is failing, recovering or silent, and no more can be said.
    {"RHHHH", ".....", kTwo, kNone, 6, Decision::pending, Scope::none},
    {"RHHHH", ".....", kTwo, kP3, 6, Decision::pending, Scope::none},
    {"RRHHH", ".....", kTwo, kNone, 6, Decision::pending, Scope::none},
    {"FSH", "FFu", kTwo, kNone, 6, Decision::pending, Scope::none},
    {"FHHHH", "u....", kTwo, kP2, 6, Decision::pending, Scope::none},
    {"RHHHH", "m....", kTwo, kP2, 6, Decision::pending, Scope::none},
    {"F~HHHH", "us...", kTwo, kNone, 6, Decision::pending, Scope::none},
    {"R", ".", kTwo, kNone, 6, Decision::pending, Scope::none},
    // Row 7: slow.
    {"~HHHHH", "s....", kTwo, kNone, 7, Decision::p3, Scope::regional},
    {"~HHHHH", ".....", kTwo, kNone, 7, Decision::p3, Scope::regional},
    {"~H~H~H", "sss", kTwo, kNone, 7, Decision::p3, Scope::global},
    {"~H~HH", "ssu", kTwo, kNone, 7, Decision::p3, Scope::global},
    {"~HS", "sF", kTwo, kNone, 7, Decision::p3, Scope::regional},
    {"~H", "s", kTwo, kNone, 7, Decision::p3, Scope::global},
    // Row 8: all else, a slow region that did not vote included.
    {"HHHHH", ".....", kTwo, kNone, 8, Decision::ok, Scope::none},
    {"HHHHH", "aaaaa", kTwo, kP1, 8, Decision::ok, Scope::none},
    {"SHHHH", "F....", kTwo, kNone, 8, Decision::ok, Scope::none},
    {"~HHH", "u..", kTwo, kNone, 8, Decision::ok, Scope::none},
    {"S", "F", kTwo, kNone, 8, Decision::ok, Scope::none},
    {"H", ".", kTwo, kNone, 8, Decision::ok, Scope::none},
};

class EveryRow : public testing::TestWithParam<Case> {};

TEST_P(EveryRow, DecidesAsTheTableSays) {
    const auto record = decide_case(GetParam());
    EXPECT_EQ(int{record.rule_row}, GetParam().row);
    EXPECT_EQ(name_of(record.decision), name_of(GetParam().decision));
    EXPECT_EQ(name_of(record.scope), name_of(GetParam().scope));
    EXPECT_EQ(record.single_witness, record.regions == 1 && record.decision == Decision::p1);
}

INSTANTIATE_TEST_SUITE_P(Rule, EveryRow, testing::ValuesIn(kCases));

TEST(Electorate, HoldsTheSetsThatTheDecisionWasMadeFrom) {
    const auto record =
        decide_case({"FRHSF~H", "F.aFus", kTwo, Severity::p1, 4, Decision::p1, Scope::partial});
    EXPECT_EQ(record.voters, RegionSet::from_bits(0b101111));
    EXPECT_EQ(record.failing, RegionSet::from_bits(0b000011));
    EXPECT_EQ(record.healthy, RegionSet::from_bits(0b100100));
    EXPECT_EQ(record.silent, RegionSet::from_bits(0b010000));
    EXPECT_EQ(record.failed, RegionSet::from_bits(0b001001));
    EXPECT_EQ(record.slow, RegionSet::from_bits(0b100000));
    EXPECT_EQ(record.regions, 6);
    EXPECT_EQ(record.quorum, 2);
    EXPECT_DOUBLE_EQ(coverage(record), 5.0 / 6.0);
}

TEST(Quorum, DependsOnTheConfiguredRegionsAlone) {
    EXPECT_EQ(quorum_of(kTwo, 1), 1U);
    EXPECT_EQ(quorum_of(kTwo, 2), 2U);
    EXPECT_EQ(quorum_of(kTwo, 9), 2U);
    EXPECT_EQ(quorum_of(kMajority, 1), 1U);
    EXPECT_EQ(quorum_of(kMajority, 2), 2U);
    EXPECT_EQ(quorum_of(kMajority, 3), 2U);
    EXPECT_EQ(quorum_of(kMajority, 4), 3U);
    EXPECT_EQ(quorum_of(kMajority, 5), 3U);
    EXPECT_EQ(quorum_of(kAll, 1), 1U);
    EXPECT_EQ(quorum_of(kAll, 5), 5U);
}

TEST(ThirtyTwoRegions, AllFitIntoTheSets) {
    const std::string phases(32, 'F');
    const std::string cells(32, 'F');
    const auto record =
        decide_case({phases.c_str(), cells.c_str(), kAll, kNone, 3, Decision::p1, Scope::global});
    EXPECT_EQ(int{record.rule_row}, 3);
    EXPECT_EQ(record.failing.count(), 32U);
}

}  // namespace
}  // namespace quorate::test
