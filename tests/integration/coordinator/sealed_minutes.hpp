#pragma once

#include <string>
#include <vector>

#include "archiver/store/packed_cell.hpp"
#include "core/model/decision.hpp"
#include "tests/integration/coordinator/lab.hpp"

namespace quorate::testing {

/// A cell of a region, by the region's id.
inline PackedCell packed(std::uint64_t region, Verdict verdict, RegionPhase state) {
    PackedCell cell;
    cell.region = RegionId{region};
    cell.verdict = verdict;
    cell.own_verdict = verdict;
    cell.region_state = state;
    cell.start_offset = milliseconds{1500};
    if (verdict == Verdict::fail) {
        cell.reason = Reason::connection_refused;
        cell.phase = Phase::tcp;
    } else if (verdict == Verdict::unknown) {
        cell.reason = Reason::agent_dead;
    } else {
        cell.total = microseconds{12'500};
    }
    return cell;
}

/// Stores a sealed minute as the archiver does: one row, one batch, one transaction.
inline void store_minute(const Catalogued& lab,
                         const std::string& endpoint,
                         UtcMinute minute,
                         Decision decision,
                         Scope scope,
                         int row,
                         const std::vector<PackedCell>& cells,
                         const std::string& details = "{}") {
    std::string bytes;
    for (const auto& cell : cells)
        append_packed(cell, bytes);
    std::string hex;
    for (const char c : bytes) {
        constexpr const char* kDigits = "0123456789abcdef";
        hex += kDigits[static_cast<unsigned char>(c) >> 4U];
        hex += kDigits[static_cast<unsigned char>(c) & 15U];
    }
    const auto at = "'" + to_rfc3339(minute) + "'::timestamptz";
    lab.sql(
        "WITH b AS (INSERT INTO quorate.batch (minute_min, minute_max, minutes, sealed_at)"
        " VALUES (" +
        at + ", " + at +
        ", 1, now()) RETURNING id)"
        " INSERT INTO quorate.minute SELECT " +
        at + ", b.id, e.id, " + std::to_string(static_cast<int>(decision)) + ", " +
        std::to_string(static_cast<int>(scope)) + ", " + std::to_string(row) + ", 1, 0, '\\x" +
        hex + "', '" + details +
        "' FROM b, quorate.endpoint e"
        " WHERE e.name = '" +
        endpoint + "'");
}

}  // namespace quorate::testing
