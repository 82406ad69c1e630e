#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/decision/region_state.hpp"
#include "core/model/cell.hpp"

namespace quorate {

/// A cell as it stands in column `cells` of quorate.minute, 28 bytes, numbers big-endian:
/// region u8, verdict in force u8, reason u8, phase u8, flags u8, own verdict under MAINT u8,
/// HTTP status u16, start after the minute's start in ms u24, and total, connect, tls, initialize,
/// tools_list in units of 10 microseconds u24, the agent's lag in units of 100 microseconds u16.
/// 0 is no reason, phase and status; FFFFFF no time, FFFF no lag.
/// Flags: 1 retried, 2 late, 4 slow, 8 credential sent, 16 and 32 the region's state after the
/// minute (RegionPhase), 64 silent (in S), 128 shown as ABSENT.
/// The function quorate.unpack_cells reads the same.
struct PackedCell {
    static constexpr std::size_t kSize = 28;

    RegionId region;
    Verdict verdict = Verdict::unknown;
    std::optional<Reason> reason;
    std::optional<Phase> phase;
    bool retried = false;
    bool late = false;
    bool slow = false;
    bool credential_sent = false;
    RegionPhase region_state = RegionPhase::healthy;
    bool silent = false;
    bool absent = false;
    Verdict own_verdict = Verdict::unknown;
    std::optional<std::uint16_t> http_status;
    std::optional<milliseconds> start_offset;
    std::optional<microseconds> total;
    std::optional<microseconds> connect;
    std::optional<microseconds> tls;
    std::optional<microseconds> initialize;
    std::optional<microseconds> tools_list;
    /// How far the agent ran behind its own timers; nothing where no agent made the cell.
    std::optional<microseconds> agent_lag;
    friend bool operator==(const PackedCell&, const PackedCell&) = default;
};

/// The parts of a cell that are packed; the region's state is left at its default. A start before
/// the minute counts as its start.
PackedCell packed_cell(const Cell& cell, bool maintenance);

/// Appends 28 bytes. Times are rounded down to their units and kept below the mark of none.
void append_packed(const PackedCell& cell, std::string& bytes);

/// Reads back a column's value; throws std::invalid_argument if its length is no multiple of 28.
std::vector<PackedCell> unpack_cells(std::string_view bytes);

/// Whether the cell was made at the seal because none had come: what a late cell may correct.
bool made_at_seal(const PackedCell& cell);
bool made_at_seal(const Cell& cell);

}  // namespace quorate
