#include <gtest/gtest.h>

#include "core/base/json_text.hpp"
#include "core/base/sha256.hpp"
#include "core/manifest/manifest.hpp"

namespace quorate {
namespace {

boost::json::object tool(std::string_view text) {
    return parse_json(text)->get_object();
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
            .semantic;
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

TEST(ManifestHashes, AreThoseOfAnArrayThatAnybodyCanWrite) {
    const auto a = tool(R"({"name":"a","title":"A","description":"x","annotations":{"title":"t"},)"
                        R"("inputSchema":{"type":"object","title":"x"},)"
                        R"("outputSchema":{"description":"x","type":"object","$comment":"y"}})");
    const auto b = tool(R"({"name":"b","inputSchema":{"$comment":"only a text"}})");
    const std::string contracts =
        R"([{"annotations":{"title":"t"},"inputSchema":{"type":"object"},"name":"a",)"
        R"("outputSchema":{"type":"object"}},{"inputSchema":{},"name":"b"}])";
    const std::string all =
        R"([{"annotations":{"title":"t"},"description":"x",)"
        R"("inputSchema":{"title":"x","type":"object"},"name":"a",)"
        R"("outputSchema":{"$comment":"y","description":"x","type":"object"},"title":"A"},)"
        R"({"inputSchema":{"$comment":"only a text"},"name":"b"}])";
    const auto hashes = manifest_hashes({b, a});
    EXPECT_EQ(hashes.semantic, to_hex(sha256(contracts)));
    EXPECT_EQ(hashes.full, to_hex(sha256(all)));
    EXPECT_EQ(manifest_hashes({}).full, to_hex(sha256("[]")));
    const auto digest = digest_of(a);
    EXPECT_EQ(digest.name, "a");
    EXPECT_EQ("[" + contract_text(a) + "," + contract_text(b) + "]", contracts);
    EXPECT_EQ(digest.semantic, to_hex(sha256(contract_text(a))));
    EXPECT_EQ(digest.full, to_hex(sha256(full_text(a))));
}

TEST(ManifestHashes, AToolWithoutTextsLeavesNoStrayComma) {
    // Every arrangement of texts around what counts.
    EXPECT_EQ(contract_text_of_schema(*parse_json(R"({"$comment":1,"title":2})")), "{}");
    EXPECT_EQ(contract_text_of_schema(*parse_json(R"({"$comment":1,"a":2,"title":3})")),
              R"({"a":2})");
    EXPECT_EQ(contract_text_of_schema(*parse_json(R"({"a":1,"description":2,"title":3,"z":4})")),
              R"({"a":1,"z":4})");
    EXPECT_EQ(contract_text_of_schema(*parse_json(R"({"$comment":1,"description":2,"z":4})")),
              R"({"z":4})");
    EXPECT_EQ(contract_text_of_schema(
                  *parse_json(R"([{"title":1,"b":{"title":2,"x":[{"title":3}]}},{"title":4}])")),
              R"([{"b":{"x":[{}]}},{}])");
}

}  // namespace
}  // namespace quorate
