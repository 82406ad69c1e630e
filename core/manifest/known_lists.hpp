#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "core/manifest/manifest_change.hpp"

namespace quorate {

/// The first 8 bytes of a hash in hexadecimal digits; 0 for no hash. What is remembered of a tool
/// list from minute to minute.
std::uint64_t front_of_hash(std::string_view digits);

/// What one tool list is against another.
struct ListChange {
    ChangeKind kind = ChangeKind::text;  ///< the worst of its changes
    std::string summary;                 ///< the changed tools, the worst first, at most five
    friend bool operator==(const ListChange&, const ListChange&) = default;
};

/// The changes in a few words: `search (required_property_added and 2 more), old (tool_removed)`.
/// Names are made safe. @param changes at least one
ListChange summary_of(const ManifestChanges& changes);

/// Tool lists at hand, by their full hash, and how they differ. Each list is parsed, and each two
/// are compared, once at most.
class KnownLists {
public:
    /// Takes a list's canonical text (manifest_text). @return false, and nothing is taken, where it
    /// is not what this hash says.
    bool add(const std::string& full_hash, std::string_view text);

    /// How one list differs from another, both named by the fronts of their full hashes; nothing
    /// where they are the same, or one of them is not at hand.
    std::optional<ListChange> change(std::uint64_t before, std::uint64_t now) const;

    std::size_t size() const { return lists_.size(); }

private:
    using Tools = std::vector<boost::json::object>;
    std::map<std::uint64_t, Tools> lists_;
    mutable std::map<std::pair<std::uint64_t, std::uint64_t>, ListChange> changes_;
};

}  // namespace quorate
