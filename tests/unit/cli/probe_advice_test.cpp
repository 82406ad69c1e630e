#include "cli/verbs/probe_advice.hpp"

#include <map>
#include <string>

#include <gtest/gtest.h>

namespace quorate::cli {
namespace {

TEST(ProbeAdvice, EveryReasonOfTheEnumerationHasItsOwnSentence) {
    std::map<std::string_view, std::string_view> seen;
    for (const auto& row : kReasonNames) {
        const auto advice = advice_for(row.value);
        ASSERT_GT(advice.size(), 20U) << row.name;
        EXPECT_TRUE(advice.front() >= 'A' && advice.front() <= 'Z') << row.name;
        EXPECT_EQ(advice.back(), '.') << row.name;
        const auto [other, is_new] = seen.emplace(advice, row.name);
        EXPECT_TRUE(is_new) << row.name << " says the same as " << other->second;
    }
}

}  // namespace
}  // namespace quorate::cli
