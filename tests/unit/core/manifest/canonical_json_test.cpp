#include "core/manifest/canonical_json.hpp"

#include <array>
#include <bit>
#include <limits>

#include <gtest/gtest.h>

#include "core/base/json_text.hpp"

namespace quorate {
namespace {

std::string canonical(std::string_view text) {
    return canonical_json(*parse_json(text));
}

TEST(CanonicalJson, FollowsTheExampleOfRfc8785) {
    EXPECT_EQ(
        canonical(
            R"({"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],)"
            R"("string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]})"),
        "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
        "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST(CanonicalJson, PrintsNumbersAsEcmaScriptDoes) {
    EXPECT_EQ(canonical("[-0.0,0,1.0,-1.50,1e21,1e20,0.000001,0.0000001]"),
              "[0,0,1,-1.5,1e+21,100000000000000000000,0.000001,1e-7]");
    EXPECT_EQ(canonical("[123456789012345680000.0,333333333.33333329]"),
              "[123456789012345680000,333333333.3333333]");
}

TEST(CanonicalJson, SortsMembersByUtf16CodeUnits) {
    EXPECT_EQ(
        canonical(R"({"\ufb33":1,"\ud83d\ude00":2,"\u20ac":3,"1":4,"\r":5,"":6,"a":7,"ab":8})"),
        "{\"\":6,\"\\r\":5,\"1\":4,\"a\":7,\"ab\":8,\"\xE2\x82\xAC\":3,\"\xF0\x9F\x98\x80\":2,"
        "\"\xEF\xAC\xB3\":1}");
}

/// RFC 8785, appendix B.
struct NumberSample {
    std::uint64_t bits;
    std::string_view text;
};
constexpr std::array kNumberSamples{
    NumberSample{0x0000000000000000, "0"},
    NumberSample{0x8000000000000000, "0"},
    NumberSample{0x0000000000000001, "5e-324"},
    NumberSample{0x8000000000000001, "-5e-324"},
    NumberSample{0x7fefffffffffffff, "1.7976931348623157e+308"},
    NumberSample{0xffefffffffffffff, "-1.7976931348623157e+308"},
    NumberSample{0x4340000000000000, "9007199254740992"},
    NumberSample{0xc340000000000000, "-9007199254740992"},
    NumberSample{0x4430000000000000, "295147905179352830000"},
    NumberSample{0x44b52d02c7e14af5, "9.999999999999997e+22"},
    NumberSample{0x44b52d02c7e14af6, "1e+23"},
    NumberSample{0x44b52d02c7e14af7, "1.0000000000000001e+23"},
    NumberSample{0x444b1ae4d6e2ef4e, "999999999999999700000"},
    NumberSample{0x444b1ae4d6e2ef4f, "999999999999999900000"},
    NumberSample{0x444b1ae4d6e2ef50, "1e+21"},
    NumberSample{0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
    NumberSample{0x3eb0c6f7a0b5ed8d, "0.000001"},
    NumberSample{0x41b3de4355555553, "333333333.3333332"},
    NumberSample{0x41b3de4355555554, "333333333.33333325"},
    NumberSample{0x41b3de4355555555, "333333333.3333333"},
    NumberSample{0x41b3de4355555556, "333333333.3333334"},
    NumberSample{0x41b3de4355555557, "333333333.33333343"},
    NumberSample{0xbecbf647612f3696, "-0.0000033333333333333333"},
    NumberSample{0x43143ff3c1cb0959, "1424953923781206.2"},
};

TEST(CanonicalJson, PrintsTheNumbersOfRfc8785AndReadsThemBack) {
    for (const auto& sample : kNumberSamples) {
        const auto number = std::bit_cast<double>(sample.bits);
        EXPECT_EQ(canonical_json(number), sample.text);
        EXPECT_EQ(canonical(sample.text), sample.text) << "read back";
    }
}

TEST(CanonicalJson, NumbersBeyondADoubleHaveAStatedForm) {
    EXPECT_EQ(canonical("[9007199254740993,18446744073709551615,-9223372036854775808]"),
              "[9007199254740993,18446744073709551615,-9223372036854775808]")
        << "integers of 64 bits keep their digits";
    EXPECT_EQ(canonical("18446744073709551616"), "18446744073709552000")
        << "larger ones are doubles";
    EXPECT_EQ(canonical("[1e400,-1e400,1e-400]"),
              "[1.7976931348623157e+308,-1.7976931348623157e+308,0]");
    EXPECT_EQ(canonical_json(std::numeric_limits<double>::infinity()), "null");
    EXPECT_EQ(canonical_json(std::numeric_limits<double>::quiet_NaN()), "null");
}

TEST(CanonicalJson, EscapesWhatItMustAndNothingElse) {
    EXPECT_EQ(canonical(R"("\u0000\b\t\n\f\r\u001f\u007f\/\\\"\u2028é")"),
              "\"\\u0000\\b\\t\\n\\f\\r\\u001f\x7f/\\\\\\\"\xE2\x80\xA8\xC3\xA9\"");
    EXPECT_EQ(canonical(R"([[],{},"",[{}],{"":[]}])"), R"([[],{},"",[{}],{"":[]}])");
}

}  // namespace
}  // namespace quorate
