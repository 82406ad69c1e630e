#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace quorate {

/// No endpoint is watched from more regions than this.
inline constexpr std::size_t kRegionsMax = 32;

/// A set of an endpoint's regions, as bits: bit `i` is the i-th region of its EndpointState, which
/// holds them sorted by RegionId.
class RegionSet {
public:
    constexpr RegionSet() = default;
    static constexpr RegionSet from_bits(std::uint32_t bits) {
        RegionSet set;
        set.bits_ = bits;
        return set;
    }
    constexpr void add(std::size_t index) { bits_ |= std::uint32_t{1} << index; }
    constexpr bool has(std::size_t index) const { return (bits_ >> index & 1U) != 0; }
    constexpr std::uint32_t count() const {
        return static_cast<std::uint32_t>(std::popcount(bits_));
    }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr std::uint32_t bits() const { return bits_; }
    friend constexpr RegionSet operator|(RegionSet a, RegionSet b) {
        return from_bits(a.bits_ | b.bits_);
    }
    friend constexpr RegionSet operator&(RegionSet a, RegionSet b) {
        return from_bits(a.bits_ & b.bits_);
    }
    friend constexpr bool operator==(const RegionSet&, const RegionSet&) = default;

    /// Calls `visit(index)` for each member in ascending order.
    template <class Visit>
    constexpr void for_each(Visit visit) const {
        for (auto rest = bits_; rest != 0; rest &= rest - 1)
            visit(static_cast<std::size_t>(std::countr_zero(rest)));
    }

private:
    std::uint32_t bits_ = 0;
};

}  // namespace quorate
