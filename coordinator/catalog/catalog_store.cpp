#include "coordinator/catalog/catalog_store.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "coordinator/catalog/cell_slots.hpp"
#include "coordinator/catalog/sql.hpp"
#include "platform/wire/endpoint_file.hpp"

namespace quorate::coordinator {
namespace {

namespace json = boost::json;

UtcMinute minute_of(const pqxx::field& epoch_us) {
    return UtcMinute::from_epoch_ms(epoch_us.as<std::int64_t>() / 1000);
}

std::vector<RegionId> region_ids(const pqxx::field& array) {
    std::vector<RegionId> ids;
    for (const auto number : sql::numbers(array))
        ids.emplace_back(static_cast<std::uint64_t>(number));
    return ids;
}

/// Texts of arrays of at most `kRowsMax` rows each: however many endpoints one apply brings, none
/// of its statements takes long.
std::vector<std::string> parts_of(json::array rows) {
    constexpr std::size_t kRowsMax = 5000;
    std::vector<std::string> parts;
    json::array part;
    for (auto& row : rows) {
        part.push_back(std::move(row));
        if (part.size() == kRowsMax) parts.push_back(json::serialize(std::exchange(part, {})));
    }
    if (!part.empty()) parts.push_back(json::serialize(part));
    return parts;
}

/// What endpoint_version's columns are filled with.
json::object version_row(EndpointId endpoint, std::uint32_t version, const WantedEndpoint& wanted) {
    json::array regions;
    for (const auto region : wanted.regions)
        regions.push_back(region.value());
    return {{"endpoint_id", endpoint.value()},
            {"version", version},
            {"url", wanted.spec.url},
            {"regions", std::move(regions)},
            {"interval_ms", wanted.interval.count()},
            {"paused", wanted.spec.paused},
            {"spec", json::parse(wire::to_json(wanted.spec))}};
}

/// Makes the endpoints' own rows. @return the id of each, by tenant/name.
std::map<std::string, EndpointId> insert_endpoints(pqxx::work& work,
                                                   const std::vector<WantedEndpoint>& created,
                                                   const std::vector<CellPlace>& places) {
    json::array rows;
    std::vector<std::string> tenants;
    for (std::size_t i = 0; i < created.size(); ++i) {
        const auto& spec = created[i].spec;
        rows.push_back(json::object{{"tenant", spec.tenant},
                                    {"name", spec.name},
                                    {"shard", places[i].shard.value()},
                                    {"cell_slot", places[i].cell_slot}});
        tenants.push_back(spec.tenant);
    }
    std::sort(tenants.begin(), tenants.end());
    tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
    work.exec_params(
        "INSERT INTO quorate.tenant (name) SELECT unnest($1::text[])"
        " ON CONFLICT DO NOTHING",
        sql::array(tenants));
    std::map<std::string, EndpointId> ids;
    for (const auto& part : parts_of(std::move(rows)))
        for (const auto& row : work.exec_params(
                 "INSERT INTO quorate.endpoint (tenant, name, shard, cell_slot)"
                 " SELECT tenant, name, shard, cell_slot FROM jsonb_to_recordset($1::jsonb)"
                 " AS row (tenant text, name text, shard smallint, cell_slot integer)"
                 " RETURNING id, tenant, name",
                 part))
            ids.emplace(row[1].as<std::string>() + "/" + row[2].as<std::string>(),
                        EndpointId{row[0].as<std::uint64_t>()});
    return ids;
}

std::int64_t insert_change(pqxx::work& work,
                           const CatalogueDiff& diff,
                           const std::string& principal,
                           const json::array& endpoints) {
    const json::object summary{{"created", diff.created.size()},
                               {"changed", diff.changed.size()},
                               {"deleted", diff.deleted.size()},
                               {"endpoints", endpoints}};
    return work
        .exec_params1(
            "INSERT INTO quorate.catalogue_change (principal, summary)"
            " VALUES ($1, $2::jsonb) RETURNING generation",
            principal,
            json::serialize(summary))[0]
        .as<std::int64_t>();
}

/// The generations after `after`, and the endpoints that they touched.
CatalogueUpdate load_changes(pqxx::work& work, std::int64_t after) {
    CatalogueUpdate update;
    update.generation = after;
    for (const auto& change :
         work.exec_params("SELECT generation, summary->'endpoints' FROM quorate.catalogue_change"
                          " WHERE generation > $1 ORDER BY generation",
                          after)) {
        update.generation = change[0].as<std::int64_t>();
        const auto endpoints = json::parse(change[1].c_str());
        for (const auto& id : endpoints.as_array())
            update.endpoints.emplace_back(id.to_number<std::uint64_t>());
    }
    return update;
}

const std::string kLiving = "SELECT e.id, v.version, " + sql::micros("v.valid_from") +
                            ", v.regions, v.interval_ms, v.spec::text FROM quorate.endpoint e"
                            " JOIN quorate.endpoint_version v ON v.endpoint_id = e.id"
                            " AND v.valid_to IS NULL WHERE e.deleted_at IS NULL";

LivingEndpoint living_endpoint(const pqxx::row& row) {
    return {EndpointId{row[0].as<std::uint64_t>()},
            row[1].as<std::uint32_t>(),
            minute_of(row[2]),
            wire::endpoint_spec_from_json(row[5].c_str()),
            region_ids(row[3]),
            milliseconds{row[4].as<std::int64_t>()}};
}

}  // namespace

std::size_t create_regions(pqxx::work& work, const std::vector<std::string>& names) {
    // Not ON CONFLICT alone: each attempt would use up one of the 255 ids.
    return work
        .exec_params(
            "INSERT INTO quorate.region (name) SELECT name FROM unnest($1::text[]) AS name"
            " WHERE name NOT IN (SELECT name FROM quorate.region)"
            " ON CONFLICT DO NOTHING",
            sql::array(names))
        .affected_rows();
}

std::vector<Region> load_regions(pqxx::work& work) {
    std::vector<Region> regions;
    for (const auto& row : work.exec("SELECT id, name, state, " + sql::micros("in_force_from") +
                                     " FROM quorate.region WHERE state <> 'removed'")) {
        auto& region = regions.emplace_back(Region{RegionId{row[0].as<std::uint64_t>()},
                                                   row[1].as<std::string>(),
                                                   row[2].as<std::string>()});
        if (!row[3].is_null())
            region.in_force_from = UtcMinute::from_epoch_ms(row[3].as<std::int64_t>() / 1000);
    }
    // Not ORDER BY: the database's collation may differ from the order that slots are made with.
    std::sort(regions.begin(), regions.end(), [](const auto& a, const auto& b) {
        return a.name < b.name;
    });
    return regions;
}

TenantTiers load_tiers(pqxx::work& work) {
    TenantTiers tiers;
    for (const auto& row : work.exec("SELECT name, tier FROM quorate.tenant WHERE tier <> 'team'"))
        tiers.emplace(row[0].as<std::string>(), row[1].as<std::string>());
    return tiers;
}

std::set<std::string, std::less<>> load_secret_names(
    pqxx::work& work, const std::optional<std::set<std::string>>& tenants) {
    std::set<std::string, std::less<>> names;
    for (const auto& row : work.exec("SELECT tenant, name FROM quorate.secret")) {
        const auto tenant = row[0].as<std::string>();
        if (!tenants || tenants->contains(tenant))
            names.insert(tenant + "/" + row[1].as<std::string>());
    }
    return names;
}

void lock_catalogue(pqxx::work& work) {
    work.exec0("LOCK TABLE quorate.catalogue_change IN EXCLUSIVE MODE");
}

std::vector<LivingEndpoint> load_living(pqxx::work& work, const std::vector<std::string>& tenants) {
    const auto rows = work.exec_params(
        kLiving + " AND (cardinality($1::text[]) = 0 OR e.tenant = ANY ($1::text[]))",
        sql::array(tenants));
    std::vector<LivingEndpoint> living;
    living.reserve(rows.size());
    for (const auto& row : rows)
        living.push_back(living_endpoint(row));
    return living;
}

LivingEndpoint load_living_one(pqxx::work& work, const EndpointName& endpoint) {
    const auto rows = work.exec_params(
        kLiving + " AND e.tenant = $1 AND e.name = $2", endpoint.tenant, endpoint.name);
    if (rows.empty())
        throw NotFound{"there is no endpoint " + endpoint.tenant + "/" + endpoint.name};
    return living_endpoint(rows[0]);
}

UtcMinute write_diff(pqxx::work& work,
                     const CatalogueDiff& diff,
                     const std::string& principal,
                     UtcMinute earliest,
                     std::uint32_t shards,
                     Window window) {
    if (diff.empty()) return earliest;
    auto from = earliest;
    std::vector<EndpointId> ended;
    for (const auto& change : diff.changed) {
        from = std::max(from, change.before.valid_from);
        ended.push_back(change.before.id);
    }
    for (const auto& endpoint : diff.deleted) {
        from = std::max(from, endpoint.valid_from);
        ended.push_back(endpoint.id);
    }
    const auto from_us = sql::us(UtcTime{from.start()});
    const auto places = place_endpoints(work, diff.created, shards, window, from);
    const auto ids = insert_endpoints(work, diff.created, places);
    json::array versions;
    for (const auto& endpoint : diff.created)
        versions.push_back(version_row(ids.at(full_name(endpoint.spec)), 1, endpoint));
    for (const auto& change : diff.changed)
        versions.push_back(version_row(change.before.id, change.before.version + 1, change.after));

    json::array touched;
    for (const auto& [name, id] : ids)
        touched.push_back(id.value());
    for (const auto id : ended)
        touched.push_back(id.value());
    const auto generation = insert_change(work, diff, principal, touched);

    const auto id_of = [](EndpointId id) { return id.value(); };
    work.exec_params("UPDATE quorate.endpoint_version SET valid_to = " + sql::timestamp("$1") +
                         " WHERE endpoint_id = ANY ($2::integer[]) AND valid_to IS NULL",
                     from_us,
                     sql::array(ended, id_of));
    work.exec_params(
        "UPDATE quorate.endpoint SET deleted_at = now() WHERE id = ANY ($1::integer[])",
        sql::array(diff.deleted, [](const auto& endpoint) { return endpoint.id.value(); }));
    for (const auto& part : parts_of(std::move(versions)))
        work.exec_params(
            "INSERT INTO quorate.endpoint_version (endpoint_id, version, generation, valid_from,"
            " url, regions, interval_ms, paused, spec)"
            " SELECT endpoint_id, version, $1, " +
                sql::timestamp("$2") +
                ", url, regions, interval_ms, paused, spec"
                " FROM jsonb_to_recordset($3::jsonb) AS row (endpoint_id integer, version integer,"
                " url text, regions smallint[], interval_ms integer, paused boolean, spec jsonb)",
            generation,
            from_us,
            part);
    work.exec_params(
        "SELECT pg_notify($1, $2)", std::string{kCatalogueChannel}, std::to_string(generation));
    return from;
}

CatalogueUpdate load_catalogue(pqxx::work& work,
                               std::optional<std::int64_t> after,
                               UtcTime horizon) {
    // Changes first: what is committed between the two statements is then loaded twice, never
    // missed.
    auto update = after ? load_changes(work, *after) : CatalogueUpdate{};
    if (!after)
        update.generation =
            work.exec1("SELECT coalesce(max(generation), 0) FROM quorate.catalogue_change")[0]
                .as<std::int64_t>();
    else if (update.endpoints.empty())
        return update;
    const auto id_of = [](EndpointId id) { return id.value(); };
    const auto rows = work.exec_params(
        "SELECT e.id, e.shard, e.cell_slot, v.version, " + sql::micros("v.valid_from") + ", " +
            sql::micros("v.valid_to") +
            ", v.regions, v.interval_ms, v.spec::text"
            " FROM quorate.endpoint_version v JOIN quorate.endpoint e ON e.id = v.endpoint_id"
            " WHERE (v.valid_to IS NULL OR v.valid_to > " +
            sql::timestamp("$1") +
            ")"
            " AND (NOT $2 OR v.endpoint_id = ANY ($3::integer[]))",
        sql::us(horizon),
        after.has_value(),
        sql::array(update.endpoints, id_of));
    for (const auto& row : rows) {
        EndpointVersion version;
        version.endpoint = EndpointId{row[0].as<std::uint64_t>()};
        version.shard = ShardId{row[1].as<std::uint64_t>()};
        version.cell_slot = row[2].as<std::uint32_t>();
        version.version = row[3].as<std::uint32_t>();
        version.valid_from = minute_of(row[4]);
        if (!row[5].is_null()) version.valid_to = minute_of(row[5]);
        version.regions = region_ids(row[6]);
        version.interval = milliseconds{row[7].as<std::int64_t>()};
        version.spec = wire::endpoint_spec_from_json(row[8].c_str());
        if (!after) update.endpoints.push_back(version.endpoint);
        update.versions.push_back(std::move(version));
    }
    return update;
}

BaselineChanges load_baselines(pqxx::work& work, std::int64_t since_us) {
    const auto number = [](const pqxx::field& field) -> UsualTimes::Us {
        if (field.is_null()) return std::nullopt;
        return field.as<std::uint32_t>();
    };
    BaselineChanges changes;
    // Transactions that began before the last look may have ended after it.
    for (const auto& row : work.exec_params(
             "SELECT endpoint_id, region_id, p50_ms, p95_ms, tcp_us, tls_us, initialize_us,"
             " tools_list_us, rest_us FROM quorate.baseline WHERE changed_at >= " +
                 sql::timestamp("$1") + " - interval '5 minutes'",
             since_us)) {
        auto& change = changes.baselines.emplace_back();
        change.endpoint = EndpointId{row[0].as<std::uint64_t>()};
        change.region = RegionId{row[1].as<std::uint64_t>()};
        if (row[2].is_null()) continue;
        change.baseline = Baseline{
            {milliseconds{row[2].as<std::int64_t>()}, milliseconds{row[3].as<std::int64_t>()}},
            {number(row[4]), number(row[5]), number(row[6]), number(row[7]), number(row[8])}};
    }
    changes.until_us = work.exec1("SELECT " + sql::micros("now()"))[0].as<std::int64_t>();
    return changes;
}

std::vector<std::pair<EndpointId, Era>> load_eras(pqxx::work& work) {
    std::vector<std::pair<EndpointId, Era>> eras;
    for (const auto& row :
         work.exec("SELECT endpoint_id, era FROM quorate.endpoint_state WHERE era IS NOT NULL"))
        eras.emplace_back(EndpointId{row[0].as<std::uint64_t>()},
                          static_cast<Era>(row[1].as<int>()));
    return eras;
}

}  // namespace quorate::coordinator
