#include "coordinator/catalog/cordon_store.hpp"

#include "coordinator/catalog/region_store.hpp"
#include "coordinator/catalog/sql.hpp"

namespace quorate::coordinator {

std::vector<Cordon> load_cordons(pqxx::work& work) {
    std::vector<Cordon> cordons;
    for (const auto& row :
         work.exec("SELECT region_id, agent, reason, created_by, " + sql::micros("created_at") +
                   " FROM quorate.agent_cordon ORDER BY region_id, agent"))
        cordons.push_back({RegionId{row[0].as<std::uint64_t>()},
                           row[1].as<std::string>(),
                           row[2].as<std::string>(),
                           row[3].as<std::string>(),
                           UtcTime{microseconds{row[4].as<std::int64_t>()}}});
    return cordons;
}

bool add_cordon(pqxx::work& work, const Cordon& cordon) {
    // Of two at once the second waits here, and sees what the first one added.
    work.exec_params("SELECT id FROM quorate.region WHERE id = $1 FOR UPDATE",
                     cordon.region.value());
    const auto count =
        work.exec_params1("SELECT count(*) FROM quorate.agent_cordon WHERE region_id = $1",
                          cordon.region.value())[0]
            .as<std::size_t>();
    const auto added =
        work.exec_params(
                "INSERT INTO quorate.agent_cordon (region_id, agent, reason, created_by)"
                " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                cordon.region.value(),
                cordon.agent,
                cordon.reason,
                cordon.by)
            .affected_rows() > 0;
    if (added && count >= kCordonsMax)
        throw RegionRefused{"the region has " + std::to_string(kCordonsMax) +
                            " cordoned agents already: uncordon those that are gone"};
    return added;
}

bool remove_cordon(pqxx::work& work, RegionId region, const std::string& agent) {
    return work.exec_params("DELETE FROM quorate.agent_cordon WHERE region_id = $1 AND agent = $2",
                            region.value(),
                            agent)
               .affected_rows() > 0;
}

}  // namespace quorate::coordinator
