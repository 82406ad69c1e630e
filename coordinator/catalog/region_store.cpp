#include "coordinator/catalog/region_store.hpp"

#include <array>

#include "coordinator/catalog/listing.hpp"
#include "coordinator/catalog/sql.hpp"
#include "core/decision/region_set.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::array<std::string_view, 3> kStates{"active", "drained", "removed"};

RegionState state_named(std::string_view name) {
    return static_cast<RegionState>(std::ranges::find(kStates, name) - kStates.begin());
}

}  // namespace

std::string_view name_of(RegionState state) {
    return kStates.at(static_cast<std::size_t>(state));
}

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
    bool created = found.empty();
    const bool removed = !created && found[0][2].as<std::string>() == name_of(RegionState::removed);
    if (created || removed) {
        const auto count =
            work.exec1("SELECT count(*) FROM quorate.region WHERE state <> 'removed'")[0]
                .as<std::size_t>();
        if (count >= kRegionsMax) return std::nullopt;
    }
    if (removed) {
        // It has its number again; its agents get another password.
        work.exec_params0(
            "UPDATE quorate.region SET state = 'active', changed_at = now(), in_force_from = NULL"
            " WHERE name = $1",
            name);
        work.exec_params0("DELETE FROM quorate.agent_user WHERE region_id = $1",
                          found[0][0].as<std::int64_t>());
        created = true;
        found = find();
    } else if (created) {
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

RegionState set_region_state(pqxx::work& work, const std::string& name, RegionState state) {
    const auto found =
        work.exec_params("SELECT state FROM quorate.region WHERE name = $1 FOR UPDATE", name);
    const auto before =
        found.empty() ? RegionState::removed : state_named(found[0][0].as<std::string>());
    if (before == state && !found.empty()) return before;
    if (before == RegionState::removed) throw NotFound{"there is no region " + name};
    if (state == RegionState::removed && before != RegionState::drained)
        throw RegionRefused{"the region " + name +
                            " is active: drain it first (quorate regions drain " + name + ")"};
    work.exec_params0("UPDATE quorate.region SET state = $2, changed_at = now() WHERE name = $1",
                      name,
                      std::string{name_of(state)});
    if (state == RegionState::removed) {
        work.exec_params0(
            "DELETE FROM quorate.agent_cordon c USING quorate.region r"
            " WHERE r.id = c.region_id AND r.name = $1",
            name);
        // Whoever has the private key of its hosts reads no job of a region of this name again.
        work.exec0("UPDATE quorate.secret_change SET generation = generation + 1");
        work.exec_params0(
            "DELETE FROM quorate.region_key k USING quorate.region r"
            " WHERE r.id = k.region_id AND r.name = $1",
            name);
    }
    return before;
}

void date_region_state(pqxx::work& work, const std::string& name, UtcMinute from) {
    work.exec_params0(
        "UPDATE quorate.region SET in_force_from = " + sql::timestamp("$2") + " WHERE name = $1",
        name,
        sql::us(from.start()));
}

void require_unused(pqxx::work& work, const std::string& name, UtcTime now) {
    const auto watched = work.exec_params1(
        "SELECT count(*) FROM quorate.endpoint_version v JOIN quorate.region r ON r.id = ANY "
        "(v.regions)"
        " WHERE r.name = $1 AND coalesce(v.valid_to, 'infinity') > " +
            sql::timestamp("$2"),
        name,
        sql::us(now));
    if (watched[0].as<std::int64_t>() > 0)
        throw RegionRefused{"the region " + name +
                            " still looks, until the drain is in force: try again in a minute"};
    const auto naming = work.exec_params(
        "SELECT e.tenant || '/' || e.name, count(*) OVER () FROM quorate.endpoint e"
        " JOIN quorate.endpoint_version v ON v.endpoint_id = e.id AND v.valid_to IS NULL"
        " WHERE e.deleted_at IS NULL AND v.spec->'regions' ? $1 ORDER BY 1 LIMIT 1",
        name);
    if (!naming.empty())
        throw RegionRefused{"endpoints name the region " + name + ", " + naming[0][1].c_str() +
                            " of them, such as " + naming[0][0].c_str() +
                            ": apply them without it first"};
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
