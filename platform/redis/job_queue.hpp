#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/held_shard.hpp"
#include "core/base/ids.hpp"
#include "core/time/time.hpp"
#include "platform/redis/client.hpp"

namespace quorate {

/// How much stands in a region's stream of jobs.
struct QueueDepth {
    std::uint64_t entries = 0;  ///< not yet finished
    std::uint64_t pending = 0;  ///< of these, taken by an agent
    friend bool operator==(const QueueDepth&, const QueueDepth&) = default;
};

/// What is known of a region's queue of jobs.
struct QueueState {
    QueueDepth depth;
    std::optional<UtcTime> oldest;         ///< when the oldest entry was enqueued; Redis's time
    std::optional<UtcTime> planned_until;  ///< by all shards that were ever planned; nothing where
                                           ///< none was, or Redis lost its data
    std::uint64_t missed = 0;  ///< jobs never enqueued as their minute was sealed, since then
    std::string unavailable;   ///< why the region's node of a cluster did not answer, or empty
};

/// Encoded jobs, one behind the other, as the enqueue script takes them apart.
class JobBytes {
public:
    /// Begins a job; what is appended to `bytes()` until `end` belongs to it.
    void begin();
    void end();
    std::string& bytes() { return bytes_; }
    const std::string& bytes() const { return bytes_; }
    std::size_t count() const { return count_; }

private:
    std::string bytes_;
    std::size_t begun_ = 0;
    std::size_t count_ = 0;
};

/// The jobs of one shard whose slots lie in `(from, until]`.
struct JobBlock {
    HeldShard held;
    std::optional<UtcTime> from;  ///< as Redis has it; nothing: the shard was never planned here
    UtcTime until;
    std::uint64_t missed = 0;  ///< jobs of the span that are left out, for their minute is sealed
    JobBytes jobs;
};

/// What became of a block.
struct BlockAnswer {
    enum class Fate : std::uint8_t {
        taken,
        moved,   ///< nothing was added, for the shard is planned up to another point
        fenced,  ///< nothing was added, for the shard has another fence
    };
    Fate fate = Fate::taken;
    std::optional<UtcTime> planned_until;  ///< in force now; not told where fenced
};

/// What Redis knows of a shard in a region.
struct FenceAnswer {
    bool ours = false;        ///< false: a later lease has the fence
    std::uint64_t fence = 0;  ///< the epoch that stands now
    std::optional<UtcTime> planned_until;
};

/// The coordinator's side of one region's queue of jobs. All functions throw as RedisClient::run.
class JobQueue {
public:
    static constexpr std::size_t kBlocksMax = 4096;  ///< of one call, and shards of one

    /// @param region the name, `[a-z0-9-]`. `client` must outlive the queue.
    JobQueue(RedisClient& client, std::string region);

    /// Raises the fences of these shards to the epochs of their leases, and tells how far each is
    /// planned: to be done with a new lease before the first `enqueue`. One answer each, in order.
    Task<std::vector<FenceAnswer>> raise_fence(std::vector<HeldShard> shards);

    /// Adds the jobs of each block, counts those that it missed, and moves its shard's point from
    /// `from` to `until`, all in one step; leaves out the blocks whose epoch is not the fence, and
    /// those whose shard another call has moved meanwhile, such as an earlier one whose answer was
    /// lost. So a job is never enqueued twice, whoever restarts or wakes up when. Times count in
    /// whole milliseconds; each shard may have one block. One answer each, in order.
    Task<std::vector<BlockAnswer>> enqueue(std::vector<JobBlock> blocks);

    /// Removes entries enqueued before `before` (Redis's time), finished or not: what is too old to
    /// be started. @return how many.
    Task<std::uint64_t> trim(UtcTime before);

    const std::string& region() const { return region_; }

private:
    RedisClient* client_;
    std::string region_;
};

/// Of each region, in the order given, one round trip. `planned_until` is nothing where no shard
/// was planned, or Redis lost its data. Throws as RedisClient::run, in a cluster for errors of its
/// nodes alone.
Task<std::vector<QueueState>> read_queues(RedisClient& client, std::vector<std::string> regions);

}  // namespace quorate
