#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace quorate {

/// A number that names one kind of thing. No implicit way in, none out; equality and order only
/// with its own kind, so that `pause(region, endpoint)` does not compile.
template <class Tag>
class Id {
public:
    constexpr Id() = default;
    explicit constexpr Id(std::uint64_t value) : value_{value} {}
    constexpr std::uint64_t value() const { return value_; }
    friend constexpr auto operator<=>(const Id&, const Id&) = default;

private:
    std::uint64_t value_ = 0;
};

using EndpointId = Id<struct EndpointTag>;
using RegionId = Id<struct RegionTag>;
using ShardId = Id<struct ShardTag>;
using IncidentId = Id<struct IncidentTag>;

}  // namespace quorate

template <class Tag>
struct std::hash<quorate::Id<Tag>> {
    std::size_t operator()(quorate::Id<Tag> id) const noexcept {
        return std::hash<std::uint64_t>{}(id.value());
    }
};
