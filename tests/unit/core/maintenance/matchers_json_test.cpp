#include "core/maintenance/matchers_json.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(MatchersJson, IsReadAsItIsWritten) {
    const std::vector<EndpointMatcher> matchers{{"acme", "search", {}},
                                                {"acme", "", {{"team", "a\"b"}}},
                                                {"", "", {{"x", ""}, {"y", "1"}}}};
    const auto text = matchers_json(matchers);
    EXPECT_EQ(
        text,
        R"([{"tenant":"acme","endpoint":"search"},{"tenant":"acme","labels":{"team":"a\"b"}},)"
        R"({"labels":{"x":"","y":"1"}}])");
    EXPECT_EQ(parse_matchers(text), matchers);
}

TEST(MatchersJson, WhatIsNotUnderstoodMatchesNothing) {
    for (const auto* text : {"",
                             "{}",
                             "[{}]",
                             "[1]",
                             R"([{"tenant":1}])",
                             R"([{"tenant":"a","region":"eu"}])",
                             R"([{"labels":{"x":1}}])",
                             R"([{"labels":{}}])",
                             R"([{"tenant":""}])"})
        EXPECT_TRUE(parse_matchers(text).empty()) << text;
    EXPECT_EQ(parse_matchers(R"([1, {"tenant":"a"}])").size(), 1U);
}

TEST(MatchersJson, LabelsThatAreNoTextsAreLeftOut) {
    EXPECT_EQ(parse_labels(R"({"a":"1","b":2})"), (Labels{{"a", "1"}}));
    EXPECT_TRUE(parse_labels("null").empty());
    EXPECT_TRUE(parse_labels("{").empty());
}

}  // namespace
}  // namespace quorate
