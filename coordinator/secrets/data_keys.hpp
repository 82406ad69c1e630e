#pragma once

#include <map>
#include <memory>
#include <string>
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

    explicit DataKeys(WrappingSource source);

    const WrappingKey& wrapping() const { return *wrapping_; }
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
    struct Opened {
        WrappedKey wrapped;
        DataKey key;
    };
    std::shared_ptr<const WrappingKey> wrapping_;
    std::map<std::string, Opened> opened_;  // by tenant
    BlockingPool pool_;
};

}  // namespace quorate::coordinator
