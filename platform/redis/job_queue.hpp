#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/job.hpp"
#include "core/time/time.hpp"
#include "platform/redis/client.hpp"

namespace quorate {

/// How much stands in a region's stream of jobs.
struct QueueDepth {
    std::uint64_t entries = 0;  ///< not yet finished
    std::uint64_t pending = 0;  ///< of these, taken by an agent
    friend bool operator==(const QueueDepth&, const QueueDepth&) = default;
};

/// What `JobQueue::enqueue` did.
struct Enqueued {
    bool taken = false;  ///< false: nothing was added, for the queue is planned up to another point
    std::optional<UtcTime> planned_until;  ///< in force now
};

/// The coordinator's side of one region's queue of jobs. All functions throw as RedisClient::run.
class JobQueue {
public:
    static constexpr std::size_t kBatchMax = 10'000;

    /// @param region the name, `[a-z0-9-]`. `client` must outlive the queue.
    JobQueue(RedisClient& client, std::string region);

    /// Up to where this region is planned; nothing if it never was (or Redis lost its data).
    Task<std::optional<UtcTime>> planned_until();

    /// Adds the jobs and moves `planned_until` from `from` to `until`, atomically; adds nothing if
    /// another planner moved it meanwhile, or an earlier call whose answer was lost did. So a job
    /// is never enqueued twice, whoever restarts when. Times count in whole milliseconds. Throws
    /// std::invalid_argument above kBatchMax jobs.
    Task<Enqueued> enqueue(std::vector<Job> jobs, std::optional<UtcTime> from, UtcTime until);

    /// Removes entries enqueued before `before` (Redis's time), finished or not: what is too old to
    /// be started. @return how many.
    Task<std::uint64_t> trim(UtcTime before);

    const std::string& region() const { return region_; }

private:
    RedisClient* client_;
    std::string region_;
};

/// The depths of several regions in one round trip, in the order given. Throws as RedisClient::run.
Task<std::vector<QueueDepth>> read_depths(RedisClient& client, std::vector<std::string> regions);

}  // namespace quorate
