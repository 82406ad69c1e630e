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

/// A cell as it stands in column `cells` of quorate.minute, 19 bytes behind a zero that says so,
/// numbers big-endian: region u8; verdict in force, own verdict under MAINT and HTTP status in 3, 3
/// and 10 bits; reason u8; phase u8; flags u8; start after the minute's start in ms u16; total,
/// connect, tls, initialize, tools_list as ShortNumber of 10 microseconds (exact below 82 ms, above
/// it rounded down by less than 0.025 %) u16; the agent's lag in 4 ms u8. 0 is no reason, phase and
/// status; all bits set no start, time and lag.
/// Flags: 1 retried, 2 late, 4 slow, 8 credential sent, 16 and 32 the region's state after the
/// minute (RegionPhase), 64 silent (in S), 128 shown as ABSENT.
/// The function quorate.unpack_cells reads the same.
struct PackedCell {
    static constexpr std::size_t kSize = 19;

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

/// Appends a cell to a column's value, empty before the first. Times are rounded down and kept
/// below the mark of none, a status of more than 10 bits is kept at 1023.
void append_packed(const PackedCell& cell, std::string& bytes);

/// Reads back a column's value; also of 28 bytes a cell, as they were written before
/// there were short numbers. Throws std::invalid_argument if its length fits neither.
std::vector<PackedCell> unpack_cells(std::string_view bytes);

/// Whether the cell was made at the seal because none had come: what a late cell may correct.
bool made_at_seal(const PackedCell& cell);
bool made_at_seal(const Cell& cell);

}  // namespace quorate
