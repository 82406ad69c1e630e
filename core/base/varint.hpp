#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace quorate {

/// Appends a number as a base-128 varint, low groups first.
inline void append_varint(std::uint64_t number, std::string& bytes) {
    while (number >= 0x80U) {
        bytes.push_back(static_cast<char>(0x80U | (number & 0x7FU)));
        number >>= 7U;
    }
    bytes.push_back(static_cast<char>(number));
}

/// Takes one off the front. Throws std::invalid_argument where the bytes end early or the number
/// needs more than 64 bits.
inline std::uint64_t take_varint(std::string_view& bytes) {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        if (shift == 63 && byte > 1) break;
        number |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
        if (byte < 0x80U) return number;
    }
    throw std::invalid_argument{"a number is cut off or too large"};
}

/// Signed numbers, small where their absolute value is: 0, -1, 1, -2, …
inline void append_signed_varint(std::int64_t number, std::string& bytes) {
    append_varint(
        static_cast<std::uint64_t>(number) << 1U ^ static_cast<std::uint64_t>(number >> 63), bytes);
}
inline std::int64_t take_signed_varint(std::string_view& bytes) {
    const auto number = take_varint(bytes);
    return static_cast<std::int64_t>(number >> 1U ^ (~(number & 1U) + 1U));
}

}  // namespace quorate
