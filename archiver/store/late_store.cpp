#include "archiver/store/late_store.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "archiver/store/json.hpp"
#include "archiver/store/packed_cell.hpp"
#include "archiver/store/sql_text.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr std::size_t kMinutesPerStatement = 500;

using Key = std::pair<EndpointId, UtcMinute>;

/// A stored minute, and what becomes of it.
struct Minute {
    std::vector<PackedCell> cells;
    json::object details;  ///< by region
    json::object changed;  ///< of these, new
};
using Minutes = std::map<Key, Minute>;

/// `[{"e": 1, "m": "…"}]`
template <class Keys>
std::string keys_text(const Keys& keys) {
    std::string text;
    for (const auto& [endpoint, minute] : keys)
        text += fmt::format(R"({}{{"e":{},"m":"{}"}})",
                            text.empty() ? "" : ",",
                            endpoint.value(),
                            timestamp_text(minute));
    return "[" + text + "]";
}

/// Locked. What is being forgotten is as good as gone.
void load(pqxx::work& work, const std::vector<Key>& keys, Minutes& minutes) {
    if (keys.empty()) return;
    for (const auto& row : work.exec_params(
             "SELECT k.e, " + epoch_ms("k.m") +
                 ", m.cells, m.details FROM json_to_recordset($1::json)"
                 " AS k (e integer, m timestamptz) CROSS JOIN LATERAL"
                 " (SELECT cells, details FROM quorate.minute"
                 "  WHERE endpoint_id = k.e AND minute = k.m FOR UPDATE SKIP LOCKED) m",
             keys_text(keys))) {
        auto& minute = minutes[{EndpointId{row[0].as<std::uint64_t>()},
                                UtcMinute::from_epoch_ms(row[1].as<std::int64_t>())}];
        minute.cells = unpack_cells(bytes_of_bytea(row[2].as<std::string>()));
        if (!row[3].is_null()) minute.details = json::parse(row[3].as<std::string>()).as_object();
    }
}

/// As load; what is packed is unpacked first.
Minutes load_anywhere(pqxx::work& work, const std::vector<Key>& keys) {
    Minutes minutes;
    load(work, keys, minutes);
    std::vector<Key> missing;
    for (const auto& key : keys)
        if (!minutes.contains(key)) missing.push_back(key);
    if (missing.empty()) return minutes;
    const auto unpacked = work.exec_params1(
        "SELECT sum(quorate.unpack_blocks(k.e, k.m, k.m)) FROM"
        " json_to_recordset($1::json) AS k (e integer, m timestamptz)",
        keys_text(missing));
    if (unpacked[0].as<std::int64_t>() > 0) load(work, missing, minutes);
    return minutes;
}

/// What is compared of a late cell, as it is stored: merge()'s order as far as it is.
auto order_of(const PackedCell& cell, const json::object& details) {
    const auto* agent = details.if_contains("agent");
    std::string bytes;
    append_packed(cell, bytes);
    return std::tuple{static_cast<int>(Verdict::maint) - static_cast<int>(cell.own_verdict),
                      !cell.start_offset,
                      cell.start_offset,
                      std::move(bytes),
                      agent == nullptr ? std::string{} : std::string{agent->as_string()}};
}

void put(Minute& minute, const Cell& cell, LateOutcome& outcome) {
    const auto place = std::ranges::find(minute.cells, cell.key.region, &PackedCell::region);
    if (place == minute.cells.end()) {
        ++outcome.unexpected;
        return;
    }
    auto late = packed_cell(cell, place->verdict == Verdict::maint);
    late.late = true;
    late.region_state = place->region_state;
    late.silent = place->silent;
    late.absent = place->absent;
    auto details = cell_details(cell);
    const auto region = std::to_string(cell.key.region.value());
    if (place->late) {
        const auto* known = minute.details.if_contains(region);
        const auto before = known == nullptr ? json::object{} : known->as_object();
        if (order_of(*place, before) <= order_of(late, details)) {
            ++outcome.duplicate;
            return;
        }
    } else if (!made_at_seal(*place)) {
        ++outcome.duplicate;
        return;
    }
    *place = late;
    minute.details[region] = details;
    minute.changed[region] = std::move(details);
    ++outcome.stored;
}

void store(pqxx::work& work, const Minutes& minutes) {
    std::string rows;
    std::vector<Key> changed;
    for (const auto& [key, minute] : minutes) {
        if (minute.changed.empty()) continue;
        changed.push_back(key);
        std::string bytes;
        for (const auto& cell : minute.cells)
            append_packed(cell, bytes);
        rows += fmt::format(R"({}{{"e":{},"m":"{}","c":"\\{}","d":{}}})",
                            rows.empty() ? "" : ",",
                            key.first.value(),
                            timestamp_text(key.second),
                            bytea_text(bytes).substr(1),
                            json::serialize(minute.changed));
    }
    if (rows.empty()) return;
    work.exec_params0(
        "UPDATE quorate.minute t SET cells = k.c, details = coalesce(t.details, '{}') || k.d"
        " FROM json_to_recordset($1::json) AS k (e integer, m timestamptz, c bytea, d jsonb)"
        " WHERE t.endpoint_id = k.e AND t.minute = k.m",
        "[" + rows + "]");
    work.exec_params(
        "SELECT quorate.mark_stale(k.e, k.m) FROM json_to_recordset($1::json)"
        " AS k (e integer, m timestamptz)",
        keys_text(changed));
}

}  // namespace

LateOutcome store_late(pqxx::work& work, const std::vector<Cell>& cells) {
    work.exec0("SET LOCAL synchronous_commit TO on");  // as in store_plan
    std::map<Key, std::vector<const Cell*>> by_minute;
    for (const auto& cell : cells)
        by_minute[{cell.key.endpoint, cell.key.minute}].push_back(&cell);
    LateOutcome outcome;
    for (auto next = by_minute.begin(); next != by_minute.end();) {
        const auto begin = next;
        std::vector<Key> keys;
        for (; next != by_minute.end() && keys.size() < kMinutesPerStatement; ++next)
            keys.push_back(next->first);
        auto minutes = load_anywhere(work, keys);
        for (auto each = begin; each != next; ++each)
            for (const auto* cell : each->second)
                put(minutes[each->first], *cell, outcome);
        store(work, minutes);
    }
    return outcome;
}

}  // namespace quorate
