#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/model/cell.hpp"
#include "platform/wire/decoded.hpp"

namespace quorate::wire {

/// How long the fixed part of a cell is.
inline constexpr std::size_t kCellBytes = 27;

/// A cell as it stands in Redis, without its key. `fixed`, numbers big-endian:
/// - 1 byte: 255 - rank of the verdict, so never 0: 27 zeros are no cell;
/// - 4 bytes: start after the minute's start in microseconds, FFFFFFFF if missing; a start before
///   the minute counts as the minute's;
/// - 1 byte: the deciding attempt;
/// - 1 byte each: reason and phase, 0 for none;
/// - 1 byte: flags, 1 retried, 2 slow, 4 credential sent, 8 has details, 16 and 32 the era (0
/// none);
/// - 2 bytes: HTTP status, 0 for none;
/// - 3 bytes each: total, connect, TLS, initialize and tools_list in units of 10 microseconds,
///   rounded down, FFFFFF for none;
/// - 1 byte: how far the agent ran behind its timers in units of 4 ms, rounded up, 255 and more.
/// `details`: the agent's name, a NUL, quorate.v1.CellDetails; or nothing.
/// Within a key the smaller (first 6 bytes, agent, fixed, details) wins, as bytes: that is the
/// order of core/verdict/merge, in which the agent of a cell without details counts as empty.
struct EncodedCell {
    std::string fixed;
    std::string details;
    friend bool operator==(const EncodedCell&, const EncodedCell&) = default;
};

/// The same cell always gives the same bytes. What is not in `fixed` is lost without details.
/// Names hold no NUL.
EncodedCell encode_cell(const Cell& cell, bool with_details);

/// Whether a cell has to be recorded with its details: all but a plain UP.
bool needs_details(const Cell& cell);

/// Whether these fixed bytes say that details go with them. For any bytes.
bool has_details(std::string_view fixed);

/// Takes bytes from Redis: anything may stand in them. Refuses keys that no endpoint or region can
/// have (1 to 2^31 - 1, 1 to 255), and MAINT, which no agent writes. Empty `details` are none,
/// whatever the flag says.
Decoded<Cell> decode_cell(const CellKey& key, std::string_view fixed, std::string_view details);

/// The better of two cells of one key. Commutative, associative, idempotent; the same as the record
/// script in Redis and as merging the decoded cells.
const EncodedCell& merge_encoded(const EncodedCell& a, const EncodedCell& b);

}  // namespace quorate::wire
