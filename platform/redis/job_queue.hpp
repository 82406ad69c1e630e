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
    bool ours = false;  ///< false: a later lease has the fence
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

/// The depths of several regions in one round trip, in the order given. Throws as RedisClient::run.
Task<std::vector<QueueDepth>> read_depths(RedisClient& client, std::vector<std::string> regions);

/// When the oldest job that is not finished was enqueued (Redis's time), for several regions in one
/// round trip, in the order given; nothing where the queue is empty. Throws as RedisClient::run.
Task<std::vector<std::optional<UtcTime>>> read_oldest(RedisClient& client,
                                                      std::vector<std::string> regions);

/// How many jobs of several regions were never enqueued, as their minute was sealed by then, since
/// Redis has its data; in the order given, one round trip. Throws as RedisClient::run.
Task<std::vector<std::uint64_t>> read_missed(RedisClient& client, std::vector<std::string> regions);

/// Up to where all shards that were ever planned in a region are planned, for several regions in
/// one round trip, in the order given; nothing: none was, or Redis lost its data. Throws as
/// RedisClient::run.
Task<std::vector<std::optional<UtcTime>>> read_planned(RedisClient& client,
                                                       std::vector<std::string> regions);

}  // namespace quorate
