#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include <boost/asio/steady_timer.hpp>

#include "coordinator/coordinator_metrics.hpp"
#include "coordinator/planner/planner.hpp"
#include "coordinator/secrets/data_keys.hpp"
#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate::coordinator {

/// What the vault works with; everything outlives it.
struct VaultContext {
    Database& database;
    DataKeys& keys;
    const Clock& clock;
    Logger& log;
    CoordinatorMetrics& metrics;
};

/// The credentials of an endpoint, for the agents of one region.
struct SealedCredentials {
    std::string box;      ///< empty: there are none
    std::string missing;  ///< why; holds no secret
};

/// Gives jobs their credentials. It holds secrets as Postgres has them, encrypted; one is in clear
/// for the moment in which it is sealed for a region. A box is made once and used for the jobs of
/// its endpoint until the secret, the region's key or the endpoint changes. All on one executor.
class Vault {
public:
    static constexpr milliseconds kEvery{1000};        ///< a change elsewhere is known after that
    static constexpr std::chrono::seconds kAgain{30};  ///< a data key that did not open
    /// Jobs wait for data keys so long after a start; then those go without whose keys are not
    /// open.
    static constexpr std::chrono::seconds kPatience{10};
    /// A key management service that took so long to fail is not asked more in one round.
    static constexpr std::chrono::seconds kSlow{1};
    static constexpr std::chrono::hours kUnusedFor{25};  ///< boxes longer unused are forgotten

    Vault(asio::any_io_executor executor, VaultContext context);

    /// Follows the database until cancelled; waits where it is away, and goes by what it knows.
    Task<> follow();
    /// Reads what changed, once. Throws as Database::transact.
    Task<> look();
    /// Opens the data keys that are not open, before they are needed: jobs can't wait for a key
    /// management service. One that did not open is tried again after kAgain.
    Task<> open_keys();
    /// Whether jobs may be made: what the database has was read, and its data keys are open, or
    /// had their time.
    bool ready() const;
    /// Something was changed: looks at once.
    void wake();

    /// Until the next `co_await`.
    const SealedCredentials& credentials(const PlannedVersion& version, const Region& region);
    /// The id of the region's public key; empty: it has none.
    std::string region_key(RegionId region) const;

private:
    struct Box {
        std::uint32_t version = 0;
        std::int64_t generation = 0;  ///< with which it was looked at last
        std::string made_of;          ///< what of each secret, and of the key, tells it from others
        SealedCredentials sealed;
        SteadyTime used_at;
    };
    struct BoxKey {
        EndpointId endpoint;
        RegionId region;
        friend bool operator==(const BoxKey&, const BoxKey&) = default;
    };
    struct HashBoxKey {
        std::size_t operator()(const BoxKey& key) const {
            return std::hash<std::uint64_t>{}(key.endpoint.value() << 8U ^ key.region.value());
        }
    };
    /// A data key that does not open.
    struct Locked {
        WrappedKey wrapped;
        SteadyTime since;
    };
    Task<> watch();
    Task<> keep_open();
    void take(StoredSecrets all);
    Task<> count_old();
    Task<bool> open_key(DataKeyRow row);
    void note_open(const std::string& tenant);
    void forget_open(const std::map<std::string, DataKeyRow>& rows);
    void forget_unused();
    const SecretRow* find(const std::string& tenant, const std::string& name) const;
    std::string made_of(const WantedCredentials& wanted, const BoxPublicKey* key) const;
    std::optional<SealedCredentials> seal(const WantedCredentials& wanted,
                                          const Region& region,
                                          const BoxPublicKey* key) const;
    std::string add_plain(const WantedCredentials& wanted,
                          const CredentialUse& use,
                          std::string& plain) const;

    VaultContext context_;
    asio::steady_timer timer_;
    asio::steady_timer keys_timer_;
    bool woken_ = false;
    std::optional<std::int64_t> generation_;  // of Postgres; nothing: nothing was read yet
    std::int64_t stand_ = 0;                  // counts up whenever a box may have to be made anew
    std::map<std::string, DataKeyRow> data_keys_;
    std::map<std::string, Locked> locked_;      // by tenant: whose data key can't be opened
    std::map<std::string, SecretRow> secrets_;  // by tenant/name
    std::map<RegionId, BoxPublicKey> region_keys_;
    std::unordered_map<BoxKey, Box, HashBoxKey> boxes_;
    std::optional<SteadyTime> read_at_;     // the first time
    bool opened_ = false;                   // all keys were tried once
    std::optional<SteadyTime> counted_at_;  // since then the old ones are counted
};

}  // namespace quorate::coordinator
