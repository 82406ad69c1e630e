#pragma once

#include "coordinator/catalog/catalogue.hpp"
#include "coordinator/coordinator_metrics.hpp"
#include "platform/redis/client.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/redis_clock.hpp"
#include "platform/runtime/task.hpp"

namespace quorate::coordinator {

/// Keeps a coordinator's clock at the time of Redis, which agents and archivers go by, and what the
/// catalogue knows in step with it. Everything referred to must outlive it.
class RedisTime {
public:
    RedisTime(RedisClient& redis,
              RedisClock& clock,
              Catalogue& catalogue,
              const CoordinatorMetrics& metrics)
        : redis_{redis}, clock_{clock}, catalogue_{catalogue}, metrics_{metrics} {}

    /// Asks until Redis has answered quickly enough; before the first moment is told for which the
    /// catalogue is known. Until cancelled.
    Task<> learn();
    /// What a look at Redis's time found. What is no more than the error of measuring changes
    /// nothing: time goes on evenly.
    void note(const ClockOffset& measured);

private:
    RedisClient& redis_;
    RedisClock& clock_;
    Catalogue& catalogue_;
    const CoordinatorMetrics& metrics_;
};

}  // namespace quorate::coordinator
