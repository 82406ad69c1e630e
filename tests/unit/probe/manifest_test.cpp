#include "core/manifest/manifest.hpp"

#include <gtest/gtest.h>

#include "core/manifest/canonical_json.hpp"
#include "probe/jsonrpc.hpp"

namespace quorate {
namespace {

std::string canonical(std::string_view text) {
    return canonical_json(*parse_json(text));
}

boost::json::object tool(std::string_view text) {
    return parse_json(text)->get_object();
}

TEST(CanonicalJson, FollowsTheExampleOfRfc8785) {
    EXPECT_EQ(
        canonical(
            R"({"numbers":[1E30,4.50,2e-3,0.000000000000000000000000001],)"
            R"("string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]})"),
        "{\"literals\":[null,true,false],\"numbers\":[1e+30,4.5,0.002,1e-27],"
        "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST(CanonicalJson, PrintsNumbersAsEcmaScriptDoes) {
    EXPECT_EQ(canonical("[-0.0,0,1.0,-1.50,1e21,1e20,0.000001,0.0000001]"),
              "[0,0,1,-1.5,1e+21,100000000000000000000,0.000001,1e-7]");
    // Straight from doubles: Boost.JSON 1.81 parses long fractions a few units of the last place
    // off.
    EXPECT_EQ(canonical_json(333333333.33333329), "333333333.3333333");
    EXPECT_EQ(canonical_json(123456789012345680000.0), "123456789012345680000");
    EXPECT_EQ(canonical_json(5e-324), "5e-324");
    EXPECT_EQ(canonical_json(-1.7976931348623157e308), "-1.7976931348623157e+308");
    EXPECT_EQ(canonical("[9007199254740993,18446744073709551615,-1]"),
              "[9007199254740993,18446744073709551615,-1]");
}

TEST(CanonicalJson, SortsMembersByUtf16CodeUnits) {
    EXPECT_EQ(
        canonical(R"({"\ufb33":1,"\ud83d\ude00":2,"\u20ac":3,"1":4,"\r":5,"":6,"a":7,"ab":8})"),
        "{\"\":6,\"\\r\":5,\"1\":4,\"a\":7,\"ab\":8,\"\xE2\x82\xAC\":3,\"\xF0\x9F\x98\x80\":2,"
        "\"\xEF\xAC\xB3\":1}");
}

TEST(ManifestHashes, AreTheSameHoweverToolsAndMembersAreOrdered) {
    const auto a = tool(R"({"name":"a","inputSchema":{"type":"object","required":["x"]}})");
    const auto a_again = tool(R"({"inputSchema":{"required":["x"],"type":"object"},"name":"a"})");
    const auto b = tool(R"({"name":"b","inputSchema":{"type":"object"}})");
    const auto one = manifest_hashes({a, b});
    const auto other = manifest_hashes({b, a_again});
    EXPECT_EQ(one.semantic, other.semantic);
    EXPECT_EQ(one.full, other.full);
    EXPECT_EQ(one.semantic.size(), 64U);
    EXPECT_NE(one.semantic, manifest_hashes({a}).semantic);
}

TEST(ManifestHashes, TextsChangeTheFullHashAlone) {
    const auto before = tool(
        R"({"name":"a","description":"x","inputSchema":{"type":"object","description":"x",)"
        R"("properties":{"p":{"type":"string","title":"x","examples":["x"],"$comment":"x"}}}})");
    const auto after =
        tool(R"({"name":"a","description":"y","title":"t","inputSchema":{"type":"object",)"
             R"("properties":{"p":{"type":"string"}}}})");
    EXPECT_EQ(manifest_hashes({before}).semantic, manifest_hashes({after}).semantic);
    EXPECT_NE(manifest_hashes({before}).full, manifest_hashes({after}).full);
}

TEST(ManifestHashes, PropertiesNamedLikeTextsAndDataAreContract) {
    const auto with = [](std::string_view schema) {
        return digest_of(tool(R"({"name":"a","inputSchema":)" + std::string{schema} + "}"))
            .contract;
    };
    EXPECT_NE(with(R"({"properties":{"title":{"type":"string"}}})"),
              with(R"({"properties":{"title":{"type":"number"}}})"));
    EXPECT_NE(with(R"({"properties":{"title":{"type":"string"}}})"), with(R"({"properties":{}})"));
    EXPECT_NE(with(R"({"default":{"title":"x"}})"), with(R"({"default":{"title":"y"}})"));
    EXPECT_EQ(with(R"({"items":{"title":"x"}})"), with(R"({"items":{}})"));
}

TEST(ManifestHashes, IconsAndMetaAreInNeither) {
    const auto plain = tool(R"({"name":"a","inputSchema":{}})");
    const auto adorned = tool(R"({"name":"a","inputSchema":{},"icons":[1],"_meta":{"x":1}})");
    EXPECT_EQ(manifest_hashes({plain}).full, manifest_hashes({adorned}).full);
}

}  // namespace
}  // namespace quorate
