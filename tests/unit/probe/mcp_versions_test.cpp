#include "probe/mcp_versions.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(McpVersions, TheTableIsInOrderAndItsNamesAreInIt) {
    EXPECT_TRUE(std::is_sorted(kVersions.begin(), kVersions.end(), [](auto& a, auto& b) {
        return a.version < b.version;
    }));
    for (const auto version : {kModernVersion, kLegacyVersion, kHttpSseVersion}) {
        ASSERT_NE(rules_of(version), nullptr) << version;
        EXPECT_TRUE(rules_of(version)->offered) << version;
    }
    EXPECT_TRUE(rules_of(kModernVersion)->modern);
    EXPECT_FALSE(rules_of(kLegacyVersion)->modern);
    EXPECT_EQ(rules_of("2025-03-27"), nullptr);
}

TEST(McpVersions, TheBestInCommonIsTheNewestThatWeOffer) {
    const std::vector<std::string> all{
        "2024-10-07", "2025-06-18", "2024-11-05", "2026-07-28", "2099-01-01"};
    EXPECT_EQ(best_mutual(all, false), "2025-06-18");
    EXPECT_EQ(best_mutual(all, true), "2026-07-28");
    // Of before the first release: accepted in an answer, never asked for.
    EXPECT_EQ(best_mutual(std::vector<std::string>{"2024-10-07"}, false), std::nullopt);
    EXPECT_TRUE(is_legacy_version("2024-10-07"));
}

TEST(McpVersions, BatchesAreOfOneVersionAlone) {
    for (const auto& rules : kVersions)
        EXPECT_EQ(allows_batches(rules.version), rules.version == "2025-03-26") << rules.version;
    EXPECT_FALSE(allows_batches(""));
}

}  // namespace
}  // namespace quorate
