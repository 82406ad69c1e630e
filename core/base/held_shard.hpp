#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "core/base/ids.hpp"

namespace quorate {

/// A shard whose lease somebody holds, and the lease's epoch.
struct HeldShard {
    ShardId shard;
    std::uint64_t epoch = 0;
    friend bool operator==(const HeldShard&, const HeldShard&) = default;
};

/// The same of several shards.
using ShardEpochs = std::map<ShardId, std::uint64_t>;

inline std::set<ShardId> shards_of(const ShardEpochs& epochs) {
    std::set<ShardId> shards;
    for (const auto& [shard, epoch] : epochs)
        shards.insert(shard);
    return shards;
}

}  // namespace quorate
