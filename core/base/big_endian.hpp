#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quorate {

/// Appends the low `bytes` (at most 8) bytes of a number, the most significant first.
inline void append_big_endian(std::uint64_t value, std::size_t bytes, std::string& out) {
    for (auto shift = bytes * 8; shift > 0; shift -= 8)
        out.push_back(static_cast<char>(value >> (shift - 8) & 0xFFU));
}

/// The number that these bytes are, at most 8, the most significant first; of none 0.
inline std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char byte : bytes)
        value = value << 8U | static_cast<unsigned char>(byte);
    return value;
}

}  // namespace quorate
