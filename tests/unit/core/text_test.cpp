#include "core/base/text.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "core/base/utf8.hpp"
#include "core/model/headers.hpp"

namespace quorate {
namespace {

TEST(SafeText, NeverPassesItsBoundWhereverWhiteSpaceStands) {
    for (std::size_t before = 0; before < 24; ++before) {
        const auto text = std::string(before, 'x') + "  \n " + std::string(30, 'y');
        for (std::size_t bytes_max = 3; bytes_max < 64; ++bytes_max)
            EXPECT_LE(safe_text(text, bytes_max).size(), bytes_max) << before << ' ' << bytes_max;
    }
    EXPECT_EQ(safe_text(" a \t b \n", 20), "a b");
    EXPECT_EQ(safe_text("abcdefg h", 10), "abcdefg…");
}

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

TEST(Utf8, ReadsEveryValidCharacterAtTheEdgesAndNoOther) {
    const std::pair<std::string_view, char32_t> good[] = {{"\x7F", 0x7F},
                                                          {"\xC2\x80", 0x80},
                                                          {"\xDF\xBF", 0x7FF},
                                                          {"\xE0\xA0\x80", 0x800},
                                                          {"\xED\x9F\xBF", 0xD7FF},
                                                          {"\xEE\x80\x80", 0xE000},
                                                          {"\xEF\xBF\xBF", 0xFFFF},
                                                          {"\xF0\x90\x80\x80", 0x10000},
                                                          {"\xF4\x8F\xBF\xBF", 0x10FFFF}};
    for (const auto& [text, code] : good) {
        const auto character = first_character(std::string{text} + "x");
        EXPECT_EQ(character.code, code);
        EXPECT_EQ(character.size, text.size());
        EXPECT_TRUE(is_utf8(text));
        EXPECT_EQ(first_character(text.substr(0, text.size() - 1)).size, 0U);  // cut short
    }
    for (const std::string_view bad : {"\x80",
                                       "\xC1\xBF",
                                       "\xE0\x9F\xBF",
                                       "\xED\xA0\x80",
                                       "\xF0\x8F\xBF\xBF",
                                       "\xF4\x90\x80\x80",
                                       "\xF5\x80\x80\x80",
                                       "\xC3x",
                                       "\xFF"}) {
        EXPECT_EQ(first_character(bad).size, 0U);
        EXPECT_FALSE(is_utf8("a" + std::string{bad}));
    }
    EXPECT_TRUE(is_utf8(""));
}

TEST(Headers, OfTheProbeAndCredentialsAreKnownInAnyCase) {
    for (const auto* name : {"Host", "content-LENGTH", "Last-Event-ID", "Trailer", "Mcp-Method"})
        EXPECT_TRUE(is_reserved_header(name)) << name;
    EXPECT_FALSE(is_reserved_header("User-Agent"));
    for (const auto* name : {"AUTHORIZATION", "x-api-key", "Cookie", "Proxy-Authorization"})
        EXPECT_TRUE(is_credential_header(name)) << name;
    EXPECT_FALSE(is_credential_header("X-Probe"));
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
