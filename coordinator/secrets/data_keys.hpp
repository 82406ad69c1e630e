#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/secrets/secret_store.hpp"
#include "platform/runtime/blocking_pool.hpp"

namespace quorate::coordinator {

using DataKey = std::shared_ptr<const SecretBytes>;

/// The tenants' data keys, unwrapped and kept in memory, so that the wrapping key, or the service
/// that has it, is asked once for each. On one executor; what blocks runs on a thread of its own.
class DataKeys {
public:
    static constexpr std::size_t kQueuedMax = 256;
    /// So that one call of a key management service that hangs does not hold up all others.
    static constexpr std::size_t kThreads = 2;

    explicit DataKeys(WrappingSource source);

    const WrappingKey& wrapping() const { return *wrapping_; }
    /// WrappingKey::current, which may read a file.
    Task<std::string> current();
    /// Throws SecretsLocked; Overloaded.
    Task<DataKey> open(DataKeyRow row);
    /// A new key for the tenant; `row` gets it wrapped. Throws likewise.
    Task<DataKey> make(DataKeyRow& row);
    /// Wraps the key by the wrapping key that is now the first. Throws likewise.
    Task<WrappedKey> wrap(DataKey key, std::string tenant);
    /// One that is open; null where it is not.
    DataKey opened(const DataKeyRow& row) const;
    /// Forgets all but these.
    void keep(const std::vector<DataKeyRow>& rows);

private:
    /// Two of a tenant while one takes the other's place: what is read and what is in use.
    using Name = std::pair<std::string, std::string>;  // tenant, the wrapped bytes
    static Name name_of(const DataKeyRow& row) { return {row.tenant, row.wrapped.bytes}; }

    std::shared_ptr<const WrappingKey> wrapping_;
    std::map<Name, DataKey> opened_;
    BlockingPool pool_;
};

}  // namespace quorate::coordinator
