#include "coordinator/catalog/region_store.hpp"

#include "core/decision/region_set.hpp"

namespace quorate::coordinator {

std::optional<MadeRegion> make_region(pqxx::work& work, const std::string& name) {
    // Of two that make the same region at once the second one waits here.
    work.exec0("LOCK TABLE quorate.region IN SHARE ROW EXCLUSIVE MODE");
    auto find = [&] {
        return work.exec_params(
            "SELECT r.id, r.name, r.state, u.region_id IS NOT NULL FROM quorate.region r"
            " LEFT JOIN quorate.agent_user u ON u.region_id = r.id WHERE r.name = $1",
            name);
    };
    auto found = find();
    const bool created = found.empty();
    if (created) {
        const auto count = work.exec1("SELECT count(*) FROM quorate.region")[0].as<std::size_t>();
        if (count >= kRegionsMax) return std::nullopt;
        create_regions(work, {name});
        found = find();
    }
    MadeRegion made;
    made.region = {RegionId{found[0][0].as<std::uint64_t>()},
                   found[0][1].as<std::string>(),
                   found[0][2].as<std::string>()};
    made.created = created;
    made.has_user = found[0][3].as<bool>();
    return made;
}

void store_agent_user(pqxx::work& work, const AgentUser& user) {
    work.exec_params0(
        "INSERT INTO quorate.agent_user (region_id, password_sha256) VALUES ($1, $2)"
        " ON CONFLICT (region_id) DO UPDATE"
        " SET password_sha256 = excluded.password_sha256, renewed_at = now()",
        user.region.id.value(),
        user.password_sha256);
}

std::vector<AgentUser> load_agent_users(pqxx::work& work) {
    std::vector<AgentUser> users;
    for (const auto& row :
         work.exec("SELECT r.id, r.name, r.state, u.password_sha256 FROM quorate.agent_user u"
                   " JOIN quorate.region r ON r.id = u.region_id ORDER BY r.id"))
        users.push_back({{RegionId{row[0].as<std::uint64_t>()},
                          row[1].as<std::string>(),
                          row[2].as<std::string>()},
                         row[3].as<std::string>()});
    return users;
}

}  // namespace quorate::coordinator
