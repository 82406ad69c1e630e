#include "probe/assertion.hpp"

#include <gtest/gtest.h>

#include "probe/jsonrpc.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

const boost::json::value& document() {
    static const auto value = *parse_json(
        R"({"total":2,"ok":true,"note":null,"results":[{"id":"a","n":1.5},{"id":"b"}],"a b":"x.y"})");
    return value;
}

bool holds(const char* path, const char* op, const char* value) {
    const CanaryAssertion assertion{path, op, value};
    EXPECT_EQ(assertion_error(assertion), "");
    return !assertion_failure(document(), assertion);
}

TEST(Assertion, ReadsMembersIndexesAndWildcards) {
    EXPECT_TRUE(holds("$.results[0].id", "==", "\"a\""));
    EXPECT_TRUE(holds("$.results[-1].id", "==", "\"b\""));
    EXPECT_TRUE(holds("$['a b']", "contains", "\".\""));
    EXPECT_TRUE(holds("$.results[*].id", "==", R"(["a","b"])"));
    EXPECT_TRUE(holds("$.results[*].id", "contains", "\"b\""));
    EXPECT_TRUE(holds("$.results[*].missing", "==", "[]"));
}

TEST(Assertion, ComparesNumbersByValueAndTypesByName) {
    EXPECT_TRUE(holds("$.total", "==", "2.0"));
    EXPECT_TRUE(holds("$.total", ">=", "2"));
    EXPECT_FALSE(holds("$.total", ">=", "3"));
    EXPECT_TRUE(holds("$.results[0].n", "<=", "1.5"));
    EXPECT_FALSE(holds("$.ok", ">=", "0"));
    EXPECT_TRUE(holds("$.ok", "is", "\"boolean\""));
    EXPECT_TRUE(holds("$.note", "is", "\"null\""));
    EXPECT_TRUE(holds("$.total", "is", "\"integer\""));
    EXPECT_FALSE(holds("$.results[0].n", "is", "\"integer\""));
    EXPECT_TRUE(holds("$", "contains", "\"total\""));
}

TEST(Assertion, ATextContainsWhatIsWrittenInIt) {
    const json::value text("The sum of 2 and 3 is 5, true.");
    const auto contains = [&](const char* value) {
        return !assertion_failure(text, CanaryAssertion{"$", "contains", value});
    };
    EXPECT_TRUE(contains("\"is 5\""));
    EXPECT_TRUE(contains("5"));
    EXPECT_TRUE(contains("true"));
    EXPECT_FALSE(contains("6"));
    EXPECT_FALSE(contains("null"));
    EXPECT_FALSE(contains("[]"));
}

TEST(Assertion, LargeIntegersAreComparedExactly) {
    const auto large = *parse_json(R"({"n":9007199254740993,"m":-9007199254740993})");
    const auto equal = [&](const char* path, const char* value) {
        return !assertion_failure(large, CanaryAssertion{path, "==", value});
    };
    EXPECT_TRUE(equal("$.n", "9007199254740993"));
    EXPECT_FALSE(equal("$.n", "9007199254740992"));
    EXPECT_FALSE(equal("$.m", "-9007199254740992"));
}

TEST(Assertion, APathThatLeadsNowhereDoesNotHold) {
    for (const auto* path : {"$.missing", "$.results[2]", "$.results[-3]", "$.total.x", "$.ok[0]"})
        EXPECT_FALSE(holds(path, "==", "null")) << path;
}

TEST(Assertion, WhatCannotBeReadIsToldBeforehand) {
    EXPECT_NE(assertion_error({"total", "==", "1"}), "");
    EXPECT_NE(assertion_error({"$..total", "==", "1"}), "");
    EXPECT_NE(assertion_error({"$[", "==", "1"}), "");
    EXPECT_NE(assertion_error({"$[x]", "==", "1"}), "");
    EXPECT_NE(assertion_error({"$.total", "=", "1"}), "");
    EXPECT_NE(assertion_error({"$.total", "==", "nonsense"}), "");
}

TEST(Assertion, TheRootIsStructuredContentElseTextAsJsonElseText) {
    const auto root = [](std::string_view result) {
        return assertion_root(parse_json(result)->get_object());
    };
    EXPECT_EQ(root(R"({"content":[],"structuredContent":{"a":1}})"), *parse_json(R"({"a":1})"));
    EXPECT_EQ(root(R"({"content":[{"type":"image"},{"type":"text","text":"[1]"}]})"),
              *parse_json("[1]"));
    EXPECT_EQ(root(R"({"content":[{"type":"text","text":"hello"}]})"), *parse_json("\"hello\""));
    EXPECT_TRUE(root(R"({"content":[]})").is_null());
}

}  // namespace
}  // namespace quorate
