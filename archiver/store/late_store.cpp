#include "archiver/store/late_store.hpp"

#include <algorithm>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "archiver/store/json.hpp"
#include "archiver/store/packed_cell.hpp"
#include "archiver/store/sql_text.hpp"

namespace quorate {
namespace {

pqxx::result find_cells(pqxx::work& work, EndpointId endpoint, const std::string& minute) {
    return work.exec_params(
        "SELECT cells FROM quorate.minute WHERE endpoint_id = $1 AND minute = $2 FOR UPDATE",
        endpoint.value(),
        minute);
}

/// As find_cells; what is packed is unpacked first.
pqxx::result find_cells_anywhere(pqxx::work& work, EndpointId endpoint, const std::string& minute) {
    auto found = find_cells(work, endpoint, minute);
    if (!found.empty()) return found;
    const auto unpacked =
        work.exec_params1("SELECT quorate.unpack_blocks($1, $2, $2)", endpoint.value(), minute);
    if (unpacked[0].as<int>() > 0) found = find_cells(work, endpoint, minute);
    return found;
}

void store_one(pqxx::work& work, const Cell& cell, LateOutcome& outcome) {
    const auto minute = timestamp_text(cell.key.minute);
    const auto found = find_cells_anywhere(work, cell.key.endpoint, minute);
    auto cells = found.empty() ? std::vector<PackedCell>{}
                               : unpack_cells(bytes_of_bytea(found[0][0].as<std::string>()));
    const auto place = std::ranges::find(cells, cell.key.region, &PackedCell::region);
    if (place == cells.end()) {
        ++outcome.unexpected;
        return;
    }
    if (!made_at_seal(*place)) {
        ++outcome.duplicate;
        return;
    }
    auto late = packed_cell(cell, place->verdict == Verdict::maint);
    late.late = true;
    late.region_state = place->region_state;
    late.silent = place->silent;
    late.absent = place->absent;
    *place = late;
    std::string bytes;
    for (const auto& each : cells)
        append_packed(each, bytes);
    boost::json::object details;
    details[std::to_string(cell.key.region.value())] = cell_details(cell);
    work.exec_params0(
        "UPDATE quorate.minute SET cells = $3, details = coalesce(details, '{}') || $4 "
        "WHERE endpoint_id = $1 AND minute = $2",
        cell.key.endpoint.value(),
        minute,
        bytea_text(bytes),
        boost::json::serialize(details));
    work.exec_params("SELECT quorate.mark_stale($1, $2)", cell.key.endpoint.value(), minute);
    ++outcome.stored;
}

}  // namespace

LateOutcome store_late(pqxx::work& work, const std::vector<Cell>& cells) {
    work.exec0("SET LOCAL synchronous_commit TO on");  // as in store_plan
    LateOutcome outcome;
    for (const auto& cell : cells)
        store_one(work, cell, outcome);
    return outcome;
}

}  // namespace quorate
