#include "core/base/text.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(SafeText, TerminalEscapesAndOverridesOfDirectionBecomeQuestionMarks) {
    EXPECT_EQ(safe_text("a\x1B[31mb", 80), "a?[31mb");
    EXPECT_EQ(safe_text("a\xE2\x80\xAE b", 80), "a? b");
    EXPECT_EQ(safe_text("a\xC2\x9B b", 80), "a? b");
}

TEST(SafeText, BytesThatAreNotUtf8BecomeQuestionMarks) {
    EXPECT_EQ(safe_text("\xFFz\xC0\xAFz\xED\xA0\x80", 80), "?z??z???");
    EXPECT_EQ(safe_text("caf\xC3", 80), "caf?");
    EXPECT_EQ(safe_text("caf\xC3\xA9 \xF0\x9F\x98\x80", 80), "caf\xC3\xA9 \xF0\x9F\x98\x80");
}

TEST(SafeText, IsCutBetweenCharactersAndStaysWithinItsBytes) {
    const auto cut = safe_text(std::string(100, 'a') + "\xC3\xA9", 20);
    EXPECT_EQ(cut, std::string(17, 'a') + "…");
    EXPECT_EQ(safe_text("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", 6), "\xC3\xA9…");
}

TEST(SafeText, LineBreaksBecomeOneSpace) {
    EXPECT_EQ(safe_text(" a\r\n\t b \n", 80), "a b");
}

TEST(Base64, FollowsTheVectorsOfRfc4648) {
    EXPECT_EQ(to_base64(""), "");
    EXPECT_EQ(to_base64("f"), "Zg==");
    EXPECT_EQ(to_base64("fo"), "Zm8=");
    EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
}

TEST(HttpToken, TakesTheMarksOfRfc9110AndNothingElse) {
    EXPECT_TRUE(is_http_token("X-API-Key"));
    EXPECT_TRUE(is_http_token("!#$%&'*+-.^_`|~09azAZ"));
    for (const auto* bad : {"", "a b", "a:b", "a\r\n", "caf\xC3\xA9", "(x)"})
        EXPECT_FALSE(is_http_token(bad)) << bad;
}

}  // namespace
}  // namespace quorate
