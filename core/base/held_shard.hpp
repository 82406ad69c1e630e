#pragma once

#include <cstdint>
#include <map>

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

}  // namespace quorate
