#include "platform/config/yaml.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

/// The errors of a text as one text; empty if it was taken.
std::string errors_of(std::string_view text, const YamlLimits& limits = {}) {
    ConfigErrors errors;
    const auto tree = parse_yaml(text, "f.yaml", errors, limits);
    EXPECT_TRUE(tree.has_value() || !errors.empty());
    return format_errors(errors);
}

TEST(YamlTree, EveryValueAndKeyRemembersItsLine) {
    ConfigErrors errors;
    const auto tree = parse_yaml("a: 1\nb:\n  - x\n  -\n    c: 'y'\nd:\n", "f.yaml", errors);
    ASSERT_TRUE(tree.has_value());
    ASSERT_EQ(tree->entries.size(), 3U);
    EXPECT_EQ(tree->entries[1].line, 2);
    const auto& items = tree->find("b")->items;
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[0].line, 3);
    EXPECT_FALSE(items[0].quoted);
    EXPECT_EQ(items[1].entries[0].line, 5);
    EXPECT_TRUE(items[1].find("c")->quoted);
    EXPECT_EQ(tree->find("d")->kind, Yaml::Kind::null);
    EXPECT_EQ(tree->find("e"), nullptr);
}

TEST(YamlTree, DuplicateKeysAreAllNamedWithTheirPaths) {
    EXPECT_EQ(errors_of("a: 1\nb:\n  - c: 1\n    c: 2\na: 3\n"),
              "f.yaml:4: b[0].c: is set twice\nf.yaml:5: a: is set twice");
}

TEST(YamlTree, OfADuplicateKeyTheFirstValueStandsAndWhatCannotBeUnderstoodIsNoTree) {
    ConfigErrors errors;
    const auto tree = parse_yaml("a: 1\na: 2\n", "f.yaml", errors);
    ASSERT_TRUE(tree.has_value());
    EXPECT_EQ(tree->find("a")->text, "1");
    for (const auto* text : {"a: [1\n", "a: &x 1\n", "? [x]\n: 2\n"})
        EXPECT_FALSE(parse_yaml(text, "f.yaml", errors).has_value()) << text;
}

TEST(YamlTree, ASyntaxErrorNamesItsLine) {
    const auto text = errors_of("a: 1\nb: [1, 2\nc: 3\n");
    EXPECT_TRUE(text.starts_with("f.yaml:")) << text;
    EXPECT_NE(text.find("is no valid YAML"), std::string::npos) << text;
}

TEST(YamlTree, AnchorsAliasesAndSecondDocumentsAreRefused) {
    EXPECT_EQ(errors_of("a: &x 1\nb: *x\n"),
              "f.yaml:1: anchors and aliases (& and *) are not supported");
    EXPECT_EQ(errors_of("a: 1\n---\nb: 2\n"),
              "f.yaml:3: a second document starts here; only one is read");
}

TEST(YamlTree, AKeyMustBeText) {
    EXPECT_EQ(errors_of("a: 1\n? [x]\n: 2\n"), "f.yaml:2: a key must be text, is a list");
    EXPECT_EQ(errors_of("~: 1\n"), "f.yaml:1: a key must be text, is empty");
}

TEST(YamlTree, DepthSizeAndNumberOfValuesAreBounded) {
    YamlLimits limits;
    limits.depth = 3;
    EXPECT_EQ(errors_of("[[[1]]]", limits), "");
    EXPECT_EQ(errors_of("[[[[1]]]]", limits), "f.yaml:1: is nested deeper than 3 levels");
    limits.values = 4;
    EXPECT_EQ(errors_of("[1,\n2,\n3]", limits), "");
    EXPECT_EQ(errors_of("[1,\n2,\n3,\n4]", limits), "f.yaml:4: holds more than 4 values");
    limits.bytes = 5;
    EXPECT_EQ(errors_of("a: 123", limits), "f.yaml: is larger than 5 bytes");
}

TEST(YamlTree, TextNestedFarTooDeepIsRefusedAndDoesNotCrash) {
    EXPECT_NE(errors_of(std::string(100'000, '[')), "");
    EXPECT_NE(errors_of(std::string(100'000, '{')), "");
    EXPECT_NE(errors_of(std::string{"a: \0b", 5}), "");
}

TEST(YamlTree, WhatAMessageShowsOfTheFileIsFitForATerminalAndIsUtf8) {
    EXPECT_EQ(errors_of("\"a\\e[31m\": 1\n\"a\\e[31m\": 2\n"), "f.yaml:2: a?[31m: is set twice");
    const auto directive = errors_of("%YAML 2.\b\n---\na: 1\n");
    EXPECT_NE(directive.find("is no valid YAML"), directive.npos) << directive;
    EXPECT_EQ(directive.find('\b'), directive.npos) << directive;
    Yaml value;
    value.kind = Yaml::Kind::scalar;
    value.text = std::string(59, 'x') + "\xC3\xA9 and more";
    EXPECT_EQ(describe(value), '"' + std::string(59, 'x') + "…\"");
    value.text = "a\x1B[31m";
    EXPECT_EQ(describe(value), "\"a?[31m\"");
    EXPECT_EQ(path_below("a[0]", std::string(500, 'k')), "a[0]." + std::string(97, 'k') + "…");
}

TEST(ConfigErrors, AreFormattedInTheOrderOfTheFile) {
    const ConfigErrors errors{{"f", 9, "b", "late"}, {"f", 2, "a", "early"}, {"f", 0, "", "all"}};
    EXPECT_EQ(format_errors(errors), "f: all\nf:2: a: early\nf:9: b: late");
}

}  // namespace
}  // namespace quorate
