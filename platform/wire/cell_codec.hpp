#pragma once

#include <string>
#include <string_view>

#include "core/model/cell.hpp"
#include "platform/wire/decoded.hpp"

namespace quorate::wire {

/// A cell as it stands in Redis: a prefix whose byte order is the merge order (smaller wins), then
/// quorate.v1.Cell. The prefix is
/// - 1 byte: 255 - rank of the verdict;
/// - 8 bytes, big-endian: start in microseconds since the epoch; all FF if missing;
/// - 1 byte: the deciding attempt;
/// - the agent's name, closed by a NUL.
/// The same cell always gives the same bytes. Starts are not before the epoch and names hold no
/// NUL.
std::string encode_cell(const Cell& cell);

/// Takes bytes from Redis: anything may stand in them. Also refuses a prefix that is not the
/// message's own, ids that no endpoint or region can have (1 to 2^31 - 1, 1 to 255), and MAINT,
/// which no agent writes.
Decoded<Cell> decode_cell(std::string_view bytes);

/// The better of two encoded cells of one key: the bytewise smaller. Commutative, associative,
/// idempotent; the same as the record script in Redis and as merging the decoded cells.
std::string merge_encoded(const std::string& a, const std::string& b);

}  // namespace quorate::wire
