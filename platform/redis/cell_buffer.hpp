#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.hpp"
#include "core/model/cell.hpp"
#include "core/time/utc_minute.hpp"
#include "platform/redis/client.hpp"

namespace quorate {

struct CellBufferLimits {
    std::chrono::seconds minute_ttl = std::chrono::hours{96};  ///< of a minute nobody seals
    std::size_t late_max = 100'000;  ///< late cells of a shard; above it further ones are dropped
    std::size_t done_max = 100'000;  ///< announcements of a shard; above it the watermark seals
};

/// A cell on its way into its verdict-minute.
struct CellToRecord {
    ShardId shard;
    CellKey key;
    std::uint32_t expected_cells = 0;  ///< as the job says; the minute is announced with that many
    std::string encoded;               ///< of wire::encode_cell
};

/// What became of a cell.
enum class Recorded : std::uint8_t {
    fresh = 0,      ///< the first of its key
    merged = 1,     ///< its key had another cell; the better of the two stands
    duplicate = 2,  ///< its key had the very same cell
    late = 3,       ///< its minute is sealed: put on the list of late cells
    dropped = 4,    ///< its minute is sealed and that list is full
};

/// An endpoint's minute whose last expected cell came in.
struct DoneMinute {
    UtcMinute minute;
    EndpointId endpoint;
    friend auto operator<=>(const DoneMinute&, const DoneMinute&) = default;
};

/// The oldest announcements of a shard.
struct DoneBatch {
    ShardId shard;
    std::size_t entries = 0;  ///< how many stand behind `minutes`; what `drop_done` takes
    std::vector<DoneMinute> minutes;
};

/// The oldest late cells of a shard.
struct LateBatch {
    ShardId shard;
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
    std::vector<RegionId> regions;
};

/// The cells that are in, in the order of the query's regions; missing ones are left out.
struct CellsFound {
    std::vector<Cell> cells;
    std::vector<std::string> undecodable;  ///< why, one text each; such a cell counts as missing
};

/// The cells of open verdict-minutes in Redis, between the agents that record them and the archiver
/// that seals them. Everything may be repeated: a second time changes nothing. All functions throw
/// as RedisClient::run.
class CellBuffer {
public:
    /// `client` must outlive the buffer.
    explicit CellBuffer(RedisClient& client, CellBufferLimits limits = {});

    /// Merges the cells into their minutes, in one script call per shard and minute, all in one
    /// round trip, and announces each endpoint's minute that became complete by them, once.
    /// @return one answer per cell, in order. Where it throws, any part may have been recorded.
    Task<std::vector<Recorded>> record(std::vector<CellToRecord> cells);

    /// The oldest announcements of each shard, at most `entries_max` a shard; shards without any
    /// are left out. They stay until `drop_done`.
    Task<std::vector<DoneBatch>> read_done(std::vector<ShardId> shards, std::size_t entries_max);
    /// Forgets the `entries` oldest announcements: those of the last `read_done` of this shard. For
    /// one reader a shard.
    Task<> drop_done(ShardId shard, std::size_t entries);

    /// One answer per query, in order, in one round trip.
    Task<std::vector<CellsFound>> read_cells(std::vector<CellsQuery> queries);

    /// After the commit: from now on cells of a shard's minutes up to this one are late. The cells
    /// that came before stay, to be looked at once more, until `drop_minutes`. A watermark never
    /// moves back.
    Task<> seal(std::vector<ShardMinute> minutes);
    /// Forgets all cells of these minutes, which are sealed.
    Task<> drop_minutes(std::vector<ShardMinute> minutes);
    /// The last sealed minute of each shard, in order; nothing where none is.
    Task<std::vector<std::optional<UtcMinute>>> read_sealed(std::vector<ShardId> shards);

    /// As `read_done` and `drop_done`, for cells of sealed minutes.
    Task<std::vector<LateBatch>> read_late(std::vector<ShardId> shards, std::size_t entries_max);
    Task<> drop_late(ShardId shard, std::size_t entries);

private:
    RedisClient* client_;
    CellBufferLimits limits_;
};

}  // namespace quorate
