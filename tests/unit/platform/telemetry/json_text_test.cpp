#include "platform/telemetry/json_text.hpp"

#include <random>

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace quorate {
namespace {

std::string json_text(std::string_view text, std::size_t bytes_max = 1024) {
    std::string json;
    append_json_text(json, text, bytes_max);
    return json;
}

TEST(JsonText, EscapesWhatRfc8259Demands) {
    EXPECT_EQ(json_text("a\"b\\c\nd\te\x01\x7F"), R"("a\"b\\c\nd\te\u0001\u007f")");
    EXPECT_EQ(json_text("grün – 東京 🗼"), "\"grün – 東京 🗼\"");
}

TEST(JsonText, BytesThatAreNoUtf8BecomeTheReplacementCharacter) {
    // A lone continuation, an overlong slash, a surrogate, a truncated character.
    EXPECT_EQ(json_text("\x80"), "\"\uFFFD\"");
    EXPECT_EQ(json_text("\xC0\xAF"), "\"\uFFFD\uFFFD\"");
    EXPECT_EQ(json_text("\xED\xA0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");
    EXPECT_EQ(json_text("a\xE6\x9D"), "\"a\uFFFD\uFFFD\"");
}

TEST(JsonText, LongTextIsCutBetweenCharacters) {
    EXPECT_EQ(json_text("abcd", 4), "\"abcd\"");
    EXPECT_EQ(json_text("abcde", 4), "\"abcd…\"");
    EXPECT_EQ(json_text("ab東", 4), "\"ab…\"");
}

TEST(JsonText, AnyBytesGiveJsonThatAParserTakes) {
    constexpr unsigned kSeed = 20260728;
    SCOPED_TRACE("seed " + std::to_string(kSeed));
    std::mt19937 random{kSeed};
    for (int round = 0; round < 2000; ++round) {
        std::string bytes(random() % 64, '\0');
        for (auto& byte : bytes)
            byte = static_cast<char>(random());
        const auto json = json_text(bytes, 48);
        boost::system::error_code error;
        const auto value = boost::json::parse(json, error);
        ASSERT_FALSE(error) << json;
        ASSERT_TRUE(value.is_string());
    }
}

}  // namespace
}  // namespace quorate
