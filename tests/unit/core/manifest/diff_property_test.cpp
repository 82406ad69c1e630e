#include <algorithm>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "core/manifest/diff.hpp"
#include "core/manifest/manifest.hpp"

namespace quorate {
namespace {

namespace json = boost::json;
using Tools = std::vector<json::object>;

constexpr int kRounds = 3000;

/// Random tool lists, small enough that two of them often differ in one thing.
class Generator {
public:
    explicit Generator(std::uint64_t seed) : random_{seed} {}

    std::size_t below(std::size_t bound) { return random_() % bound; }
    bool one_in(std::size_t n) { return below(n) == 0; }

    json::value schema(int depth) {
        if (one_in(12)) return one_in(2);
        json::object schema;
        const auto keywords = below(4);
        for (std::size_t i = 0; i < keywords; ++i)
            add_keyword(schema, depth);
        return schema;
    }

    void add_keyword(json::object& schema, int depth) {
        static const std::vector<std::string> kTypes{"string", "integer", "number", "null"};
        const std::size_t choices = depth > 0 ? 17 : 10;
        switch (below(choices)) {
            case 0:
                schema["type"] = kTypes[below(kTypes.size())];
                return;
            case 1:
                schema["type"] = json::array{kTypes[below(4)], kTypes[below(4)]};
                return;
            case 2:
                schema["enum"] = some_words();
                return;
            case 3:
                schema["required"] = some_words();
                return;
            case 4:
                schema[one_in(2) ? "minimum" : "maxLength"] = below(3);
                return;
            case 5:
                schema[one_in(2) ? "pattern" : "format"] = word();
                return;
            case 6:
                schema[one_in(2) ? "description" : "title"] = word();
                return;
            case 7:
                schema["default"] = json::object{{"title", word()}};
                return;
            case 8:
                schema[one_in(2) ? "const" : "x-other"] = word();
                return;
            case 9:
                schema["$ref"] = "#/$defs/" + word();
                return;
            case 10:
            case 11:
                schema["properties"] = named_schemas(depth - 1);
                return;
            case 12:
                schema[one_in(2) ? "$defs" : "patternProperties"] = named_schemas(depth - 1);
                return;
            case 13:
                schema[one_in(2) ? "items" : "additionalProperties"] = this->schema(depth - 1);
                return;
            case 14:
                schema[one_in(2) ? "not" : one_in(2) ? "items" : "if"] = schemas(depth - 1);
                return;
            default:
                schema[one_in(2) ? "anyOf" : "allOf"] = schemas(depth - 1);
        }
    }

    json::object tool(const std::string& name) {
        json::object tool{{"name", name}, {"inputSchema", schema(3)}};
        if (one_in(2)) tool["description"] = word();
        if (one_in(3)) tool["outputSchema"] = schema(2);
        if (one_in(3)) tool["annotations"] = json::object{{"readOnlyHint", one_in(2)}};
        if (one_in(4)) tool["_meta"] = json::object{{"x", below(3)}};
        return tool;
    }

    Tools tools() {
        Tools list;
        for (const auto* name : {"a", "b", "c"})
            if (!one_in(4)) list.push_back(tool(name));
        return list;
    }

    /// The list with a few things changed somewhere.
    Tools mutated(Tools tools) {
        for (auto& tool : tools) {
            if (one_in(3)) mutate(tool["inputSchema"], 3);
            if (one_in(6)) tool["description"] = word();
            if (one_in(8) && tool.contains("outputSchema")) mutate(tool["outputSchema"], 3);
            if (one_in(12)) tool["name"] = std::string{"r"} + std::string{tool["name"].as_string()};
        }
        return tools;
    }

    /// The same in another order of tools and members.
    Tools shuffled(const Tools& tools) {
        Tools result;
        for (const auto& tool : tools)
            result.push_back(shuffled(json::value(tool)).as_object());
        std::shuffle(result.begin(), result.end(), random_);
        return result;
    }

private:
    std::string word() { return std::string(1, static_cast<char>('a' + below(3))); }
    json::array some_words() {
        json::array words;
        for (auto count = 1 + below(2); count > 0; --count)
            words.emplace_back(word());
        return words;
    }
    json::object named_schemas(int depth) {
        json::object named;
        for (auto count = below(3); count > 0; --count)
            named[word()] = schema(depth);
        return named;
    }
    json::array schemas(int depth) {
        json::array list;
        for (auto count = below(3); count > 0; --count)
            list.push_back(schema(depth));
        return list;
    }

    void mutate(json::value& schema, int depth) {
        auto* object = schema.if_object();
        if (object == nullptr || object->empty() || one_in(3)) {
            if (object != nullptr && !one_in(5))
                add_keyword(*object, depth);
            else
                schema = this->schema(depth);
            return;
        }
        auto member = object->begin() + static_cast<std::ptrdiff_t>(below(object->size()));
        if (one_in(4))
            object->erase(member);
        else if (member->value().is_object())
            mutate(member->value(), depth - 1);
        else if (auto* list = member->value().if_array(); list != nullptr && !list->empty())
            mutate((*list)[below(list->size())], depth - 1);
    }

    json::value shuffled(const json::value& value) {
        if (const auto* list = value.if_array()) {
            json::array copy;
            for (const auto& item : *list)
                copy.push_back(shuffled(item));
            return copy;
        }
        const auto* object = value.if_object();
        if (object == nullptr) return value;
        std::vector<const json::key_value_pair*> members;
        for (const auto& member : *object)
            members.push_back(&member);
        std::shuffle(members.begin(), members.end(), random_);
        json::object copy;
        for (const auto* member : members)
            copy[member->key()] = shuffled(member->value());
        return copy;
    }

    std::mt19937_64 random_;
};

std::string text_of(const Tools& tools) {
    json::array list(tools.begin(), tools.end());
    return json::serialize(list);
}

class ManifestDiffProperty : public testing::Test {
protected:
    ManifestDiffProperty() { std::cout << "seed " << seed << '\n'; }
    const std::uint64_t seed = std::random_device{}();
    Generator random{seed};
};

TEST_F(ManifestDiffProperty, AListDoesNotDifferFromItselfInAnyOrder) {
    for (int round = 0; round < kRounds; ++round) {
        const auto tools = random.tools();
        const auto again = random.shuffled(tools);
        ASSERT_TRUE(diff_of_tools(tools, tools).empty()) << text_of(tools);
        ASSERT_TRUE(diff_of_tools(tools, again).empty()) << text_of(tools);
        ASSERT_EQ(manifest_hashes(tools).full, manifest_hashes(again).full) << text_of(tools);
    }
}

TEST_F(ManifestDiffProperty, HashesAreEqualExactlyIfNothingChanged) {
    int changed = 0;
    int texts_alone = 0;
    for (int round = 0; round < kRounds; ++round) {
        const auto before = random.tools();
        const auto now = random.one_in(4) ? random.tools() : random.mutated(before);
        const auto changes = diff_of_tools(before, now);
        const auto old_hashes = manifest_hashes(before);
        const auto new_hashes = manifest_hashes(now);
        const auto both = text_of(before) + "\n" + text_of(now);
        ASSERT_EQ(old_hashes.full == new_hashes.full, changes.empty()) << both;
        ASSERT_EQ(old_hashes.semantic == new_hashes.semantic, !has_contract_change(changes))
            << both;
        changed += changes.empty() ? 0 : 1;
        texts_alone += !changes.empty() && !has_contract_change(changes) ? 1 : 0;
    }
    // What was drawn must reach both sides of each rule.
    EXPECT_GT(changed, kRounds / 2);
    EXPECT_LT(changed, kRounds);
    EXPECT_GT(texts_alone, 0);
}

TEST_F(ManifestDiffProperty, TheOrderOfTheListsDoesNotMatter) {
    for (int round = 0; round < kRounds; ++round) {
        const auto before = random.tools();
        const auto now = random.mutated(before);
        ASSERT_EQ(diff_of_tools(before, now),
                  diff_of_tools(random.shuffled(before), random.shuffled(now)))
            << text_of(before) << "\n"
            << text_of(now);
    }
}

TEST_F(ManifestDiffProperty, WhatIsSaferOneWayIsNotSaferTheOtherWay) {
    // A change that only adds can't be undone by one that only adds, but for words and notes.
    for (int round = 0; round < kRounds; ++round) {
        const auto before = random.tools();
        const auto now = random.mutated(before);
        const auto there = diff_of_tools(before, now);
        const auto back = diff_of_tools(now, before);
        for (const auto& change : there) {
            if (change.what != "enum_narrowed" && change.what != "type_narrowed" &&
                change.what != "bound_tightened")
                continue;
            const bool undone = std::any_of(back.begin(), back.end(), [&](const auto& other) {
                return other.kind != change.kind && other.kind != ChangeKind::text;
            });
            ASSERT_TRUE(undone) << change.what << "\n" << text_of(before) << "\n" << text_of(now);
        }
    }
}

}  // namespace
}  // namespace quorate
