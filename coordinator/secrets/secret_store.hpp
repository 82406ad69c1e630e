#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "coordinator/secrets/wrapping_key.hpp"
#include "core/base/ids.hpp"
#include "core/time/time.hpp"
#include "platform/crypto/sealed_box.hpp"

#include "quorate/v1/admin.pb.h"

namespace quorate::coordinator {

/// A tenant's data key as it stands in Postgres.
struct DataKeyRow {
    std::string tenant;
    std::int32_t generation = 1;
    WrappedKey wrapped;
};

/// A secret as it stands in Postgres.
struct SecretRow {
    std::string tenant;
    std::string name;
    std::int32_t version = 1;
    std::int32_t key_generation = 1;
    std::string sealed;
};

/// What the value of a secret is sealed for: put in another's place it does not open.
std::string secret_purpose(const SecretRow& row);

/// Everything that jobs are given credentials by.
struct StoredSecrets {
    std::int64_t generation = 0;  ///< counts up with each change
    std::vector<DataKeyRow> data_keys;
    std::vector<SecretRow> secrets;
    std::vector<std::pair<RegionId, BoxPublicKey>> region_keys;
};

// What follows runs in the transaction that it is given, and throws what libpqxx throws.

/// Makes changes come one after the other until the transaction ends, and makes every coordinator
/// read them.
void lock_secrets(pqxx::work& work);

std::int64_t load_secret_generation(pqxx::work& work);
StoredSecrets load_secrets(pqxx::work& work);

std::optional<DataKeyRow> load_data_key(pqxx::work& work, const std::string& tenant);
void store_data_key(pqxx::work& work, const DataKeyRow& row);
/// Those with a data key: all, or this one.
std::vector<std::string> tenants_with_secrets(pqxx::work& work, const std::string& tenant);

std::vector<SecretRow> load_secrets_of(pqxx::work& work, const std::string& tenant);
/// As it is told; nothing where there is none.
std::optional<v1::Secret> find_secret(pqxx::work& work,
                                      const std::string& tenant,
                                      const std::string& name);
struct SecretFacts {
    std::string changed_by;
    std::optional<UtcTime> expires_at;
    std::string expires_from;
};
/// A new one, or a new value of one.
void store_secret(pqxx::work& work, const SecretRow& row, const SecretFacts& facts);
/// The same value, sealed by another key.
void reseal_secret(pqxx::work& work, const SecretRow& row);
void delete_secret(pqxx::work& work, const std::string& tenant, const std::string& name);

/// By tenant, then name.
v1::ListSecretsResponse list_secrets(pqxx::work& work, const v1::ListSecretsRequest& request);

/// Regions that have a public key, by name, and its id: all, or this one.
std::vector<std::pair<std::string, std::string>> region_key_ids(pqxx::work& work,
                                                                const std::string& region = {});

/// Sets what jobs of the region are sealed for. @return whether it was another.
bool store_region_key(pqxx::work& work,
                      RegionId region,
                      const BoxPublicKey& key,
                      const std::string& principal);

}  // namespace quorate::coordinator
