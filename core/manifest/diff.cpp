#include "core/manifest/diff.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/value.hpp>

#include "core/manifest/canonical_json.hpp"
#include "core/manifest/manifest.hpp"
#include "core/manifest/schema_diff.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

/// A tool and the texts that tell whether another one is the same.
struct Listed {
    const json::object* tool = nullptr;
    std::string full;
    std::string contract;
};
using Tools = std::map<std::string, Listed, std::less<>>;

std::string name_in(const json::object& tool) {
    const auto* name = tool.if_contains("name");
    return name != nullptr && name->is_string() ? std::string{name->get_string()} : std::string{};
}

Tools listed(const std::vector<json::object>& tools) {
    Tools result;
    for (const auto& tool : tools)
        result.try_emplace(name_in(tool), Listed{&tool, full_text(tool), contract_text(tool)});
    return result;
}

/// What stays of a tool under another name. One that takes no arguments needs its texts too, or
/// any other such tool would look like it.
std::string nameless(const json::object& tool) {
    auto copy = tool;
    copy["name"] = "";
    const auto* schema = tool.if_contains("inputSchema");
    const auto* object = schema == nullptr ? nullptr : schema->if_object();
    const auto* properties = object == nullptr ? nullptr : object->if_contains("properties");
    const bool has_parameters =
        properties != nullptr && properties->is_object() && !properties->get_object().empty();
    return has_parameters ? contract_text(copy) : full_text(copy);
}

std::string text_in(const json::object& tool, std::string_view member) {
    const auto* value = tool.if_contains(member);
    return value == nullptr ? std::string{} : canonical_json(*value);
}

void diff_texts(const json::object& before,
                const json::object& now,
                const std::string& tool,
                ManifestChanges& changes) {
    for (const std::string_view member : {"description", "title"}) {
        const auto old_text = text_in(before, member);
        const auto new_text = text_in(now, member);
        if (old_text != new_text)
            changes.push_back({tool,
                               "/" + std::string{member},
                               ChangeKind::text,
                               std::string{member} + "_changed",
                               old_text + " -> " + new_text});
    }
}

/// A hint of the tool's annotations: what it says where it is left out, and which value lets a
/// client call the tool with less care.
struct Hint {
    std::string_view name;
    bool otherwise;
    bool harmless;
};
constexpr std::array kHints{Hint{"destructiveHint", true, false},
                            Hint{"idempotentHint", false, true},
                            Hint{"openWorldHint", true, false},
                            Hint{"readOnlyHint", false, true}};

const json::value* member_of(const json::object& tool,
                             std::string_view member,
                             std::string_view inner) {
    const auto* value = tool.if_contains(member);
    const auto* object = value == nullptr ? nullptr : value->if_object();
    return object == nullptr ? nullptr : object->if_contains(inner);
}

bool hint_of(const json::object& tool, const Hint& hint) {
    const auto* value = member_of(tool, "annotations", hint.name);
    return value != nullptr && value->is_bool() ? value->get_bool() : hint.otherwise;
}

void diff_annotations(const json::object& before,
                      const json::object& now,
                      const std::string& tool,
                      ManifestChanges& changes) {
    const auto old_text = text_in(before, "annotations");
    const auto new_text = text_in(now, "annotations");
    if (old_text == new_text) return;
    const auto count = changes.size();
    for (const auto& hint : kHints) {
        const bool was = hint_of(before, hint);
        const bool is = hint_of(now, hint);
        if (was == is) continue;
        const bool weaker = was == hint.harmless;
        changes.push_back({tool,
                           "/annotations/" + std::string{hint.name},
                           weaker ? ChangeKind::tightening : ChangeKind::additive,
                           weaker ? "hint_weakened" : "hint_strengthened",
                           std::string{was ? "true" : "false"} + " -> " + (is ? "true" : "false")});
    }
    if (changes.size() == count)
        changes.push_back({tool,
                           "/annotations",
                           ChangeKind::additive,
                           "annotation_changed",
                           old_text + " -> " + new_text});
}

void diff_output(const json::object& before,
                 const json::object& now,
                 const std::string& tool,
                 ManifestChanges& changes) {
    static const std::string kPath = "/outputSchema";
    const auto* old_schema = before.if_contains("outputSchema");
    const auto* new_schema = now.if_contains("outputSchema");
    if (old_schema != nullptr && new_schema != nullptr)
        diff_schemas(*old_schema, *new_schema, Flow::output, tool, kPath, changes);
    else if (old_schema != nullptr)
        changes.push_back({tool,
                           kPath,
                           ChangeKind::breaking,
                           "output_schema_removed",
                           "the answer is not promised any more"});
    else if (new_schema != nullptr)
        changes.push_back({tool, kPath, ChangeKind::additive, "output_schema_added", ""});
}

void diff_input(const json::object& before,
                const json::object& now,
                const std::string& tool,
                ManifestChanges& changes) {
    static const json::value kNone{json::object{}};
    const auto* old_schema = before.if_contains("inputSchema");
    const auto* new_schema = now.if_contains("inputSchema");
    diff_schemas(old_schema == nullptr ? kNone : *old_schema,
                 new_schema == nullptr ? kNone : *new_schema,
                 Flow::input,
                 tool,
                 "/inputSchema",
                 changes);
}

/// Makes sure that what the digests tell apart is told apart here too: another order or spelling
/// of the same.
void name_the_rest(const Listed& before,
                   const Listed& now,
                   const std::string& tool,
                   ManifestChanges& found) {
    if (before.contract != now.contract && !has_contract_change(found))
        found.push_back({tool,
                         "",
                         ChangeKind::additive,
                         "rewritten",
                         "another order or spelling of the same contract"});
    if (found.empty() && before.full != now.full)
        found.push_back({tool, "", ChangeKind::text, "text_changed", ""});
}

void diff_tool(const Listed& before,
               const Listed& now,
               const std::string& tool,
               ManifestChanges& changes) {
    if (before.full == now.full) return;
    ManifestChanges found;
    diff_texts(*before.tool, *now.tool, tool, found);
    diff_annotations(*before.tool, *now.tool, tool, found);
    diff_input(*before.tool, *now.tool, tool, found);
    diff_output(*before.tool, *now.tool, tool, found);
    name_the_rest(before, now, tool, found);
    std::move(found.begin(), found.end(), std::back_inserter(changes));
}

/// Pairs tools that are gone with tools that are new and the same but for their names, in the order
/// of the names.
void take_renamed(Tools& gone, Tools& added, ManifestChanges& changes) {
    std::multimap<std::string, std::string> by_contract;
    for (const auto& [name, listed_tool] : added)
        by_contract.emplace(nameless(*listed_tool.tool), name);
    for (auto old = gone.begin(); old != gone.end();) {
        const auto match = by_contract.find(nameless(*old->second.tool));
        if (match == by_contract.end()) {
            ++old;
            continue;
        }
        const auto& name = match->second;
        const auto now = added.find(name);
        changes.push_back({old->first,
                           "/name",
                           ChangeKind::breaking,
                           "tool_renamed",
                           "now " + canonical_json(json::string{name})});
        diff_texts(*old->second.tool, *now->second.tool, old->first, changes);
        added.erase(now);
        by_contract.erase(match);
        old = gone.erase(old);
    }
}

}  // namespace

ManifestChanges diff_of_tools(const std::vector<json::object>& before,
                              const std::vector<json::object>& now) {
    ManifestChanges changes;
    auto gone = listed(before);
    auto added = listed(now);
    for (auto old = gone.begin(); old != gone.end();) {
        const auto match = added.find(old->first);
        if (match == added.end()) {
            ++old;
            continue;
        }
        diff_tool(old->second, match->second, old->first, changes);
        added.erase(match);
        old = gone.erase(old);
    }
    take_renamed(gone, added, changes);
    for (const auto& [name, unused] : gone)
        changes.push_back({name, "", ChangeKind::breaking, "tool_removed", ""});
    for (const auto& [name, unused] : added)
        changes.push_back({name, "", ChangeKind::additive, "tool_added", ""});
    std::sort(changes.begin(), changes.end());
    return changes;
}

bool has_contract_change(const ManifestChanges& changes) {
    return std::any_of(changes.begin(), changes.end(), [](const ManifestChange& change) {
        return change.kind != ChangeKind::text;
    });
}

}  // namespace quorate
