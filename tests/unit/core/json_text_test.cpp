#include "core/base/json_text.hpp"

#include <limits>
#include <string>

#include <boost/json/error.hpp>
#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(JsonText, ReadsTheDoubleNearestToEachNumber) {
    EXPECT_EQ(parse_json("333333333.33333329")->get_double(), 333333333.33333329);
    EXPECT_EQ(parse_json("0.30000000000000004")->get_double(), 0.30000000000000004);
    EXPECT_EQ(parse_json("[1.7976931348623157e308]")->at(0).get_double(),
              std::numeric_limits<double>::max());
    EXPECT_EQ(parse_json("4.9406564584124654e-324")->get_double(), 5e-324);
}

TEST(JsonText, KeepsIntegersOf64Bits) {
    EXPECT_EQ(parse_json("9007199254740993")->get_int64(), 9007199254740993);
    EXPECT_EQ(parse_json("18446744073709551615")->get_uint64(),
              std::numeric_limits<std::uint64_t>::max());
}

TEST(JsonText, TakesTheLargestDoubleForWhatIsBeyondIt) {
    EXPECT_EQ(parse_json("1e400")->get_double(), std::numeric_limits<double>::max());
    EXPECT_EQ(parse_json("-1e400")->get_double(), -std::numeric_limits<double>::max());
    EXPECT_EQ(parse_json("1e-400")->get_double(), 0);
}

TEST(JsonText, TakesOneTextAlone) {
    for (const auto* text :
         {"", " ", "{", "1 2", "{} x", "[1,]", "nul", "'a'", "\"\\ud800\"", "\"\xff\"", "// c\n1"})
        EXPECT_FALSE(parse_json(text)) << text;
    EXPECT_TRUE(parse_json(" {\"a\" : [null, true, -1.5, \"x\"]} "));
    EXPECT_EQ(parse_json(R"({"a":1,"a":2})")->at("a").get_int64(), 2);
}

TEST(JsonText, IsBoundedInDepth) {
    EXPECT_TRUE(parse_json(std::string(128, '[') + std::string(128, ']')));
    const auto deep = parse_json(std::string(129, '[') + std::string(129, ']'));
    ASSERT_FALSE(deep);
    EXPECT_EQ(deep.error(), boost::json::error::too_deep);
}

}  // namespace
}  // namespace quorate
