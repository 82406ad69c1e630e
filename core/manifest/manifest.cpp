#include "core/manifest/manifest.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "core/base/sha256.hpp"
#include "core/manifest/canonical_json.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> kTexts{"title", "description", "examples", "$comment"};
/// Keywords whose members are named by the schema's author.
constexpr std::array<std::string_view, 5> kNamedSchemas{
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas"};
/// Keywords that hold data, in which every member counts.
constexpr std::array<std::string_view, 3> kData{"enum", "const", "default"};

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

json::value without_texts(const json::value& schema) {
    if (const auto* array = schema.if_array()) {
        json::array result;
        for (const auto& item : *array)
            result.push_back(without_texts(item));
        return result;
    }
    const auto* object = schema.if_object();
    if (object == nullptr) return schema;
    json::object result;
    for (const auto& member : *object) {
        const std::string_view key = member.key();
        if (is_one_of(kTexts, key)) continue;
        if (is_one_of(kNamedSchemas, key) && member.value().is_object()) {
            auto& named = result[key].emplace_object();
            for (const auto& inner : member.value().get_object())
                named[inner.key()] = without_texts(inner.value());
        } else {
            result[key] = is_one_of(kData, key) ? member.value() : without_texts(member.value());
        }
    }
    return result;
}

void copy_member(const json::object& from, std::string_view name, json::object& to) {
    if (const auto* value = from.if_contains(name)) to[name] = *value;
}

std::string digest_text(const json::value& value) {
    return to_hex(sha256(canonical_json(value)));
}

}  // namespace

ToolDigest digest_of(const json::object& tool) {
    json::object contract;
    json::object text;
    copy_member(tool, "name", contract);
    copy_member(tool, "annotations", contract);
    copy_member(tool, "title", text);
    copy_member(tool, "description", text);
    for (const std::string_view name : {"inputSchema", "outputSchema"}) {
        const auto* schema = tool.if_contains(name);
        if (schema == nullptr) continue;
        contract[name] = without_texts(*schema);
        text[name] = *schema;
    }
    const auto* name = tool.if_contains("name");
    return ToolDigest{name != nullptr && name->is_string() ? std::string{name->get_string()} : "",
                      digest_text(contract),
                      digest_text(text)};
}

ManifestHashes manifest_hashes(const std::vector<json::object>& tools) {
    std::vector<ToolDigest> digests;
    digests.reserve(tools.size());
    for (const auto& tool : tools)
        digests.push_back(digest_of(tool));
    std::sort(digests.begin(), digests.end(), [](const ToolDigest& a, const ToolDigest& b) {
        return std::tie(a.name, a.contract, a.text) < std::tie(b.name, b.contract, b.text);
    });
    json::array contracts;
    json::array all;
    for (const auto& digest : digests) {
        contracts.push_back(json::array{digest.name, digest.contract});
        all.push_back(json::array{digest.name, digest.contract, digest.text});
    }
    return {digest_text(contracts), digest_text(all)};
}

}  // namespace quorate
