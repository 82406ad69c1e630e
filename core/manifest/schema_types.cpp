#include "core/manifest/schema_types.hpp"

#include <array>
#include <string_view>

#include "core/base/enum_names.hpp"

namespace quorate {
namespace {

constexpr std::array kTypeNames{
    EnumName<std::uint32_t>{kTypeNull, "null"},
    EnumName<std::uint32_t>{kTypeBoolean, "boolean"},
    EnumName<std::uint32_t>{kTypeObject, "object"},
    EnumName<std::uint32_t>{kTypeArray, "array"},
    EnumName<std::uint32_t>{kTypeString, "string"},
    EnumName<std::uint32_t>{kTypeInteger, "integer"},
    EnumName<std::uint32_t>{kTypeInteger | kTypeFraction, "number"},
};

std::uint32_t bits_of(const boost::json::value& word) {
    if (!word.is_string()) return kTypeUnknown;
    const std::string_view name = word.get_string();
    for (const auto& row : kTypeNames)
        if (row.name == name) return row.value;
    return kTypeUnknown;
}

}  // namespace

std::uint32_t types_of(const boost::json::value* type) {
    if (type == nullptr) return kAllTypes;
    const auto* list = type->if_array();
    if (list == nullptr) return bits_of(*type);
    std::uint32_t bits = 0;
    for (const auto& word : *list)
        bits |= bits_of(word);
    return bits;
}

}  // namespace quorate
