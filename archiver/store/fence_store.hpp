#pragma once

#include <set>
#include <stdexcept>

#include <pqxx/pqxx>

#include "core/base/held_shard.hpp"

namespace quorate {

/// Others have taken these shards: nothing of the transaction may be committed.
class ShardsFenced : public std::runtime_error {
public:
    /// @param by the shards, each with the epoch that stands
    explicit ShardsFenced(ShardEpochs by);
    const ShardEpochs& by() const { return by_; }

private:
    ShardEpochs by_;
};

/// An archiver of a version without leases seals all shards: nothing of the transaction may be
/// committed while it runs.
class OlderArchiverSeals : public std::runtime_error {
public:
    OlderArchiverSeals();
};

// All functions below run in the caller's transaction and throw what libpqxx throws.

/// Locks the fences of these shards until the transaction ends, in the order of their numbers, so
/// that nobody takes or writes one of them meanwhile. Throws ShardsFenced where one has not the
/// epoch under which we hold it, OlderArchiverSeals.
void check_fences(pqxx::work& work, const ShardEpochs& held, const std::set<ShardId>& shards);

/// Raises the fences of shards just taken to the epochs of their leases, which waits for what their
/// former holders are committing. What the next statements read is final. Throws
/// OlderArchiverSeals.
/// @return those that stand higher, with that epoch: they are not ours
ShardEpochs raise_fences(pqxx::work& work, const ShardEpochs& taken);

/// SQLSTATE of a raise that waited too long: some holder sleeps amid a transaction.
inline constexpr const char* kFenceLocked = "55P03";

/// Ends the sessions that keep these shards' fences locked. @return how many there were
std::size_t end_holders(pqxx::work& work, const ShardEpochs& taken);

}  // namespace quorate
