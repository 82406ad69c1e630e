#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ids.hpp"

namespace quorate {

/// A set of regions by their ids, 1 to 255: bit `id` of 256. A plain value.
class RegionMask {
public:
    static constexpr std::uint64_t kIdMax = 255;

    constexpr RegionMask() = default;
    template <class Regions>
    static constexpr RegionMask of(const Regions& regions) {
        RegionMask mask;
        for (const auto region : regions)
            mask.add(region);
        return mask;
    }

    /// An id beyond the bounds is left out.
    constexpr void add(RegionId region) {
        const auto id = region.value();
        if (id >= 1 && id <= kIdMax) words_[id / 64] |= std::uint64_t{1} << (id % 64);
    }
    constexpr bool has(RegionId region) const {
        const auto id = region.value();
        return id <= kIdMax && (words_[id / 64] >> (id % 64) & 1U) != 0;
    }
    constexpr std::size_t count() const {
        std::size_t count = 0;
        for (const auto word : words_)
            count += static_cast<std::size_t>(std::popcount(word));
        return count;
    }
    /// Calls `visit(RegionId)` for each member, ascending.
    template <class Visit>
    constexpr void for_each(Visit visit) const {
        for (std::size_t i = 0; i < words_.size(); ++i)
            for (auto rest = words_[i]; rest != 0; rest &= rest - 1)
                visit(RegionId{i * 64 + static_cast<std::uint64_t>(std::countr_zero(rest))});
    }

    /// At most 32 bytes, bit `id % 8` of byte `id / 8`, without the zero bytes at the end.
    std::string bytes() const {
        std::string out;
        for (std::size_t byte = 0; byte <= kIdMax / 8; ++byte)
            out.push_back(static_cast<char>(words_[byte / 8] >> (8 * (byte % 8)) & 0xFFU));
        out.resize(out.find_last_not_of('\0') + 1);  // npos + 1 is 0
        return out;
    }
    /// Reads `bytes` back; nothing if they are too many or name the region 0.
    static std::optional<RegionMask> from_bytes(std::string_view bytes) {
        if (bytes.size() > kIdMax / 8 + 1) return std::nullopt;
        RegionMask mask;
        for (std::size_t byte = 0; byte < bytes.size(); ++byte)
            mask.words_[byte / 8] |= std::uint64_t{static_cast<unsigned char>(bytes[byte])}
                                     << (8 * (byte % 8));
        if ((mask.words_[0] & 1U) != 0) return std::nullopt;
        return mask;
    }

    friend constexpr auto operator<=>(const RegionMask&, const RegionMask&) = default;

private:
    std::array<std::uint64_t, 4> words_{};
};

}  // namespace quorate
