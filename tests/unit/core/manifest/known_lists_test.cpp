#include "core/manifest/known_lists.hpp"

#include <gtest/gtest.h>

#include "core/base/json_text.hpp"
#include "core/base/sha256.hpp"
#include "core/manifest/manifest.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

std::vector<json::object> tools_of(std::string_view text) {
    std::vector<json::object> tools;
    const auto parsed = parse_json(text);
    for (const auto& tool : parsed->as_array())
        tools.push_back(tool.as_object());
    return tools;
}

const auto kBefore = tools_of(R"([
    {"name": "search", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}},
    {"name": "fetch", "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}}}}])");
const auto kBroken = tools_of(R"([
    {"name": "search", "inputSchema": {"type": "object", "required": ["q", "n"], "properties":
        {"q": {"type": "string"}, "n": {"type": "integer"}}}},
    {"name": "browse", "inputSchema": {"type": "object", "properties": {"u": {"type": "string"}}}},
    {"name": "fetch", "description": "now with words",
     "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}}}}])");

std::string add_to(KnownLists& lists, const std::vector<json::object>& tools) {
    auto hash = manifest_hashes(tools).full;
    EXPECT_TRUE(lists.add(hash, manifest_text(tools)));
    return hash;
}

TEST(KnownLists, TheTextOfAListIsWhatItsFullHashIsOf) {
    for (const auto& tools : {kBefore, kBroken, std::vector<json::object>{}})
        EXPECT_EQ(to_hex(sha256(manifest_text(tools))), manifest_hashes(tools).full);
    EXPECT_EQ(manifest_text({}), "[]");
}

TEST(KnownLists, AListReadFromItsTextIsTheSame) {
    EXPECT_EQ(manifest_hashes(tools_of(manifest_text(kBroken))).full,
              manifest_hashes(kBroken).full);
    EXPECT_EQ(manifest_hashes(tools_of(manifest_text(kBroken))).semantic,
              manifest_hashes(kBroken).semantic);
}

TEST(KnownLists, AChangeNamesItsWorstKindAndTheToolsTheWorstFirst) {
    KnownLists lists;
    const auto before = front_of_hash(add_to(lists, kBefore));
    const auto now = front_of_hash(add_to(lists, kBroken));
    const auto change = lists.change(before, now);
    ASSERT_TRUE(change);
    EXPECT_EQ(change->kind, ChangeKind::breaking);
    EXPECT_TRUE(change->summary.starts_with("search (")) << change->summary;
    EXPECT_NE(change->summary.find(", browse (tool_added), fetch (description_changed"),
              std::string::npos)
        << change->summary;
    EXPECT_EQ(lists.change(before, now), change) << "as compared before";
    const auto back = lists.change(now, before);
    ASSERT_TRUE(back);
    EXPECT_NE(back->summary.find("browse (tool_removed)"), std::string::npos) << back->summary;
}

TEST(KnownLists, WhatIsNotAtHandIsNotCompared) {
    KnownLists lists;
    const auto before = front_of_hash(add_to(lists, kBefore));
    EXPECT_FALSE(lists.change(before, before));
    EXPECT_FALSE(lists.change(before, 7));
    EXPECT_FALSE(lists.change(0, before));
}

TEST(KnownLists, ATextThatIsNotOfItsHashOrNoListIsNotTaken) {
    KnownLists lists;
    EXPECT_FALSE(lists.add(std::string(64, 'a'), "[]"));
    for (const std::string text : {"{}", "[1]", "["})
        EXPECT_FALSE(lists.add(to_hex(sha256(text)), text)) << text;
    EXPECT_EQ(lists.size(), 0U);
}

TEST(KnownLists, ManyChangedToolsAreCounted) {
    ManifestChanges changes;
    for (const auto* tool : {"a", "b", "c", "d", "e", "f", "g"})
        changes.push_back({tool, "", ChangeKind::additive, "tool_added", ""});
    changes[5].kind = ChangeKind::breaking;
    changes[5].what = "tool_removed";
    changes.insert(changes.begin() + 6, {"f", "/x", ChangeKind::text, "text_changed", ""});
    const auto change = summary_of(changes);
    EXPECT_EQ(change.kind, ChangeKind::breaking);
    EXPECT_EQ(change.summary,
              "f (tool_removed and 1 more), a (tool_added), b (tool_added), c (tool_added), "
              "d (tool_added), and 2 more tools");
}

TEST(KnownLists, NamesOfToolsAreMadeSafe) {
    const ManifestChanges changes{
        {"\x1b[31mred" + std::string(200, 'x'), "", ChangeKind::breaking, "tool_removed", ""}};
    const auto summary = summary_of(changes).summary;
    EXPECT_EQ(summary.find('\x1b'), std::string::npos);
    EXPECT_LT(summary.size(), 100U);
}

TEST(KnownLists, TheFrontOfAHashIsItsFirstEightBytes) {
    EXPECT_EQ(front_of_hash(std::string(64, 'f')), ~std::uint64_t{0});
    EXPECT_EQ(front_of_hash("0123456789abcdef0000"), 0x0123456789abcdefU);
    EXPECT_EQ(front_of_hash(""), 0U);
}

}  // namespace
}  // namespace quorate
