#include "core/manifest/known_lists.hpp"

#include <algorithm>

#include <boost/json/array.hpp>

#include "core/base/json_text.hpp"
#include "core/base/sha256.hpp"
#include "core/base/text.hpp"
#include "core/manifest/diff.hpp"

namespace quorate {
namespace {

constexpr std::size_t kFrontDigits = 16;
constexpr std::size_t kToolsNamed = 5;
constexpr std::size_t kNameBytesMax = 64;

/// The changes of one tool, the worst of them first.
struct ToolChanges {
    const ManifestChange* worst = nullptr;
    std::size_t more = 0;
};

/// In the order of the changes, which is that of the tools.
std::vector<ToolChanges> by_tool(const ManifestChanges& changes) {
    std::vector<ToolChanges> tools;
    for (const auto& change : changes) {
        if (tools.empty() || tools.back().worst->tool != change.tool) {
            tools.push_back({&change, 0});
            continue;
        }
        auto& tool = tools.back();
        ++tool.more;
        if (change.kind < tool.worst->kind) tool.worst = &change;
    }
    return tools;
}

}  // namespace

std::uint64_t front_of_hash(std::string_view digits) {
    std::uint64_t value = 0;
    for (const char digit : digits.substr(0, kFrontDigits))
        value = value << 4U |
                static_cast<std::uint64_t>(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    return value;
}

ListChange summary_of(const ManifestChanges& changes) {
    auto tools = by_tool(changes);
    std::ranges::stable_sort(tools, {}, [](const ToolChanges& tool) { return tool.worst->kind; });
    ListChange change{tools.front().worst->kind, {}};
    for (std::size_t i = 0; i < std::min(tools.size(), kToolsNamed); ++i) {
        const auto& tool = tools[i];
        change.summary += (i == 0 ? "" : ", ") + safe_text(tool.worst->tool, kNameBytesMax) + " (" +
                          tool.worst->what;
        if (tool.more > 0) change.summary += " and " + std::to_string(tool.more) + " more";
        change.summary += ")";
    }
    if (tools.size() > kToolsNamed)
        change.summary += ", and " + std::to_string(tools.size() - kToolsNamed) + " more tools";
    return change;
}

bool KnownLists::add(const std::string& full_hash, std::string_view text) {
    if (to_hex(sha256(text)) != full_hash) return false;
    const auto parsed = parse_json(text);
    const auto* array = parsed ? parsed->if_array() : nullptr;
    if (array == nullptr) return false;
    Tools tools;
    for (const auto& item : *array) {
        const auto* tool = item.if_object();
        if (tool == nullptr) return false;
        tools.push_back(*tool);
    }
    lists_.insert_or_assign(front_of_hash(full_hash), std::move(tools));
    return true;
}

std::optional<ListChange> KnownLists::change(std::uint64_t before, std::uint64_t now) const {
    const auto old = lists_.find(before);
    const auto present = lists_.find(now);
    if (before == now || old == lists_.end() || present == lists_.end()) return std::nullopt;
    const std::pair pair{before, now};
    if (const auto known = changes_.find(pair); known != changes_.end()) return known->second;
    const auto changes = diff_of_tools(old->second, present->second);
    if (changes.empty()) return std::nullopt;
    return changes_.emplace(pair, summary_of(changes)).first->second;
}

}  // namespace quorate
