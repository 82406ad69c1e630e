#pragma once

#include <string_view>

#include "core/incident/endpoint_rule.hpp"

namespace quorate {

/// Reads a state as it was stored up to migration 0013: JSON without what is at its default, times
/// in microseconds, minutes in milliseconds since the epoch. Throws std::invalid_argument that
/// names what is wrong.
EndpointState endpoint_state_of_json(std::string_view text);

}  // namespace quorate
