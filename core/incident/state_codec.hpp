#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/incident/endpoint_rule.hpp"

namespace quorate {

/// Appends the state as bytes: a version, then per part a mask of the fields that are not at their
/// default and their numbers as signed varints; times are microseconds, minutes milliseconds since
/// 2026. `last_minute` is not among them, the reader brings it: so the bytes stay as they are while
/// an endpoint is well, though it votes.
void pack(const EndpointState& state, std::string& bytes);

/// Takes off the front what pack appended. Throws std::invalid_argument that names what is wrong: a
/// stored state that cannot be read is a broken store, never an empty state.
/// @param last_minute that of the state packed, or of a later one that packs alike
EndpointState unpack_endpoint_state(std::string_view& bytes, std::optional<UtcMinute> last_minute);

/// Whether both have the same bytes.
bool packs_alike(const EndpointState& a, const EndpointState& b);

}  // namespace quorate
