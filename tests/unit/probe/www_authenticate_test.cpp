#include "probe/www_authenticate.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(WwwAuthenticate, ReadsSeveralSchemesAndQuotedStringsWithCommas) {
    const auto challenges = parse_challenges(
        R"(Basic realm="a, b", Bearer error="invalid_token", error_description="say \"hi\", now",)"
        R"( resource_metadata="https://x/.well-known/oauth-protected-resource", Scope=read)");
    ASSERT_EQ(challenges.size(), 2U);
    EXPECT_EQ(challenges[0].scheme, "basic");
    EXPECT_EQ(challenges[0].parameters.at("realm"), "a, b");
    EXPECT_EQ(challenges[1].scheme, "bearer");
    EXPECT_EQ(challenges[1].parameters.at("error"), "invalid_token");
    EXPECT_EQ(challenges[1].parameters.at("error_description"), "say \"hi\", now");
    EXPECT_EQ(challenges[1].parameters.at("resource_metadata"),
              "https://x/.well-known/oauth-protected-resource");
    EXPECT_EQ(challenges[1].parameters.at("scope"), "read");
}

TEST(WwwAuthenticate, TakesSchemesWithoutParametersAndSpacesAroundEquals) {
    const auto challenges = parse_challenges("Negotiate, Bearer realm = \"x\"");
    ASSERT_EQ(challenges.size(), 2U);
    EXPECT_EQ(challenges[0].scheme, "negotiate");
    EXPECT_EQ(challenges[1].parameters.at("realm"), "x");
}

TEST(WwwAuthenticate, NeverLoopsOnNonsenseAndStaysBounded) {
    for (const auto* bad : {"",
                            ",,,",
                            "=",
                            "\"",
                            "Bearer =",
                            "a=b",
                            "Bearer x=\"unclosed",
                            "\x01\x02",
                            "Bearer \"x\"=y",
                            "Negotiate dG9rZW4=="})
        parse_challenges(bad);
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many += "Scheme" + std::to_string(i) + ", ";
    EXPECT_EQ(parse_challenges(many).size(), 16U);
}

}  // namespace
}  // namespace quorate
