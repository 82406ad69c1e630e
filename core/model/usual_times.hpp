#pragma once

#include <compare>
#include <cstdint>
#include <optional>

namespace quorate {

/// What the phases of an endpoint usually take from a region: medians in microseconds, nothing
/// where there is no history of a phase. `rest` is what of the total is in none of the others:
/// `dns`, `discover`, `sse_open`, `initialized` and `tools_call`, which are not kept one by one.
struct UsualTimes {
    using Us = std::optional<std::uint32_t>;
    Us tcp;
    Us tls;
    Us initialize;
    Us tools_list;
    Us rest;
    friend auto operator<=>(const UsualTimes&, const UsualTimes&) = default;
};

}  // namespace quorate
