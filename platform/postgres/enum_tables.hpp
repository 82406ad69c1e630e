#pragma once

#include <string_view>
#include <vector>

namespace quorate::detail {

/// One row of `quorate.enum_name`.
struct StoredEnumName {
    std::string_view kind;
    int value;
    std::string_view name;
};

/// The names of all numbers that the database stores, from the tables of core.
std::vector<StoredEnumName> stored_enum_names();

}  // namespace quorate::detail
