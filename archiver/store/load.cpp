#include "archiver/store/load.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "archiver/store/packed_cell.hpp"
#include "archiver/store/sql_text.hpp"
#include "archiver/store/window_store.hpp"
#include "core/base/sha256.hpp"
#include "core/decision/quarantine.hpp"
#include "core/decision/region_set.hpp"
#include "core/maintenance/matchers_json.hpp"
#include "core/model/http_url.hpp"

namespace quorate {
namespace {

UtcMinute minute_of(const pqxx::field& field) {
    return UtcMinute::from_epoch_ms(field.as<std::int64_t>());
}

/// `{1,3}`. The rule refuses a region twice and more than kRegionsMax; the catalogue does not store
/// such versions, and if one stood there it should not hold up all other endpoints.
std::vector<RegionId> regions_of(const pqxx::field& field) {
    std::set<RegionId> regions;
    auto parser = field.as_array();
    for (auto next = parser.get_next(); next.first != pqxx::array_parser::done;
         next = parser.get_next())
        if (next.first == pqxx::array_parser::string_value && regions.size() < kRegionsMax)
            regions.emplace(std::stoull(next.second));
    return {regions.begin(), regions.end()};
}

EndpointVersion version_of(const pqxx::row& row) {
    EndpointVersion version;
    version.endpoint = EndpointId{row["endpoint_id"].as<std::uint64_t>()};
    version.shard = ShardId{row["shard"].as<std::uint64_t>()};
    version.cell_slot = row["cell_slot"].as<std::uint32_t>();
    version.tenant = row["tenant"].as<std::string>();
    version.name = row["name"].as<std::string>();
    version.valid_from = minute_of(row["valid_from"]);
    if (!row["valid_to"].is_null()) version.valid_to = minute_of(row["valid_to"]);
    version.regions = regions_of(row["regions"]);
    version.interval = milliseconds{row["interval_ms"].as<std::int64_t>()};
    version.paused = row["paused"].as<bool>();
    version.deleted = row["deleted"].as<bool>();
    version.p1_quorum =
        p1_quorum_named(row["p1_quorum"].as<std::string>("")).value_or(P1Quorum::two);
    version.hash = stable_hash(version.tenant + "/" + version.name);
    const auto url = parse_http_url(row["url"].as<std::string>());
    if (url) version.host = stable_hash(url->host);
    return version;
}

}  // namespace

Committed load_committed(pqxx::work& work, const std::set<ShardId>& shards) {
    Committed committed;
    committed.states = load_states(work, shards);
    for (const auto& row :
         work.exec_params("SELECT shard, " + epoch_ms("minute") +
                              " FROM quorate.shard_watermark WHERE shard = ANY ($1::smallint[])",
                          array_text(shards)))
        committed.watermarks.emplace(ShardId{row[0].as<std::uint64_t>()}, minute_of(row[1]));
    return committed;
}

LoadedCatalogue load_catalogue(pqxx::work& work, const std::set<ShardId>& shards) {
    LoadedCatalogue loaded;
    auto windows = load_windows(work, shards);
    loaded.windows = std::move(windows.windows);
    loaded.unusable_windows = std::move(windows.unusable);
    for (const auto& row : work.exec_params(
             "SELECT v.endpoint_id, e.shard, e.cell_slot, e.tenant, e.name, " +
                 epoch_ms("v.valid_from") + " AS valid_from, " + epoch_ms("v.valid_to") +
                 " AS valid_to, v.url, v.regions, v.interval_ms, v.paused, "
                 "e.deleted_at IS NOT NULL AS deleted, v.spec->>'p1_quorum' AS p1_quorum, "
                 "CASE WHEN $2 THEN v.spec->'labels' END AS labels "
                 "FROM quorate.endpoint_version v JOIN quorate.endpoint e ON e.id = v.endpoint_id "
                 "LEFT JOIN quorate.shard_watermark w ON w.shard = e.shard "
                 "WHERE (v.valid_to IS NULL OR v.valid_to > coalesce(w.minute, '-infinity')) "
                 "AND e.shard = ANY ($1::smallint[])",
             array_text(shards),
             windows.by_labels)) {
        auto& version = loaded.versions.emplace_back(version_of(row));
        if (const auto labels = row["labels"].as<std::string>(""); !labels.empty())
            version.labels = parse_labels(labels);
    }
    for (const auto& row : work.exec("SELECT id, name FROM quorate.region"))
        loaded.regions.emplace(RegionId{row[0].as<std::uint64_t>()}, row[1].as<std::string>());
    // Of the deleted ones too: their cells may still be there.
    for (const auto& row : work.exec_params("SELECT shard, max(cell_slot) + 1 FROM quorate.endpoint"
                                            " WHERE shard = ANY ($1::smallint[]) GROUP BY shard",
                                            array_text(shards)))
        loaded.slots.emplace(ShardId{row[0].as<std::uint64_t>()}, row[1].as<std::uint32_t>());
    return loaded;
}

std::vector<Gap> load_gaps(pqxx::work& work, const std::map<ShardId, UtcMinute>& from) {
    std::vector<Gap> gaps;
    for (const auto& [shard, minute] : from) {
        // OFFSET 0 keeps it to one look into the primary key per endpoint.
        const auto rows = work.exec_params(
            "SELECT e.id, e.cell_slot, " + epoch_ms("m.minute") +
                ", m.cells FROM quorate.endpoint e CROSS JOIN LATERAL (SELECT * FROM "
                "quorate.minute WHERE endpoint_id = e.id AND minute >= $2 OFFSET 0) m "
                "WHERE e.shard = $1",
            shard.value(),
            timestamp_text(minute));
        for (const auto& row : rows) {
            Gap gap{shard,
                    minute_of(row[2]),
                    EndpointId{row[0].as<std::uint64_t>()},
                    row[1].as<std::uint32_t>(),
                    {}};
            for (const auto& cell : unpack_cells(bytes_of_bytea(row[3].as<std::string>())))
                if (made_at_seal(cell)) gap.regions.push_back(cell.region);
            if (!gap.regions.empty()) gaps.push_back(std::move(gap));
        }
    }
    return gaps;
}

OpenMinutes load_open_minutes(pqxx::work& work, const std::map<ShardId, UtcMinute>& watermarks) {
    OpenMinutes open;
    std::string sealed;
    for (const auto& [shard, minute] : watermarks)
        sealed += fmt::format(R"({}{{"shard":{},"minute":"{}"}})",
                              sealed.empty() ? "" : ",",
                              shard.value(),
                              timestamp_text(minute));
    for (const auto& row : work.exec_params(
             "SELECT e.shard, e.id, " + epoch_ms("m.minute") +
                 ", m.cells FROM json_to_recordset($1::json)"
                 " AS w (shard smallint, minute timestamptz)"
                 " JOIN quorate.endpoint e ON e.shard = w.shard CROSS JOIN LATERAL"
                 " (SELECT minute, cells FROM quorate.minute m WHERE m.endpoint_id = e.id"
                 "  AND m.minute > w.minute OFFSET 0) m",
             "[" + sealed + "]")) {
        StoredMinute stored{ShardId{row[0].as<std::uint64_t>()},
                            EndpointId{row[1].as<std::uint64_t>()},
                            minute_of(row[2]),
                            {}};
        for (const auto& cell : unpack_cells(bytes_of_bytea(row[3].as<std::string>())))
            stored.cells.push_back(SealedCell{cell.region, cell.verdict, false, {}, cell.reason});
        as_came(stored.cells);
        open.sealed.push_back(std::move(stored));
    }
    if (watermarks.empty()) return open;
    const auto oldest =
        std::ranges::min_element(watermarks, {}, [](const auto& each) { return each.second; });
    for (const auto& row :
         work.exec_params("SELECT " + epoch_ms("minute") +
                              ", region_id, quarantined FROM quorate.region_health"
                              " WHERE minute > $1",
                          timestamp_text(oldest->second))) {
        auto& quarantined = open.decided[minute_of(row[0])];
        if (row[2].as<bool>()) quarantined.emplace_back(row[1].as<std::uint64_t>());
    }
    return open;
}

}  // namespace quorate
