#include "coordinator/catalog/rule_words.hpp"

#include <gtest/gtest.h>

namespace quorate::coordinator {
namespace {

/// A minute of three regions; each set as its regions' names.
v1::ExplainResponse minute(unsigned row,
                           const std::vector<std::string>& voters,
                           const std::vector<std::string>& failing,
                           const std::vector<std::string>& healthy,
                           const std::vector<std::string>& silent = {}) {
    v1::ExplainResponse out;
    out.set_rule_row(row);
    out.set_configured_regions(3);
    out.set_quorum(2);
    for (const auto& name : voters)
        out.add_voters(name);
    for (const auto& name : failing)
        out.add_failing(name);
    for (const auto& name : healthy)
        out.add_healthy(name);
    for (const auto& name : silent)
        out.add_silent(name);
    return out;
}

TEST(RuleWords, EveryRowHasATextAndASentence) {
    for (unsigned row = 0; row <= 8; ++row) {
        EXPECT_FALSE(rule_text(row).empty()) << row;
        EXPECT_FALSE(why(minute(row, {"a", "b"}, {"a"}, {"b"})).empty()) << row;
    }
    EXPECT_TRUE(rule_text(9).empty());
}

TEST(RuleWords, ARegionalFailureNamesTheRegionsOnBothSides) {
    EXPECT_EQ(why(minute(5, {"a", "b", "c"}, {"b"}, {"a", "c"})),
              "1 of 3 regions (b) is failing, P1 needs 2; 2 of 3 regions (a, c) are healthy");
}

TEST(RuleWords, TheOnlyWitnessIsNamedWithWhatItSees) {
    EXPECT_EQ(why(minute(2, {"a"}, {"a"}, {})),
              "1 of 3 regions (a) voted and a sees it fail; a second witness is missing");
}

TEST(RuleWords, ASilentRegionThatFailedKeepsTheMinutePending) {
    EXPECT_EQ(why(minute(6, {"a", "c"}, {}, {"a", "c"}, {"b"})),
              "1 of 3 regions (b) failed lately and is silent now; 2 healthy");
}

TEST(RuleWords, WhatIsSlowIsNamedWithThePhaseThatIs) {
    auto slow = minute(7, {"a", "b", "c"}, {}, {"a", "b", "c"});
    for (const auto& [region, verdict] : {std::pair{"b", "SLOW"}, std::pair{"c", "DEGRADED"}}) {
        auto& cell = *slow.add_cells();
        cell.set_region(region);
        cell.set_verdict(verdict);
        cell.set_slow(true);
        cell.set_phase("tools_list");
    }
    EXPECT_EQ(why(slow),
              "none of 3 voters are failing, but latency is over the threshold; "
              "slow in this minute: b in tools_list, c");
}

TEST(RuleWords, AFirstFailureIsSaidToBeOnlySuspect) {
    auto quiet = minute(8, {"a", "b", "c"}, {}, {"a", "c"});
    auto& cell = *quiet.add_cells();
    cell.set_region("b");
    cell.set_verdict("FAIL");
    cell.set_region_state("SUSPECT");
    EXPECT_EQ(why(quiet),
              "3 of 3 regions (a, b, c) voted and none is failing; b is only suspect: "
              "one FAIL is no failure yet");
}

}  // namespace
}  // namespace quorate::coordinator
