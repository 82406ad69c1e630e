#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/held_shard.hpp"
#include "core/base/ids.hpp"
#include "core/time/time.hpp"
#include "platform/redis/client.hpp"
#include "platform/redis/keys.hpp"

namespace quorate {

/// What came of asking for a lease.
struct LeaseAnswer {
    std::optional<std::uint64_t> epoch;  ///< it is ours for the length asked for, under this epoch
    std::string holder;                  ///< else who has it
    std::string failure;                 ///< or why its Redis did not tell
};

/// The leases of the shards for one work, as one holder sees them. Redis's clock alone decides when
/// one ends. In a cluster a node that is away, or refuses, fails its own shards alone. All
/// functions throw RedisUnavailable where nobody answered at all.
class ShardLeases {
public:
    /// @param holder differs for every process that ever was, `[!-~]`. `client` must outlive this.
    ShardLeases(RedisClient& client, SharedWork work, std::string holder);

    /// Takes the leases that are free, renews those that are ours, each for `length` from now on
    /// Redis's clock. A lease that was taken gets a new epoch, above all that the shard ever had,
    /// also when Redis lost its memory; a renewed one keeps it. One answer each, in order. Repeat
    /// it freely.
    /// @param above epochs of shards that theirs have to be above, where some are known
    Task<std::vector<LeaseAnswer>> hold(std::vector<ShardId> shards,
                                        milliseconds length,
                                        ShardEpochs above = {});

    /// Gives back leases, so that others need not wait for their end; what is no longer ours stays.
    /// A lease whose Redis does not answer ends by itself.
    Task<> release(std::vector<HeldShard> shards);

private:
    RedisClient* client_;
    SharedWork work_;
    std::string holder_;
};

}  // namespace quorate
