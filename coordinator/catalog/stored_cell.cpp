#include "coordinator/catalog/stored_cell.hpp"

#include "coordinator/catalog/sql.hpp"
#include "core/model/phase.hpp"
#include "core/model/reason.hpp"

namespace quorate::coordinator {

std::string stored_cell_columns() {
    return "r.name, c.verdict, c.reason, c.phase, c.region_state, c.absent, c.silent, c.late, "
           "c.slow, c.retried, c.http_status, " +
           sql::micros("m.minute + c.start_offset_ms * interval '1 millisecond'") +
           ", c.total_ms, c.connect_ms, c.tls_ms, c.initialize_ms, c.tools_list_ms, c.own_verdict";
}

StoredCell stored_cell(const pqxx::row& row, int first) {
    const auto at = [&row, first](int index) { return row[first + index]; };
    StoredCell cell;
    cell.region = at(0).as<std::string>();
    cell.verdict = static_cast<Verdict>(at(1).as<int>());
    if (!at(2).is_null()) cell.reason = name_of(static_cast<Reason>(at(2).as<int>()));
    if (!at(3).is_null()) cell.phase = name_of(static_cast<Phase>(at(3).as<int>()));
    cell.region_state = static_cast<RegionPhase>(at(4).as<int>());
    cell.absent = at(5).as<bool>();
    cell.silent = at(6).as<bool>();
    cell.late = at(7).as<bool>();
    cell.slow = at(8).as<bool>();
    cell.retried = at(9).as<bool>();
    cell.http_status = sql::optional<std::uint32_t>(at(10));
    cell.started_us = sql::optional<std::int64_t>(at(11));
    cell.total_ms = sql::optional<double>(at(12));
    cell.connect_ms = sql::optional<double>(at(13));
    cell.tls_ms = sql::optional<double>(at(14));
    cell.initialize_ms = sql::optional<double>(at(15));
    cell.tools_list_ms = sql::optional<double>(at(16));
    cell.own_verdict = static_cast<Verdict>(at(17).as<int>());
    return cell;
}

std::string to_text(const StoredCell& cell) {
    auto text = cell.region + "=" + std::string{name_of(cell.verdict)};
    if (!cell.reason.empty()) text += "(" + cell.reason + ")";
    return text;
}

}  // namespace quorate::coordinator
