#include "archiver/store/health_store.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "archiver/store/sql_text.hpp"

namespace quorate {

std::vector<RegionFaultChange> store_health(pqxx::work& work,
                                            const MinuteHealth& health,
                                            UtcTime at,
                                            bool tell) {
    const bool whole = !health.agents_alive.empty();
    auto regions = health.regions;
    for (const auto& [region, agents] : health.agents_alive)  // a silent region has a row too
        if (std::ranges::find(regions, region, &RegionHealth::region) == regions.end())
            regions.push_back({region, {}, false});
    std::string rows;
    for (const auto& each : regions) {
        const auto agents = health.agents_alive.find(each.region);
        rows += fmt::format(
            R"({}{{"region_id":{},"agents_alive":{},"votes":{},"fails":{},"lone_fails":{},)"
            R"("hosts":{},"quarantined":{}}})",
            rows.empty() ? "" : ",",
            each.region.value(),
            agents == health.agents_alive.end() ? "null" : std::to_string(agents->second),
            each.tally.voters,
            each.tally.fails,
            each.tally.lone_fails,
            each.tally.host_count,
            each.quarantined);
    }
    work.exec_params(
        "INSERT INTO quorate.region_health (minute, region_id, agents_alive, votes, fails,"
        " lone_fails, hosts, quarantined)"
        " SELECT $1, region_id, agents_alive, votes, fails, lone_fails, hosts, quarantined"
        " FROM json_populate_recordset(NULL::quorate.region_health, $2::json)"
        " ON CONFLICT (minute, region_id) DO UPDATE SET (agents_alive, votes, fails) ="
        " (excluded.agents_alive, excluded.votes, excluded.fails)",
        timestamp_text(health.minute),
        "[" + rows + "]");
    std::vector<RegionFaultChange> changes;
    if (!whole) return changes;
    for (const auto& row : work.exec_params(
             "SELECT change, region, detail FROM quorate.settle_region_faults($1, $2, $3)",
             timestamp_text(health.minute),
             timestamp_text(at),
             tell))
        changes.push_back({row[0].as<std::string>() == "opened",
                           row[1].as<std::string>(),
                           row[2].as<std::string>()});
    return changes;
}

}  // namespace quorate
