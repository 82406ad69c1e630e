#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <pqxx/pqxx>

#include "core/decision/region_state.hpp"
#include "core/model/verdict.hpp"

#include "quorate/v1/admin.pb.h"

namespace quorate::coordinator {

/// A cell of a sealed minute, as quorate.unpack_cells gives it.
struct StoredCell {
    std::string region;
    Verdict verdict = Verdict::unknown;      ///< in force
    Verdict own_verdict = Verdict::unknown;  ///< what the probe said
    std::string reason;
    std::string phase;
    RegionPhase region_state = RegionPhase::healthy;  ///< after the minute
    bool absent = false;
    bool silent = false;
    bool late = false;
    bool slow = false;
    bool retried = false;
    std::optional<std::uint32_t> http_status;
    std::optional<std::int64_t> started_us;
    std::optional<double> total_ms;
    std::optional<double> connect_ms;
    std::optional<double> tls_ms;
    std::optional<double> initialize_ms;
    std::optional<double> tools_list_ms;

    /// In V: it voted when the minute was decided.
    bool voted() const { return !late && vote_of(verdict) != Vote::none; }
};

/// The columns that `stored_cell` reads, for a SELECT over `quorate.any_minute m`,
/// `quorate.unpack_cells(m.cells) c` and `quorate.region r`.
std::string stored_cell_columns();

/// Reads the columns, of which `row[first]` is the first.
StoredCell stored_cell(const pqxx::row& row, int first);

/// `us-east=FAIL(connection_refused)`.
std::string to_text(const StoredCell& cell);

}  // namespace quorate::coordinator
