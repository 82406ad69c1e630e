#include "coordinator/secrets/secret_store.hpp"

#include "coordinator/catalog/listing.hpp"
#include "coordinator/catalog/sql.hpp"

namespace quorate::coordinator {
namespace {

std::string bytea(std::string_view bytes) {
    return "\\x" + to_hex_text(bytes);
}

std::string bytes_of(const pqxx::field& field) {
    return pqxx::binarystring{field}.str();
}

DataKeyRow data_key_of(const pqxx::row& row) {
    return {row[0].as<std::string>(),
            row[1].as<std::int32_t>(),
            {bytes_of(row[2]), row[3].as<std::string>()}};
}

SecretRow secret_of(const pqxx::row& row) {
    return {row[0].as<std::string>(),
            row[1].as<std::string>(),
            row[2].as<std::int32_t>(),
            row[3].as<std::int32_t>(),
            bytes_of(row[4])};
}

const std::string kDataKeyColumns = "tenant, generation, wrapped, wrapping_key";
const std::string kSecretColumns = "tenant, name, version, key_generation, sealed";

/// Secrets as they are told, of those that `wanted` (a condition, an order, a limit) finds. Each
/// tenant's endpoints are looked through once, however many secrets there are.
std::string told(const std::string& wanted) {
    return "WITH s AS (SELECT * FROM quorate.secret s WHERE " + wanted +
           "), used AS (SELECT u.tenant, u.secret, array_agg(u.endpoint ORDER BY u.endpoint) AS by"
           " FROM quorate.secret_use u WHERE u.tenant IN (SELECT tenant FROM s) GROUP BY 1, 2)"
           " SELECT s.tenant, s.name, s.version, " +
           sql::micros("s.created_at") + ", " + sql::micros("s.changed_at") + ", s.changed_by, " +
           sql::micros("s.expires_at") +
           ", s.expires_from, coalesce(used.by, '{}') FROM s LEFT JOIN used"
           " ON used.tenant = s.tenant AND used.secret = s.name ORDER BY s.tenant, s.name";
}

void fill(v1::Secret& out, const pqxx::row& row) {
    out.set_tenant(row[0].as<std::string>());
    out.set_name(row[1].as<std::string>());
    out.set_version(row[2].as<std::uint32_t>());
    out.set_created_at_us(row[3].as<std::int64_t>());
    out.set_changed_at_us(row[4].as<std::int64_t>());
    out.set_changed_by(row[5].as<std::string>());
    if (!row[6].is_null()) out.set_expires_at_us(row[6].as<std::int64_t>());
    out.set_expires_from(text_of(row[7]));
    auto names = row[8].as_array();
    for (auto next = names.get_next(); next.first != pqxx::array_parser::done;
         next = names.get_next())
        if (next.first == pqxx::array_parser::string_value) out.add_endpoints(next.second);
}

}  // namespace

std::string secret_purpose(const SecretRow& row) {
    return "quorate secret\n" + row.tenant + "\n" + row.name + "\n" + std::to_string(row.version);
}

void lock_secrets(pqxx::work& work) {
    work.exec0("UPDATE quorate.secret_change SET generation = generation + 1");
}

std::int64_t load_secret_generation(pqxx::work& work) {
    return work.exec1("SELECT generation FROM quorate.secret_change")[0].as<std::int64_t>();
}

StoredSecrets load_secrets(pqxx::work& work) {
    StoredSecrets all;
    // First: what is committed meanwhile is then read again, not overlooked.
    all.generation = load_secret_generation(work);
    for (const auto& row : work.exec("SELECT " + kDataKeyColumns + " FROM quorate.data_key"))
        all.data_keys.push_back(data_key_of(row));
    for (const auto& row : work.exec("SELECT " + kSecretColumns + " FROM quorate.secret"))
        all.secrets.push_back(secret_of(row));
    for (const auto& row : work.exec("SELECT region_id, public_key FROM quorate.region_key"))
        if (auto key = BoxPublicKey::from_bytes(bytes_of(row[1])))
            all.region_keys.emplace_back(RegionId{row[0].as<std::uint64_t>()}, *std::move(key));
    return all;
}

std::optional<DataKeyRow> load_data_key(pqxx::work& work, const std::string& tenant) {
    const auto found = work.exec_params(
        "SELECT " + kDataKeyColumns + " FROM quorate.data_key WHERE tenant = $1", tenant);
    if (found.empty()) return std::nullopt;
    return data_key_of(found[0]);
}

void store_data_key(pqxx::work& work, const DataKeyRow& row) {
    work.exec_params0(
        "INSERT INTO quorate.data_key (tenant, generation, wrapped, wrapping_key)"
        " VALUES ($1, $2, $3::bytea, $4) ON CONFLICT (tenant) DO UPDATE"
        " SET generation = excluded.generation, wrapped = excluded.wrapped,"
        " wrapping_key = excluded.wrapping_key, wrapped_at = now(),"
        " made_at = CASE WHEN data_key.generation = excluded.generation THEN data_key.made_at"
        " ELSE now() END",
        row.tenant,
        row.generation,
        bytea(row.wrapped.bytes),
        row.wrapped.wrapping_key);
}

std::vector<std::string> tenants_with_secrets(pqxx::work& work, const std::string& tenant) {
    std::vector<std::string> tenants;
    for (const auto& row : work.exec_params("SELECT tenant FROM quorate.data_key"
                                            " WHERE $1 = '' OR tenant = $1 ORDER BY tenant",
                                            tenant))
        tenants.push_back(row[0].as<std::string>());
    return tenants;
}

std::vector<SecretRow> load_secrets_of(pqxx::work& work, const std::string& tenant) {
    std::vector<SecretRow> secrets;
    for (const auto& row : work.exec_params(
             "SELECT " + kSecretColumns + " FROM quorate.secret WHERE tenant = $1 ORDER BY name",
             tenant))
        secrets.push_back(secret_of(row));
    return secrets;
}

std::optional<v1::Secret> find_secret(pqxx::work& work,
                                      const std::string& tenant,
                                      const std::string& name) {
    const auto found = work.exec_params(told("s.tenant = $1 AND s.name = $2"), tenant, name);
    if (found.empty()) return std::nullopt;
    v1::Secret secret;
    fill(secret, found[0]);
    return secret;
}

void store_secret(pqxx::work& work, const SecretRow& row, const SecretFacts& facts) {
    work.exec_params0(
        "INSERT INTO quorate.secret (tenant, name, version, key_generation, sealed, changed_by,"
        " expires_at, expires_from) VALUES ($1, $2, $3, $4, $5::bytea, $6, " +
            sql::timestamp("$7") +
            ", nullif($8, '')) ON CONFLICT (tenant, name) DO UPDATE SET version = excluded.version,"
            " key_generation = excluded.key_generation, sealed = excluded.sealed,"
            " changed_at = now(), changed_by = excluded.changed_by,"
            " expires_at = excluded.expires_at, expires_from = excluded.expires_from",
        row.tenant,
        row.name,
        row.version,
        row.key_generation,
        bytea(row.sealed),
        facts.changed_by,
        facts.expires_at ? std::optional{sql::us(*facts.expires_at)} : std::nullopt,
        facts.expires_from);
}

void reseal_secret(pqxx::work& work, const SecretRow& row) {
    work.exec_params0(
        "UPDATE quorate.secret SET key_generation = $3, sealed = $4::bytea"
        " WHERE tenant = $1 AND name = $2",
        row.tenant,
        row.name,
        row.key_generation,
        bytea(row.sealed));
}

void delete_secret(pqxx::work& work, const std::string& tenant, const std::string& name) {
    work.exec_params0("DELETE FROM quorate.secret WHERE tenant = $1 AND name = $2", tenant, name);
}

v1::ListSecretsResponse list_secrets(pqxx::work& work, const v1::ListSecretsRequest& request) {
    const auto size = page_size(request.page_size(), 500, 5000);
    const auto after = page_after(request.page_token());
    v1::ListSecretsResponse out;
    for (const auto& row :
         work.exec_params(told("($1 = '' OR s.tenant = $1) AND (s.tenant, s.name) > ($2, $3)"
                               " ORDER BY s.tenant, s.name LIMIT $4"),
                          request.tenant(),
                          after.tenant,
                          after.name,
                          static_cast<std::int64_t>(size) + 1)) {
        if (static_cast<std::uint32_t>(out.secrets_size()) == size) {
            const auto& last = *out.secrets().rbegin();
            out.set_next_page_token(last.tenant() + "/" + last.name());
            break;
        }
        fill(*out.add_secrets(), row);
    }
    return out;
}

std::vector<std::pair<std::string, std::string>> region_key_ids(pqxx::work& work,
                                                                const std::string& region) {
    std::vector<std::pair<std::string, std::string>> ids;
    for (const auto& row : work.exec_params("SELECT r.name, k.public_key FROM quorate.region_key k"
                                            " JOIN quorate.region r ON r.id = k.region_id"
                                            " WHERE $1 = '' OR r.name = $1 ORDER BY r.name",
                                            region))
        if (const auto key = BoxPublicKey::from_bytes(bytes_of(row[1])))
            ids.emplace_back(row[0].as<std::string>(), key->id());
    return ids;
}

bool store_region_key(pqxx::work& work,
                      RegionId region,
                      const BoxPublicKey& key,
                      const std::string& principal) {
    lock_secrets(work);
    return !work.exec_params(
                    "INSERT INTO quorate.region_key AS k (region_id, public_key, set_by)"
                    " VALUES ($1, $2::bytea, $3) ON CONFLICT (region_id) DO UPDATE"
                    " SET public_key = excluded.public_key, set_at = now(), set_by = "
                    "excluded.set_by"
                    " WHERE k.public_key <> excluded.public_key RETURNING 1",
                    region.value(),
                    bytea(key.bytes()),
                    principal)
                .empty();
}

}  // namespace quorate::coordinator
