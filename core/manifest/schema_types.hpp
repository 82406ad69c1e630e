#pragma once

#include <cstdint>

#include <boost/json/value.hpp>

namespace quorate {

/// A set of the types of JSON Schema; a number is also an integer or not.
enum TypeBit : std::uint32_t {
    kTypeNull = 1,
    kTypeBoolean = 2,
    kTypeObject = 4,
    kTypeArray = 8,
    kTypeString = 16,
    kTypeInteger = 32,
    kTypeFraction = 64,
    kTypeUnknown = 128,  ///< a word that JSON Schema does not have
};
inline constexpr std::uint32_t kAllTypes = 127;

/// The types that the keyword `type` takes; left out it takes all of them.
std::uint32_t types_of(const boost::json::value* type);

enum class Comparison : std::uint8_t { equal, fewer, more, other };

/// How the set `now` compares with the set `before`.
constexpr Comparison compare(std::uint32_t before, std::uint32_t now) {
    if (before == now) return Comparison::equal;
    if ((before & now) == now) return Comparison::fewer;
    if ((before & now) == before) return Comparison::more;
    return Comparison::other;
}

}  // namespace quorate
