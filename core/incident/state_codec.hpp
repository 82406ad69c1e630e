#pragma once

#include <string>
#include <string_view>

#include "core/incident/endpoint_rule.hpp"

namespace quorate {

/// Version of the encoding below; a reader refuses others.
inline constexpr int kEndpointStateVersion = 1;

/// The state as one line of JSON (for a jsonb column). What is at its default is left out, so the
/// state of a healthy endpoint is short. Times are microseconds, minutes milliseconds since the
/// epoch.
std::string encode(const EndpointState& state);

/// Reads what encode wrote. Throws std::invalid_argument that names what is wrong: a stored state
/// that cannot be read is a broken store, never an empty state.
EndpointState decode_endpoint_state(std::string_view json);

}  // namespace quorate
