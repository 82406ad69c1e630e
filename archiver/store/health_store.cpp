#include "archiver/store/health_store.hpp"

#include <utility>

#include <fmt/format.h>

#include "archiver/store/sql_text.hpp"
#include "core/incident/endpoint_rule.hpp"
#include "platform/postgres/database.hpp"

namespace quorate {
namespace {

std::string hosts_text(const RegionTally& tally) {
    std::string text;
    for (std::size_t i = 0; i < tally.host_count; ++i)
        text +=
            fmt::format("{}{}", text.empty() ? "" : ",", static_cast<std::int64_t>(tally.hosts[i]));
    return text;
}

std::string tallies_text(const RegionTallies& tallies) {
    std::string text;
    for (const auto& [region, tally] : tallies)
        text += fmt::format(R"({}{{"r":{},"v":{},"f":{},"l":{},"h":[{}]}})",
                            text.empty() ? "" : ",",
                            region.value(),
                            tally.voters,
                            tally.fails,
                            tally.lone_fails,
                            hosts_text(tally));
    return "[" + text + "]";
}

/// Of all shards that have told theirs.
RegionTallies read_tallies(pqxx::work& work, UtcMinute minute) {
    RegionTallies sum;
    for (const auto& row : work.exec_params(
             "SELECT x.r, x.v, x.f, x.l, x.h FROM quorate.shard_tally t"
             " CROSS JOIN LATERAL jsonb_to_recordset(t.tallies)"
             " AS x (r smallint, v integer, f integer, l integer, h bigint[]) WHERE t.minute = $1",
             timestamp_text(minute))) {
        RegionTally tally;
        tally.voters = row[1].as<std::uint32_t>();
        tally.fails = row[2].as<std::uint32_t>();
        tally.lone_fails = row[3].as<std::uint32_t>();
        auto hosts = row[4].as_array();
        for (auto next = hosts.get_next(); next.first != pqxx::array_parser::done;
             next = hosts.get_next())
            if (next.first == pqxx::array_parser::string_value &&
                tally.host_count < RegionTally::kHostsMax)
                tally.hosts.at(tally.host_count++) =
                    static_cast<std::uint64_t>(std::stoll(next.second));
        merge_into(sum, {{RegionId{row[0].as<std::uint64_t>()}, tally}});
    }
    return sum;
}

/// A row of each region. What a row says of lone failures and of the decision stays.
/// @param decides whether the tallies decide who is believed
/// @param agents_alive empty: not all shards have sealed the minute yet
void store_health(pqxx::work& work,
                  UtcMinute minute,
                  const RegionTallies& tallies,
                  bool decides,
                  const std::map<RegionId, std::uint32_t>& agents_alive) {
    auto regions = tallies;
    for (const auto& [region, agents] : agents_alive)
        regions[region];  // a silent region has a row too
    std::string rows;
    for (const auto& [region, tally] : regions) {
        const auto agents = agents_alive.find(region);
        rows += fmt::format(
            R"({}{{"region_id":{},"agents_alive":{},"votes":{},"fails":{},"lone_fails":{},)"
            R"("hosts":{},"quarantined":{}}})",
            rows.empty() ? "" : ",",
            region.value(),
            agents == agents_alive.end() ? "null" : std::to_string(agents->second),
            tally.voters,
            tally.fails,
            tally.lone_fails,
            tally.host_count,
            decides && is_quarantined(tally));
    }
    work.exec_params(
        "INSERT INTO quorate.region_health (minute, region_id, agents_alive, votes, fails,"
        " lone_fails, hosts, quarantined)"
        " SELECT $1, region_id, agents_alive, votes, fails, lone_fails, hosts, quarantined"
        " FROM json_populate_recordset(NULL::quorate.region_health, $2::json)"
        " ON CONFLICT (minute, region_id) DO UPDATE SET (agents_alive, votes, fails) ="
        " (excluded.agents_alive, excluded.votes, excluded.fails)",
        timestamp_text(minute),
        "[" + rows + "]");
}

/// What was decided of a minute; nothing where nothing is.
std::optional<std::vector<RegionId>> read_decision(pqxx::work& work, UtcMinute minute) {
    const auto rows = work.exec_params(
        "SELECT region_id, quarantined FROM quorate.region_health WHERE minute = $1",
        timestamp_text(minute));
    if (rows.empty()) return std::nullopt;
    std::vector<RegionId> quarantined;
    for (const auto& row : rows)
        if (row[1].as<bool>()) quarantined.emplace_back(row[0].as<std::uint64_t>());
    return quarantined;
}

bool all_told(pqxx::work& work, UtcMinute minute) {
    return work
        .exec_params(
            "SELECT FROM quorate.shard_watermark w WHERE w.minute < $1 AND NOT EXISTS"
            " (SELECT FROM quorate.shard_tally t WHERE t.minute = $1 AND t.shard = w.shard)"
            " LIMIT 1",
            timestamp_text(minute))
        .empty();
}

/// Opens and closes the notices of faulty regions.
std::vector<RegionFaultChange> settle_faults(pqxx::work& work,
                                             UtcMinute minute,
                                             UtcTime at,
                                             bool tell) {
    std::vector<RegionFaultChange> changes;
    for (const auto& row : work.exec_params(
             "SELECT change, region, detail FROM quorate.settle_region_faults($1, $2, $3)",
             timestamp_text(minute),
             timestamp_text(at),
             tell))
        changes.push_back({row[0].as<std::string>() == "opened",
                           row[1].as<std::string>(),
                           row[2].as<std::string>()});
    return changes;
}

}  // namespace

void store_tallies(pqxx::work& work, const std::vector<ShardTally>& tallies) {
    if (tallies.empty()) return;
    std::string rows;
    for (const auto& tally : tallies)
        rows += fmt::format(R"({}{{"minute":"{}","shard":{},"tallies":{}}})",
                            rows.empty() ? "" : ",",
                            timestamp_text(tally.minute),
                            tally.shard.value(),
                            tallies_text(tally.tallies));
    work.exec_params(
        "INSERT INTO quorate.shard_tally"
        " SELECT * FROM json_populate_recordset(NULL::quorate.shard_tally, $1::json)"
        " ON CONFLICT DO NOTHING",
        "[" + rows + "]");
}

std::optional<std::vector<RegionId>> decide_regions(pqxx::work& work,
                                                    UtcMinute minute,
                                                    bool out_of_time) {
    work.exec_params("SELECT pg_advisory_xact_lock($1)",
                     static_cast<std::int64_t>(AdvisoryLock::region_decision));
    if (auto decided = read_decision(work, minute)) return decided;
    if (!out_of_time && !all_told(work, minute)) return std::nullopt;
    store_health(work, minute, read_tallies(work, minute), true, {});
    return read_decision(work, minute).value_or(std::vector<RegionId>{});
}

Settled settle_minutes(pqxx::work& work,
                       const std::map<RegionId, std::uint32_t>& agents_alive,
                       UtcTime at,
                       Window window,
                       std::size_t minutes_max) {
    Settled settled;
    const auto all_sealed =
        work.exec1("SELECT " + epoch_ms("min(minute)") + " FROM quorate.shard_watermark")[0];
    if (all_sealed.is_null()) return settled;
    settled.until = UtcMinute::from_epoch_ms(all_sealed.as<std::int64_t>());
    const auto minutes = work.exec_params("SELECT DISTINCT " + epoch_ms("minute") +
                                              " FROM quorate.shard_tally WHERE minute <= $1"
                                              " ORDER BY 1 LIMIT $2",
                                          timestamp_text(*settled.until),
                                          minutes_max);
    for (const auto& row : minutes) {
        const auto minute = UtcMinute::from_epoch_ms(row[0].as<std::int64_t>());
        store_health(work, minute, read_tallies(work, minute), false, agents_alive);
        const bool tell = !is_catching_up(minute, at, window);
        for (auto& change : settle_faults(work, minute, at, tell))
            settled.changes.push_back(std::move(change));
        if (minutes.size() == minutes_max) settled.until = minute;  // the last one stays
    }
    work.exec_params("DELETE FROM quorate.shard_tally WHERE minute <= $1",
                     timestamp_text(*settled.until));
    return settled;
}

}  // namespace quorate
