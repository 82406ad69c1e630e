#pragma once

#include <cstddef>
#include <set>

#include "archiver/metrics.hpp"
#include "core/base/held_shard.hpp"
#include "core/time/utc_minute.hpp"
#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/telemetry/log.hpp"

namespace quorate {

/// Packs minutes that are old enough, a little at a time.
class CompactionWork {
public:
    static constexpr std::size_t kBlocksMax = 50;       ///< in one transaction
    static constexpr std::size_t kEndpointsMax = 5000;  ///< looked at in one transaction
    static constexpr milliseconds kEvery{300'000};      ///< once all that was due is packed

    /// @param after how old minutes are that are packed
    CompactionWork(Database& database,
                   const Clock& clock,
                   Logger& log,
                   const ArchiverMetrics& metrics,
                   Window window,
                   milliseconds after)
        : database_{database},
          clock_{clock},
          log_{log},
          metrics_{metrics},
          window_{window},
          after_{after} {}

    /// One transaction of it, if something is due. An endpoint of which minutes cannot be packed is
    /// left alone from then on; its minutes stay as they are. Throws as Database::transact, and
    /// ShardsFenced.
    /// @param held the shards whose minutes are packed: their fences are locked meanwhile
    Task<> step(ShardEpochs held);

private:
    Database& database_;
    const Clock& clock_;
    Logger& log_;
    ArchiverMetrics metrics_;
    Window window_;
    milliseconds after_;
    SteadyTime due_{};
    EndpointId last_{0};       // up to which endpoints were looked at in this round
    bool found_ = false;       // whether anything was due in this round
    milliseconds overdue_{0};  // the most of this round
    std::set<EndpointId> refused_;
};

}  // namespace quorate
