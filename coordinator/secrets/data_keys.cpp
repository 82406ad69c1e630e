#include "coordinator/secrets/data_keys.hpp"

#include <set>
#include <utility>

#include "platform/crypto/aead.hpp"

namespace quorate::coordinator {

DataKeys::DataKeys(WrappingSource source)
    : wrapping_{std::make_shared<const WrappingKey>(std::move(source))},
      pool_{kThreads, kQueuedMax} {}

Task<std::string> DataKeys::current() {
    auto work = [wrapping = wrapping_] { return wrapping->current(); };
    co_return co_await pool_.run(std::move(work));
}

Task<DataKey> DataKeys::open(DataKeyRow row) {
    if (auto known = opened(row)) co_return known;
    auto unwrap = [wrapping = wrapping_, row] {
        return std::make_shared<const SecretBytes>(wrapping->unwrap(row.wrapped, row.tenant));
    };
    DataKey key = co_await pool_.run(std::move(unwrap));
    if (key->size() != kAeadKeySize)
        throw SecretsLocked{"the data key of tenant " + row.tenant + " has not 32 bytes"};
    opened_.insert_or_assign(name_of(row), key);
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
    const auto known = opened_.find(name_of(row));
    return known == opened_.end() ? nullptr : known->second;
}

void DataKeys::keep(const std::vector<DataKeyRow>& rows) {
    std::set<Name> kept;
    for (const auto& row : rows)
        kept.insert(name_of(row));
    std::erase_if(opened_, [&kept](const auto& each) { return !kept.contains(each.first); });
}

}  // namespace quorate::coordinator
