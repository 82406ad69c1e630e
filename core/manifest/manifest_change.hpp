#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/enum_names.hpp"

namespace quorate {

/// What a change of a tool list means to those who call the tools. README.md has the whole table.
enum class ChangeKind : std::uint8_t {
    breaking = 0,    ///< what callers did right before goes wrong, or can't be shown to go right
    tightening = 1,  ///< less room: fewer arguments accepted, or fewer assurances on the answer
    additive = 2,    ///< everything that went right before goes right
    text = 3,        ///< words alone, which language models read all the same
};

inline constexpr std::array kChangeKindNames{
    EnumName<ChangeKind>{ChangeKind::breaking, "breaking"},
    EnumName<ChangeKind>{ChangeKind::tightening, "tightening"},
    EnumName<ChangeKind>{ChangeKind::additive, "additive"},
    EnumName<ChangeKind>{ChangeKind::text, "text"},
};
constexpr std::string_view name_of(ChangeKind kind) {
    return enum_name(kChangeKindNames, kind);
}

/// One change between two tool lists.
struct ManifestChange {
    std::string tool;  ///< its name before; of an added tool its name now
    std::string path;  ///< a JSON pointer into the tool (RFC 6901); empty: the tool as a whole
    ChangeKind kind = ChangeKind::breaking;
    std::string what;    ///< `snake_case`, such as `enum_narrowed`
    std::string detail;  ///< values before and now, for people; may hold hostile text
    friend auto operator<=>(const ManifestChange&, const ManifestChange&) = default;
};

using ManifestChanges = std::vector<ManifestChange>;

}  // namespace quorate
