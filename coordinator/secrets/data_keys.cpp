#include "coordinator/secrets/data_keys.hpp"

#include <utility>

#include "platform/crypto/aead.hpp"

namespace quorate::coordinator {

DataKeys::DataKeys(WrappingSource source)
    : wrapping_{std::make_shared<const WrappingKey>(std::move(source))}, pool_{1, kQueuedMax} {}

Task<DataKey> DataKeys::open(DataKeyRow row) {
    if (auto known = opened(row)) co_return known;
    auto unwrap = [wrapping = wrapping_, row] {
        return std::make_shared<const SecretBytes>(wrapping->unwrap(row.wrapped, row.tenant));
    };
    DataKey key = co_await pool_.run(std::move(unwrap));
    if (key->size() != kAeadKeySize)
        throw SecretsLocked{"the data key of tenant " + row.tenant + " has not 32 bytes"};
    opened_.insert_or_assign(row.tenant, Opened{row.wrapped, key});
    co_return key;
}

Task<DataKey> DataKeys::make(DataKeyRow& row) {
    auto key = std::make_shared<const SecretBytes>(random_bytes(kAeadKeySize));
    row.wrapped = co_await wrap(key, row.tenant);
    co_return key;
}

Task<WrappedKey> DataKeys::wrap(DataKey key, std::string tenant) {
    auto work = [wrapping = wrapping_, key, tenant] { return wrapping->wrap(*key, tenant); };
    co_return co_await pool_.run(std::move(work));
}

DataKey DataKeys::opened(const DataKeyRow& row) const {
    const auto known = opened_.find(row.tenant);
    if (known == opened_.end() || known->second.wrapped != row.wrapped) return nullptr;
    return known->second.key;
}

void DataKeys::keep(const std::vector<DataKeyRow>& rows) {
    std::erase_if(opened_, [&rows](const auto& each) {
        for (const auto& row : rows)
            if (row.tenant == each.first && row.wrapped == each.second.wrapped) return false;
        return true;
    });
}

}  // namespace quorate::coordinator
