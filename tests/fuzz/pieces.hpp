#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace quorate::fuzz {

/// How an input comes in: at once, byte by byte, and in two ways of pieces that the input's own
/// bytes decide, so that a finding reproduces from its file alone.
inline constexpr unsigned kSplitsMax = 4;

inline std::vector<std::string_view> pieces_of(std::string_view input, unsigned split) {
    if (split == 0) return {input};
    std::uint64_t state = 14695981039346656037U + split;
    for (const char c : input)
        state = (state ^ static_cast<unsigned char>(c)) * 1099511628211U;
    const std::size_t size_max = split == 1 ? 1 : split == 2 ? 7 : 64;
    std::vector<std::string_view> pieces;
    while (!input.empty()) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        const auto piece = input.substr(0, 1 + (state >> 33U) % size_max);
        pieces.push_back(piece);
        input.remove_prefix(piece.size());
    }
    return pieces;
}

}  // namespace quorate::fuzz
