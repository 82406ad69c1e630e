#pragma once

#include <cstdint>
#include <span>

#include "core/incident/endpoint_rule.hpp"

namespace quorate {

/// What a minute is in an endpoint's uptime.
enum class MinuteUse : std::uint8_t {
    up,        ///< in the denominator
    down,      ///< in both
    excluded,  ///< in neither: nobody looked, one witness, or maintenance
};

/// @param rule_row the row that decided the minute
/// @param spells of all regions of the endpoint; those that do not cover the minute are ignored,
///     several of one region count once
/// @param quorum Q
MinuteUse use_of(UtcMinute minute,
                 std::uint8_t rule_row,
                 std::span<const Spell> spells,
                 std::uint32_t quorum);

}  // namespace quorate
