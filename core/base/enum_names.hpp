#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace quorate {

/// One row of an enumeration's table of names.
template <class Enum>
struct EnumName {
    Enum value;
    std::string_view name;
};

/// The name of `value` in `table`; empty if the table has no such row.
template <class Enum, std::size_t N>
constexpr std::string_view enum_name(const std::array<EnumName<Enum>, N>& table, Enum value) {
    for (const auto& row : table)
        if (row.value == value) return row.name;
    return {};
}

/// The value named `name`, case-sensitive; nothing if the table has no such row.
template <class Enum, std::size_t N>
constexpr std::optional<Enum> enum_value(const std::array<EnumName<Enum>, N>& table,
                                         std::string_view name) {
    for (const auto& row : table)
        if (row.name == name) return row.value;
    return std::nullopt;
}

}  // namespace quorate
