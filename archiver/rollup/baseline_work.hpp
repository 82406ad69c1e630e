#pragma once

#include <cstddef>
#include <map>

#include "archiver/metrics.hpp"
#include "core/base/ids.hpp"
#include "core/time/utc_minute.hpp"
#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"

namespace quorate {

/// Computes what is usual of each endpoint seen from each region, a little at a time.
class BaselineWork {
public:
    static constexpr milliseconds kEvery{3'600'000};   ///< each endpoint
    static constexpr std::size_t kEndpointsMax = 200;  ///< in one transaction
    static constexpr milliseconds kAtATime{
        50};  ///< a step begins no further transaction after that

    BaselineWork(Database& database, const Clock& clock, const ArchiverMetrics& metrics)
        : database_{database}, clock_{clock}, metrics_{metrics} {}

    /// Goes on with the endpoints of these shards that are due. Throws as Database::transact.
    Task<> step(std::map<ShardId, UtcMinute> sealed);

    /// What was committed is read anew.

private:
    struct Shard {
        SteadyTime due{};   ///< at once
        EndpointId done{};  ///< of the round that goes on
    };

    Database& database_;
    const Clock& clock_;
    ArchiverMetrics metrics_;
    std::map<ShardId, Shard> shards_;
};

}  // namespace quorate
