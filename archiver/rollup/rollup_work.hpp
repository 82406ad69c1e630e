#pragma once

#include <cstddef>
#include <map>

#include "archiver/metrics.hpp"
#include "core/base/held_shard.hpp"
#include "core/time/utc_minute.hpp"
#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"

namespace quorate {

/// Keeps the rollups up, a little at a time.
class RollupWork {
public:
    /// How often a shard is rolled up: this much for each endpoint, within `every` and this, so
    /// that the work stays a small part of what sealing takes.
    static constexpr milliseconds kPerEndpoint{250};
    static constexpr milliseconds kEveryMax{3'600'000};
    static constexpr std::size_t kStaleHoursMax = 50;  ///< in one transaction
    static constexpr milliseconds kAtATime{100};  ///< a step begins no further shard after that

    /// @param every not more often than that
    RollupWork(Database& database,
               const Clock& clock,
               const ArchiverMetrics& metrics,
               milliseconds every)
        : database_{database}, clock_{clock}, metrics_{metrics}, every_{every} {}

    /// Rolls up what is due of these shards, whose minutes are sealed up to then. Their fences are
    /// locked meanwhile, so nothing else changes minutes of them. Throws as Database::transact, and
    /// ShardsFenced.
    /// @param endpoints of these shards
    /// @param held the leases that we have of them
    Task<> step(std::map<ShardId, UtcMinute> sealed, ShardEpochs held, std::size_t endpoints);

    /// What was committed is read anew.
    void forget() { shards_.clear(); }

private:
    struct Shard {
        SteadyTime due{};  ///< at once
        UtcTime until{};   ///< as far as known
    };
    Task<bool> roll_stale(const ShardEpochs& held);

    Database& database_;
    const Clock& clock_;
    ArchiverMetrics metrics_;
    milliseconds every_;
    std::map<ShardId, Shard> shards_;
    SteadyTime stale_due_{};
};

}  // namespace quorate
