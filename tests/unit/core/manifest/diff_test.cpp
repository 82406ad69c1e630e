#include "core/manifest/diff.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/json_text.hpp"

namespace quorate {
namespace {

using Tools = std::vector<boost::json::object>;

Tools tools(const std::string& text) {
    Tools list;
    const auto parsed = parse_json(text);
    for (const auto& tool : parsed.value().as_array())
        list.push_back(tool.as_object());
    return list;
}

/// `kind what tool path` of each change, one a line.
std::string lines(const ManifestChanges& changes) {
    std::string text;
    for (const auto& change : changes)
        text += std::string{name_of(change.kind)} + " " + change.what + " " + change.tool +
                change.path + "\n";
    return text;
}

std::string diff(const std::string& before, const std::string& now) {
    return lines(diff_of_tools(tools(before), tools(now)));
}

/// The change between two schemas of tool `t`, without the prefix of their place.
std::string schema_diff(const char* member, const std::string& before, const std::string& now) {
    const auto tool = [&](const std::string& schema) {
        return std::string{R"([{"name":"t","inputSchema":{"type":"object"},")"} + member +
               "\":" + schema + "}]";
    };
    auto text = diff(tool(before), tool(now));
    const auto prefix = std::string{"t/"} + member;
    for (auto at = text.find(prefix); at != text.npos; at = text.find(prefix, at))
        text.replace(at, prefix.size(), "");
    return text;
}

/// What a change of a schema means where callers write the values, and where they read them.
struct SchemaChange {
    const char* before;
    const char* now;
    const char* input;
    const char* output;
};

class SchemaChanges : public testing::TestWithParam<SchemaChange> {};

TEST_P(SchemaChanges, MeanToCallersWhatTheTableSays) {
    const auto& [before, now, input, output] = GetParam();
    SCOPED_TRACE(std::string{before} + " -> " + now);
    EXPECT_EQ(schema_diff("inputSchema", before, now), input);
    EXPECT_EQ(schema_diff("outputSchema", before, now), output);
}

#define P R"({"properties":{"p":)"
const std::vector<SchemaChange> kPropertyChanges{
    {R"({})",
     R"({"properties":{"p":{}},"required":["p"]})",
     "breaking required_parameter_added /properties/p\n",
     "additive member_added /properties/p\n"},
    {R"({})",
     R"({"properties":{"p":{}}})",
     "additive optional_parameter_added /properties/p\n",
     "additive member_added /properties/p\n"},
    {R"({"additionalProperties":false})",
     R"({"additionalProperties":false,"properties":{"p":{}}})",
     "additive optional_parameter_added /properties/p\n",
     "tightening member_added /properties/p\n"},
    {R"({"properties":{"p":{}},"required":["p"]})",
     R"({"required":[]})",
     "breaking required_parameter_removed /properties/p\n",
     "breaking required_member_removed /properties/p\n"},
    {R"({"properties":{"p":{}}})",
     R"({})",
     "tightening optional_parameter_removed /properties/p\n",
     "tightening optional_member_removed /properties/p\n"},
    {R"({"additionalProperties":false,"properties":{"p":{}}})",
     R"({"additionalProperties":false})",
     "breaking optional_parameter_removed /properties/p\n",
     "tightening optional_member_removed /properties/p\n"},
    {R"({"properties":{"p":{}}})",
     R"({"properties":{"p":{}},"required":["p"]})",
     "breaking parameter_became_required /properties/p\n",
     "additive member_became_required /properties/p\n"},
    {R"({"properties":{"p":{}},"required":["p"]})",
     R"({"properties":{"p":{}}})",
     "additive parameter_became_optional /properties/p\n",
     "breaking member_became_optional /properties/p\n"},
    {R"({})",
     R"({"required":["p"]})",
     "breaking required_parameter_added /properties/p\n",
     "additive member_added /properties/p\n"},
    {P "{\"properties\":{\"a/b~\":{}}}}}",
     P "{}}}",
     "tightening optional_parameter_removed /properties/p/properties/a~1b~0\n",
     "tightening optional_member_removed /properties/p/properties/a~1b~0\n"},
};

const std::vector<SchemaChange> kTypeChanges{
    {R"({"type":"string"})",
     R"({"type":"number"})",
     "breaking type_changed /type\n",
     "breaking type_changed /type\n"},
    {R"({"type":"integer"})",
     R"({"type":"number"})",
     "additive type_widened /type\n",
     "tightening type_widened /type\n"},
    {R"({"type":["string","null"]})",
     R"({"type":"string"})",
     "tightening type_narrowed /type\n",
     "additive type_narrowed /type\n"},
    {R"({})",
     R"({"type":"string"})",
     "tightening type_narrowed /type\n",
     "additive type_narrowed /type\n"},
    {R"({"type":["string","null"]})",
     R"({"type":["string","array"]})",
     "breaking type_changed /type\n",
     "breaking type_changed /type\n"},
    {R"({"enum":["a","b"]})",
     R"({"enum":["a"]})",
     "tightening enum_narrowed /enum\n",
     "additive enum_narrowed /enum\n"},
    {R"({"enum":["a"]})",
     R"({"enum":["a","b"]})",
     "additive enum_widened /enum\n",
     "tightening enum_widened /enum\n"},
    {R"({"enum":["a","b"]})",
     R"({"enum":["b","c"]})",
     "tightening enum_narrowed /enum\nadditive enum_widened /enum\n",
     "tightening enum_widened /enum\nadditive enum_narrowed /enum\n"},
    {R"({"enum":["a"]})",
     R"({"enum":["b"]})",
     "breaking enum_replaced /enum\n",
     "breaking enum_replaced /enum\n"},
    {R"({})", R"({"enum":["b"]})", "tightening enum_added /enum\n", "additive enum_added /enum\n"},
    {R"({"const":1})",
     R"({"const":2})",
     "breaking const_replaced /const\n",
     "breaking const_replaced /const\n"},
    {R"({"const":1})", R"({"const":1.0})", "", ""},
};

const std::vector<SchemaChange> kBoundChanges{
    {R"({"minimum":1})",
     R"({"minimum":2})",
     "tightening bound_tightened /minimum\n",
     "additive bound_tightened /minimum\n"},
    {R"({"maxLength":10})",
     R"({"maxLength":9})",
     "tightening bound_tightened /maxLength\n",
     "additive bound_tightened /maxLength\n"},
    {R"({"maxItems":10})",
     R"({"maxItems":11})",
     "additive bound_loosened /maxItems\n",
     "tightening bound_loosened /maxItems\n"},
    {R"({})",
     R"({"minItems":1})",
     "tightening bound_added /minItems\n",
     "additive bound_added /minItems\n"},
    {R"({"exclusiveMaximum":1})",
     R"({})",
     "additive bound_removed /exclusiveMaximum\n",
     "tightening bound_removed /exclusiveMaximum\n"},
    {R"({"pattern":"a"})",
     R"({"pattern":"b"})",
     "tightening rule_changed /pattern\n",
     "tightening rule_changed /pattern\n"},
    {R"({})",
     R"({"format":"uri"})",
     "tightening rule_added /format\n",
     "additive rule_added /format\n"},
    {R"({"multipleOf":2})",
     R"({"multipleOf":4})",
     "tightening rule_tightened /multipleOf\n",
     "additive rule_tightened /multipleOf\n"},
    {R"({"multipleOf":4})",
     R"({"multipleOf":2})",
     "additive rule_loosened /multipleOf\n",
     "tightening rule_loosened /multipleOf\n"},
    {R"({"uniqueItems":true})",
     R"({})",
     "additive rule_removed /uniqueItems\n",
     "tightening rule_removed /uniqueItems\n"},
    {R"({"minimum":"x"})",
     R"({"minimum":1})",
     "breaking rule_changed /minimum\n",
     "breaking rule_changed /minimum\n"},
};

const std::vector<SchemaChange> kNestedChanges{
    {R"({})",
     R"({"additionalProperties":false})",
     "tightening closed /additionalProperties\n",
     "additive closed /additionalProperties\n"},
    {R"({"additionalProperties":false})",
     R"({"additionalProperties":{}})",
     "additive opened /additionalProperties\n",
     "tightening opened /additionalProperties\n"},
    {R"({"additionalProperties":{"type":"string"}})",
     R"({"additionalProperties":{}})",
     "additive type_widened /additionalProperties/type\n",
     "tightening type_widened /additionalProperties/type\n"},
    {R"({"items":{"type":"string"}})",
     R"({"items":{"type":"string","maxLength":5}})",
     "tightening bound_added /items/maxLength\n",
     "additive bound_added /items/maxLength\n"},
    {R"({"items":[{"type":"string"}]})",
     R"({"items":[{"type":"string"},{"type":"null"}]})",
     "tightening rule_added /items/1\n",
     "additive rule_added /items/1\n"},
    {R"({"prefixItems":[{},{}]})",
     R"({"prefixItems":[{}]})",
     "additive rule_removed /prefixItems/1\n",
     "tightening rule_removed /prefixItems/1\n"},
    {R"({"anyOf":[{"type":"string"},{"type":"null"}]})",
     R"({"anyOf":[{"type":"string"}]})",
     "tightening alternative_removed /anyOf/1\n",
     "additive alternative_removed /anyOf/1\n"},
    {R"({"oneOf":[{"type":"string"}]})",
     R"({"oneOf":[{"type":"null"},{"type":"string"}]})",
     "additive alternative_added /oneOf/0\n",
     "tightening alternative_added /oneOf/0\n"},
    {R"({"anyOf":[{"type":"string"},{"minimum":1}]})",
     R"({"anyOf":[{"minimum":2},{"type":"string"}]})",
     "tightening bound_tightened /anyOf/1/minimum\n",
     "additive bound_tightened /anyOf/1/minimum\n"},
    {R"({"allOf":[{"type":"string"}]})",
     R"({"allOf":[{"type":"string"},{"minLength":1}]})",
     "tightening rule_added /allOf/1\n",
     "additive rule_added /allOf/1\n"},
    {R"({"patternProperties":{"^x":{}}})",
     R"({"patternProperties":{"^y":{}}})",
     "additive rule_removed /patternProperties/^x\ntightening rule_added /patternProperties/^y\n",
     "tightening rule_removed /patternProperties/^x\nadditive rule_added /patternProperties/^y\n"},
    {R"({"$defs":{"a":{"type":"string"}}})",
     R"({"$defs":{"a":{"type":"null"},"b":{}}})",
     "breaking type_changed /$defs/a/type\nadditive definition_added /$defs/b\n",
     "breaking type_changed /$defs/a/type\nadditive definition_added /$defs/b\n"},
    {R"({"$defs":{"a":{}},"items":{"$ref":"#/$defs/a"}})",
     R"({"items":{"$ref":"#/$defs/a"}})",
     "breaking definition_removed /$defs/a\n",
     "breaking definition_removed /$defs/a\n"},
    {R"({"$defs":{"a":{}}})",
     R"({})",
     "additive definition_removed /$defs/a\n",
     "additive definition_removed /$defs/a\n"},
    {R"({"$ref":"#/a"})",
     R"({"$ref":"#/b"})",
     "breaking rule_changed /$ref\n",
     "breaking rule_changed /$ref\n"},
    {R"({"not":{"type":"null"}})",
     R"({})",
     "breaking rule_changed /not\n",
     "breaking rule_changed /not\n"},
};

const std::vector<SchemaChange> kOtherChanges{
    {R"({"default":1})",
     R"({"default":2})",
     "breaking default_changed /default\n",
     "additive default_changed /default\n"},
    {R"({})",
     R"({"default":2})",
     "additive default_added /default\n",
     "additive default_added /default\n"},
    {R"({"default":2})",
     R"({})",
     "tightening default_removed /default\n",
     "additive default_changed /default\n"},
    {R"({"description":"a"})",
     R"({"description":"b"})",
     "text text_changed /description\n",
     "text text_changed /description\n"},
    {P R"({"title":"a","examples":[1]}}})",
     P R"({"$comment":"x"}}})",
     "text text_changed /properties/p/$comment\ntext text_changed /properties/p/examples\n"
     "text text_changed /properties/p/title\n",
     "text text_changed /properties/p/$comment\ntext text_changed /properties/p/examples\n"
     "text text_changed /properties/p/title\n"},
    {R"({"not":{"description":"a"}})",
     R"({"not":{"description":"b"}})",
     "text text_changed /not\n",
     "text text_changed /not\n"},
    {R"({"deprecated":false})",
     R"({"deprecated":true})",
     "additive annotation_changed /deprecated\n",
     "additive annotation_changed /deprecated\n"},
    {P R"({"type":"string"}}})",
     P R"({"type":"string","x-mcp-header":"P"}}})",
     "breaking header_changed /properties/p/x-mcp-header\n",
     "additive annotation_changed /properties/p/x-mcp-header\n"},
    {R"({"required":["b","a"],"properties":{"a":{},"b":{}}})",
     R"({"required":["a","b"],"properties":{"a":{},"b":{}}})",
     "additive rewritten t\n",
     "additive rewritten t\n"},
    {R"({"type":["number","integer"]})",
     R"({"type":"number"})",
     "additive rewritten t\n",
     "additive rewritten t\n"},
};
#undef P

INSTANTIATE_TEST_SUITE_P(Properties, SchemaChanges, testing::ValuesIn(kPropertyChanges));
INSTANTIATE_TEST_SUITE_P(Types, SchemaChanges, testing::ValuesIn(kTypeChanges));
INSTANTIATE_TEST_SUITE_P(Bounds, SchemaChanges, testing::ValuesIn(kBoundChanges));
INSTANTIATE_TEST_SUITE_P(Nested, SchemaChanges, testing::ValuesIn(kNestedChanges));
INSTANTIATE_TEST_SUITE_P(Others, SchemaChanges, testing::ValuesIn(kOtherChanges));

TEST(ManifestDiff, NamesToolsThatCameAndWent) {
    EXPECT_EQ(diff(R"([{"name":"a","inputSchema":{"type":"object"}}])", "[]"),
              "breaking tool_removed a\n");
    EXPECT_EQ(diff("[]", R"([{"name":"b","inputSchema":{}},{"name":"a","inputSchema":{}}])"),
              "additive tool_added a\nadditive tool_added b\n");
}

TEST(ManifestDiff, TheSameContractUnderAnotherNameIsARename) {
    const std::string schema = R"("inputSchema":{"type":"object","properties":{"q":{}}})";
    EXPECT_EQ(diff(R"([{"name":"a","description":"x",)" + schema + "}]",
                   R"([{"name":"b","description":"y",)" + schema + "}]"),
              "text description_changed a/description\nbreaking tool_renamed a/name\n");
    EXPECT_EQ(diff(R"([{"name":"a",)" + schema + "}]",
                   R"([{"name":"b","inputSchema":{"type":"object","properties":{"r":{}}}}])"),
              "breaking tool_removed a\nadditive tool_added b\n");
}

TEST(ManifestDiff, AToolWithoutParametersIsRenamedOnlyWithItsTexts) {
    EXPECT_EQ(diff(R"([{"name":"a","description":"x","inputSchema":{}}])",
                   R"([{"name":"b","description":"y","inputSchema":{}}])"),
              "breaking tool_removed a\nadditive tool_added b\n");
    EXPECT_EQ(diff(R"([{"name":"a","description":"x","inputSchema":{}}])",
                   R"([{"name":"b","description":"x","inputSchema":{}}])"),
              "breaking tool_renamed a/name\n");
}

TEST(ManifestDiff, TextsOfAToolAreTextAlone) {
    EXPECT_EQ(diff(R"([{"name":"a","description":"x","inputSchema":{}}])",
                   R"([{"name":"a","title":"t","inputSchema":{},"icons":[1],"_meta":{}}])"),
              "text description_changed a/description\ntext title_changed a/title\n");
}

TEST(ManifestDiff, AnOutputSchemaIsAPromise) {
    const std::string without = R"([{"name":"a","inputSchema":{}}])";
    const std::string with = R"([{"name":"a","inputSchema":{},"outputSchema":{}}])";
    EXPECT_EQ(diff(with, without), "breaking output_schema_removed a/outputSchema\n");
    EXPECT_EQ(diff(without, with), "additive output_schema_added a/outputSchema\n");
}

TEST(ManifestDiff, HintsThatAskForMoreCareAreTightening) {
    const auto with = [](const std::string& annotations) {
        return R"([{"name":"a","inputSchema":{},"annotations":)" + annotations + "}]";
    };
    EXPECT_EQ(diff(with(R"({"readOnlyHint":true})"), with("{}")),
              "tightening hint_weakened a/annotations/readOnlyHint\n");
    EXPECT_EQ(diff(with(R"({"destructiveHint":false})"), with(R"({"destructiveHint":true})")),
              "tightening hint_weakened a/annotations/destructiveHint\n");
    EXPECT_EQ(diff(with("{}"), with(R"({"idempotentHint":true,"openWorldHint":false})")),
              "additive hint_strengthened a/annotations/idempotentHint\n"
              "additive hint_strengthened a/annotations/openWorldHint\n");
    EXPECT_EQ(diff(with("{}"), with(R"({"openWorldHint":true,"title":"x"})")),
              "additive annotation_changed a/annotations\n");
}

TEST(ManifestDiff, SaysValuesBeforeAndNow) {
    const auto changes = diff_of_tools(
        tools(R"([{"name":"a","inputSchema":{"properties":{"p":{"enum":["x","y"]}}}}])"),
        tools(R"([{"name":"a","inputSchema":{"properties":{"p":{"enum":["x"]}}}}])"));
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].path, "/inputSchema/properties/p/enum");
    EXPECT_EQ(changes[0].detail, "without \"y\"");
    EXPECT_TRUE(has_contract_change(changes));
    EXPECT_FALSE(has_contract_change({}));
}

TEST(ManifestDiff, LongValuesAreCut) {
    const auto with = [](char c) {
        return tools(R"([{"name":"a","inputSchema":{"description":")" + std::string(9000, c) +
                     "\"}}]");
    };
    const auto changes = diff_of_tools(with('x'), with('y'));
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_LT(changes[0].detail.size(), 500U);
}

}  // namespace
}  // namespace quorate
