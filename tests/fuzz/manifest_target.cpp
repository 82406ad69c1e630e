#include <algorithm>
#include <tuple>

#include <boost/json/array.hpp>

#include "core/base/json_text.hpp"
#include "core/manifest/canonical_json.hpp"
#include "core/manifest/diff.hpp"
#include "core/manifest/manifest.hpp"
#include "probe/jsonrpc.hpp"
#include "probe/tool_list.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

namespace json = boost::json;

/// The same value with the members of all its objects the other way round.
json::value reversed(const json::value& value) {
    if (const auto* array = value.if_array()) {
        json::array result;
        for (const auto& item : *array)
            result.push_back(reversed(item));
        return result;
    }
    const auto* object = value.if_object();
    if (object == nullptr) return value;
    json::object result;
    for (std::size_t left = object->size(); left > 0; --left) {
        const auto& member = *(object->begin() + static_cast<std::ptrdiff_t>(left - 1));
        result.emplace(member.key(), reversed(member.value()));
    }
    return result;
}

bool same(const ManifestHashes& left, const ManifestHashes& right) {
    return left.semantic == right.semantic && left.full == right.full;
}

void check_canonical(const json::value& value) {
    const auto text = canonical_json(value);
    require(std::none_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < 0x20; }),
            "canonical JSON holds a control character");
    const auto again = parse_json(text);
    require(again.has_value(), "canonical JSON is no JSON: " + text);
    require(canonical_json(*again) == text,
            "canonical JSON changes when it is read again: " + text);
    require(canonical_json(reversed(value)) == text, "canonical JSON keeps the order of members");
}

using Tools = std::vector<json::object>;

Tools backwards(const Tools& tools) {
    Tools result;
    for (auto tool = tools.rbegin(); tool != tools.rend(); ++tool)
        result.push_back(reversed(*tool).get_object());
    return result;
}

bool is_named(const Tools& tools, std::string_view name) {
    return std::any_of(tools.begin(), tools.end(), [&](const json::object& tool) {
        return string_member(tool, "name") == name;
    });
}

/// What the difference says is what the hashes say.
void check_diff(const Tools& before, const Tools& now) {
    const auto old_hashes = manifest_hashes(before);
    const auto new_hashes = manifest_hashes(now);
    const auto changes = diff_of_tools(before, now);
    require(changes.empty() == (old_hashes.full == new_hashes.full),
            "the full hashes and the difference disagree");
    require(has_contract_change(changes) == (old_hashes.semantic != new_hashes.semantic),
            "the semantic hashes and the difference disagree");
    require(diff_of_tools(backwards(before), now) == changes &&
                diff_of_tools(before, backwards(now)) == changes,
            "the difference depends on the order");
    require(std::is_sorted(changes.begin(),
                           changes.end(),
                           [](const auto& left, const auto& right) {
                               return std::tie(left.tool, left.path) <
                                      std::tie(right.tool, right.path);
                           }),
            "the changes are not sorted");
    for (const auto& change : changes) {
        require(is_named(before, change.tool) || is_named(now, change.tool),
                "a change is of a tool that is in neither list");
        require(change.path.empty() || change.path[0] == '/', "a path is no JSON pointer");
        require(!change.what.empty(), "a change does not say what it is");
    }
}

void check_tools(const Tools& tools) {
    const auto hashes = manifest_hashes(tools);
    require(hashes.semantic.size() == 64 && hashes.full.size() == 64, "a digest is no SHA-256");
    auto other = backwards(tools);
    require(same(manifest_hashes(other), hashes), "a digest depends on the order");
    check_diff(tools, other);
    if (other.empty()) return;

    auto& first = other.front();
    const auto* description = first.if_contains("description");
    const bool has_text = description != nullptr && description->is_string();
    first["description"] = (has_text ? std::string{description->get_string()} : "") + "!";
    const auto reworded = manifest_hashes(other);
    require(reworded.semantic == hashes.semantic, "a description is part of the contract");
    require(reworded.full != hashes.full, "a description is in no digest");
    check_diff(tools, other);
    first["inputSchema"] = json::object{{"type", "object"}, {"required", json::array{"\x01 new"}}};
    require(manifest_hashes(other).semantic != hashes.semantic, "a schema is in no digest");
    check_diff(tools, other);
    other.erase(other.begin());
    check_diff(tools, other);
    check_diff(other, tools);
}

/// The tools of a `ListToolsResult`, or of an answer that holds one.
Tools tools_of(const json::value& value, bool modern) {
    const auto* page = value.if_object();
    if (page == nullptr) return {};
    if (const auto* result = object_member(*page, "result")) page = result;
    ToolList list{modern};
    const auto cursor = list.take_page(*page);
    require(cursor.has_value() || cursor.error().phase == Phase::tools_list,
            "a tool list fails in another phase");
    return cursor ? list.take_tools() : Tools{};
}

}  // namespace

/// A JSON value. Where it is a tool list its digests are checked; where it is an array of two, the
/// second is what became of the first.
void fuzz_manifest(std::string_view input) {
    const auto value = parse_json(input);
    if (!value) return;
    check_canonical(*value);
    for (const bool modern : {false, true})
        check_tools(tools_of(*value, modern));
    const auto* pair = value->if_array();
    if (pair == nullptr || pair->size() != 2) return;
    const auto before = tools_of((*pair)[0], false);
    const auto now = tools_of((*pair)[1], false);
    check_diff(before, now);
    check_diff(now, before);
}

}  // namespace quorate::fuzz
