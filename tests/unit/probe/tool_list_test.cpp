#include "probe/tool_list.hpp"

#include <gtest/gtest.h>

#include "probe/jsonrpc.hpp"

namespace quorate {
namespace {

boost::json::object object(std::string_view text) {
    return parse_json(text)->get_object();
}

std::string page(std::string_view name, std::string_view cursor) {
    return R"({"tools":[{"name":")" + std::string{name} +
           R"(","inputSchema":{"type":"object"}}],"nextCursor":)" + std::string{cursor} + "}";
}

TEST(ToolList, FollowsCursorsUntilThereIsNone) {
    ToolList list{false};
    EXPECT_EQ(**list.take_page(object(page("a", "\"1\""))), "1");
    EXPECT_FALSE(list.take_page(object(page("b", "null")))->has_value());
    EXPECT_EQ(list.pages(), 2U);
    EXPECT_EQ(list.tools().size(), 2U);
}

TEST(ToolList, AnEmptyCursorIsAPageOnlyInTheModernEra) {
    EXPECT_FALSE(ToolList{false}.take_page(object(page("a", "\"\"")))->has_value());
    EXPECT_TRUE(ToolList{true}.take_page(object(page("a", "\"\"")))->has_value());
}

TEST(ToolList, RefusesARepeatedCursorAndTheFiftyFirstPage) {
    ToolList repeated{false};
    repeated.take_page(object(page("a", "\"1\"")));
    EXPECT_EQ(repeated.take_page(object(page("b", "\"1\""))).error().reason,
              Reason::pagination_invalid);
    ToolList endless{false};
    for (int i = 0; i < 49; ++i)
        EXPECT_TRUE(endless.take_page(
            object(page("t" + std::to_string(i), '"' + std::to_string(i) + '"'))));
    EXPECT_EQ(endless.take_page(object(page("z", "\"z\""))).error().reason,
              Reason::pagination_invalid);
}

TEST(ToolList, RefusesResultsThatAreNone) {
    for (const auto* bad : {R"({})",
                            R"({"tools":{}})",
                            R"({"tools":[1]})",
                            R"({"tools":[{"inputSchema":{"type":"object"}}]})",
                            R"({"tools":[{"name":"a"}]})",
                            R"({"tools":[{"name":"a","inputSchema":{"type":"array"}}]})",
                            R"({"tools":[],"nextCursor":7})"}) {
        const auto taken = ToolList{false}.take_page(object(bad));
        ASSERT_FALSE(taken) << bad;
        EXPECT_EQ(taken.error().reason, Reason::protocol_invalid_result) << bad;
    }
}

TEST(ToolList, ADuplicateNameIsAWarning) {
    ToolList list{false};
    list.take_page(object(page("a", "\"1\"")));
    list.take_page(object(page("a", "null")));
    EXPECT_EQ(list.tools().size(), 1U);
    EXPECT_TRUE(list.warnings().has(Warning::tool_name_duplicate));
}

TEST(ToolList, AToolWithABadHeaderMarkIsLeftOutInTheModernEraAlone) {
    for (const auto* bad : {R"({"x-mcp-header":""})",
                            R"({"type":"string","x-mcp-header":"a b"})",
                            R"({"type":"number","x-mcp-header":"A"})",
                            R"({"type":"array","items":{"type":"string","x-mcp-header":"A"}})"}) {
        const auto text =
            R"({"tools":[{"name":"a","inputSchema":{"type":"object","properties":{"p":)" +
            std::string{bad} + "}}}]}";
        ToolList modern{true};
        EXPECT_TRUE(modern.take_page(object(text)));
        EXPECT_TRUE(modern.tools().empty()) << bad;
        EXPECT_TRUE(modern.warnings().has(Warning::tool_definition_invalid));
        ToolList legacy{false};
        legacy.take_page(object(text));
        EXPECT_EQ(legacy.tools().size(), 1U);
    }
}

TEST(HeaderParameters, AreFoundAtAnyDepthAndUniqueWithoutCase) {
    const auto tool = object(
        R"({"inputSchema":{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"Region"},)"
        R"("b":{"type":"object","properties":{"c":{"type":"integer","x-mcp-header":"Count"}}}}}})");
    const auto found = header_parameters(tool);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ((*found)[1].path, (std::vector<std::string>{"b", "c"}));
    EXPECT_FALSE(header_parameters(
        object(R"({"inputSchema":{"properties":{"a":{"type":"string","x-mcp-header":"X"},)"
               R"("b":{"type":"string","x-mcp-header":"x"}}}})")));
}

TEST(HeaderForm, IsPlainOrBase64InASentinel) {
    EXPECT_EQ(header_form("echo"), "echo");
    EXPECT_EQ(header_form(" x"), "=?base64?IHg=?=");
    EXPECT_EQ(header_form("caf\xC3\xA9"), "=?base64?Y2Fmw6k=?=");
    EXPECT_EQ(header_form("=?base64?eA==?="), "=?base64?PT9iYXNlNjQ/ZUE9PT89?=");
    EXPECT_EQ(header_form("a\tb"), "=?base64?YQli?=");
}

TEST(ToolList, AllPagesTogetherMayWeighSoMuchAndNoMore) {
    // 21 pages of 50,000 values in one tool each: far less than a page may have, and too much.
    const auto heavy = [](int nth) {
        std::string values = "0";
        for (int i = 1; i < 50'000; ++i)
            values += ",0";
        return object(R"({"tools":[{"name":")" + std::to_string(nth) +
                      R"(","inputSchema":{"type":"object","enum":[)" + values +
                      R"(]}}],"nextCursor":")" + std::to_string(nth) + "\"}");
    };
    ToolList list{false};
    for (int i = 0; i < 19; ++i)
        ASSERT_TRUE(list.take_page(heavy(i))) << i;
    ASSERT_TRUE(list.take_page(object(page("light", "\"x\""))));
    const auto last = list.take_page(heavy(20));
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().reason, Reason::response_too_large);
}

TEST(ToolList, ACursorMayBeSoLongAndNoLonger) {
    const auto page_to = [](const std::string& cursor) {
        return object(R"({"tools":[],"nextCursor":")" + cursor + "\"}");
    };
    const std::string longest(ToolList::kCursorBytesMax, 'c');
    for (const bool modern : {false, true}) {
        ToolList list{modern};
        const auto next = list.take_page(page_to(longest));
        ASSERT_TRUE(next);
        EXPECT_EQ(*next, longest);
        const auto again = list.take_page(page_to(longest));
        ASSERT_FALSE(again);
        EXPECT_EQ(again.error().reason, Reason::pagination_invalid);
        const auto longer = list.take_page(page_to(longest + 'c'));
        ASSERT_FALSE(longer);
        EXPECT_EQ(longer.error().reason, Reason::response_too_large);
    }
}

TEST(JsonWeight, CountsValuesAndNamesAndNotWhatStandsInStrings) {
    JsonWeight weight;
    weigh(*parse_json(R"({"ab":[1,"c,d",null],"e":{}})"), weight);
    EXPECT_EQ(weight.values, 8U);
    EXPECT_EQ(weight.text_bytes, 6U);

    std::string most = "[0";
    while (most.size() < 2 * (JsonWeight::kValuesMax - 1))
        most += ",0";
    EXPECT_FALSE(has_too_many_values(most + "]"));  // an array of 999,999
    EXPECT_TRUE(has_too_many_values(most + ",0]"));
    EXPECT_FALSE(has_too_many_values('"' + std::string(2'000'000, ',') + R"(\",")"));
}

}  // namespace
}  // namespace quorate
