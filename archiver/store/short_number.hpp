#pragma once

#include <bit>
#include <cstdint>

namespace quorate {

/// A number in 16 bits: four are an exponent, and the number's first 13 binary digits are kept.
/// Below 8192 it is exact, above it is rounded down by less than one part in 4096. Smaller numbers
/// have smaller codes.
struct ShortNumber {
    static constexpr unsigned kDigits = 12;  // of a code, behind the exponent
    static constexpr std::uint64_t kOne = std::uint64_t{1} << kDigits;
    /// The code of nothing, above those of all numbers.
    static constexpr std::uint32_t kNone = 0xFFFF;

    /// Numbers that are too large have the code below that of nothing.
    static constexpr std::uint32_t code_of(std::uint64_t number) {
        if (number < kOne) return static_cast<std::uint32_t>(number);
        if (number >= number_of(kNone)) return kNone - 1;
        const auto shift = static_cast<unsigned>(std::bit_width(number)) - kDigits - 1;
        return static_cast<std::uint32_t>(shift * kOne + (number >> shift));
    }

    /// Rounded down; of any code but that of nothing.
    static constexpr std::uint64_t number_of(std::uint32_t code) {
        if (code < kOne) return code;
        return (kOne + code % kOne) << (code / kOne - 1);
    }
};

}  // namespace quorate
