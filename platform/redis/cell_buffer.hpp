#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/held_shard.hpp"
#include "core/base/ids.hpp"
#include "core/model/cell.hpp"
#include "core/time/utc_minute.hpp"
#include "platform/redis/client.hpp"
#include "platform/wire/cell_record.hpp"

namespace quorate {

struct CellBufferLimits {
    std::chrono::seconds minute_ttl = std::chrono::hours{96};  ///< of a minute nobody seals
    std::size_t late_max = 100'000;  ///< late cells of a shard and region; further ones are dropped
    std::size_t done_max = 10'000;   ///< announcements of a shard and region; above it the
                                     ///< watermark seals
};

/// What became of a cell.
enum class Recorded : std::uint8_t {
    fresh = 0,       ///< the first of its key
    merged = 1,      ///< its key had another cell; the better of the two stands
    duplicate = 2,   ///< its key had the very same cell
    late = 3,        ///< its minute is sealed: put on the list of late cells
    dropped = 4,     ///< its minute is sealed and that list is full
    refused = 5,     ///< Redis did not take it
    unanswered = 6,  ///< its Redis is away; whether it was recorded is not known
};

/// What became of each cell, in order, and why some were refused or not answered.
struct RecordAnswers {
    std::vector<Recorded> recorded;
    std::string refusal;
    std::string unavailable;
};

/// Slots of a shard's minute, one after the other, whose last expected cells came in.
struct DoneRun {
    UtcMinute minute;
    std::uint32_t first_slot = 0;
    std::uint32_t count = 0;
    friend auto operator<=>(const DoneRun&, const DoneRun&) = default;
};

/// The oldest announcements of a shard by one region: the one whose cells were the last.
struct DoneBatch {
    ShardId shard;
    RegionId region;
    std::size_t entries = 0;  ///< how many stand behind `runs`; what `drop_done` takes
    std::vector<DoneRun> runs;
};

/// The oldest late cells of a shard and region.
struct LateBatch {
    ShardId shard;
    RegionId region;
    std::size_t entries = 0;  ///< what `drop_late` takes
    std::vector<Cell> cells;
    std::vector<std::string> undecodable;  ///< why, one text each
};

/// A minute of one shard.
struct ShardMinute {
    ShardId shard;
    UtcMinute minute;
    friend auto operator<=>(const ShardMinute&, const ShardMinute&) = default;
};

/// The cells wanted of one endpoint's minute.
struct CellsQuery {
    ShardId shard;
    UtcMinute minute;
    EndpointId endpoint;
    std::uint32_t slot = 0;  ///< the endpoint's
    std::vector<RegionId> regions;
};

/// The cells that are in, in the order of the query's regions; missing ones are left out.
struct CellsFound {
    std::vector<Cell> cells;
    std::vector<std::string> undecodable;  ///< why, one text each; such a cell counts as missing
};

/// The cells of open verdict-minutes in Redis, between the agents that record them and the archiver
/// that seals them. Everything may be repeated: a second time changes nothing. What is written for
/// a region stands under keys that carry the region. All functions throw as RedisClient::run.
class CellBuffer {
public:
    /// `client` must outlive the buffer.
    explicit CellBuffer(RedisClient& client, CellBufferLimits limits = {});

    /// Merges the cells into their minutes, in one script call per shard, region and minute, all in
    /// one round trip (two where some are late), and announces each endpoint's minute that became
    /// complete by them, once. Cheapest where neighbouring slots come together.
    /// @return one answer per cell, in order. Where it throws, any part may have been recorded.
    Task<std::vector<Recorded>> record(std::vector<CellToRecord> cells);

    /// As `record`, but where one node of a cluster is away, or refuses, the cells of the others
    /// are recorded all the same; and what is known to be away is not waited for. Throws
    /// RedisUnavailable where nobody answered at all.
    Task<RecordAnswers> try_record(std::vector<CellToRecord> cells);

    /// The oldest announcements of each shard by each region, at most `entries_max` of each; where
    /// there are none there is no batch. They stay until `drop_done`.
    Task<std::vector<DoneBatch>> read_done(std::vector<ShardId> shards,
                                           std::vector<RegionId> regions,
                                           std::size_t entries_max);
    /// Forgets these announcements, those of the last `read_done`, of shards whose lease for
    /// sealing still has this epoch: whoever holds it now may not have read what stands there.
    Task<> drop_done(std::vector<DoneBatch> batches, ShardEpochs held);

    /// One answer per query, in order, in one round trip, two where some cells have details.
    Task<std::vector<CellsFound>> read_cells(std::vector<CellsQuery> queries);

    /// After the commit: from now on cells of a shard's minutes up to this one are late. The cells
    /// that came before stay, to be looked at once more, until `drop_minutes`. A watermark never
    /// moves back.
    Task<> seal(std::vector<ShardMinute> minutes);
    /// Forgets all cells that these regions have of this sealed minute.
    /// @param slots one more than the highest slot of the shard
    Task<> drop_minutes(std::vector<ShardMinute> minutes,
                        std::vector<RegionId> regions,
                        std::vector<std::uint32_t> slots);
    /// The last sealed minute of each shard, in order; nothing where none is.
    Task<std::vector<std::optional<UtcMinute>>> read_sealed(std::vector<ShardId> shards);

    /// As `read_done` and `drop_done`, for cells of sealed minutes. A region's list tells of no
    /// other region: what does is undecodable.
    Task<std::vector<LateBatch>> read_late(std::vector<ShardId> shards,
                                           std::vector<RegionId> regions,
                                           std::size_t entries_max);
    Task<> drop_late(LateBatch batch, ShardEpochs held);

private:
    Task<> record_late(const std::vector<CellToRecord>& cells, RecordAnswers& answers);

    RedisClient* client_;
    CellBufferLimits limits_;
};

}  // namespace quorate
