#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "platform/redis/cell_buffer.hpp"

/// How cells are read block by block. Of this folder alone.
namespace quorate::detail {

/// Answers queries in two steps: the blocks that hold the cells, then the details of those that say
/// they have some. A plain state machine: the caller asks Redis.
class CellReads {
public:
    explicit CellReads(std::vector<CellsQuery> queries);

    /// One GETRANGE per block that some query needs.
    std::vector<RedisArgs> block_commands();
    /// One HMGET per shard, minute and region; none where no cell has details.
    std::vector<RedisArgs> detail_commands(std::vector<RedisReply> blocks);
    /// What the queries asked for, in their order. Throws RedisError as RedisReply.
    std::vector<CellsFound> found(const std::vector<RedisReply>& details) const;

private:
    using Minute = std::tuple<ShardId, UtcMinute, RegionId>;
    using Block = std::tuple<ShardId, UtcMinute, RegionId, std::uint32_t>;
    struct Range {
        std::uint32_t first = 0;  ///< slots of the shard
        std::uint32_t last = 0;
        std::size_t command = 0;
    };
    struct Fields {
        std::vector<std::uint32_t> slots;
        std::size_t command = 0;
    };

    std::string_view fixed_of(const CellsQuery& query, RegionId region) const;
    void take(const CellKey& key,
              std::string_view fixed,
              std::string_view value,
              CellsFound& found) const;

    std::vector<CellsQuery> queries_;
    std::map<Block, Range> ranges_;
    std::map<Minute, Fields> fields_;
    std::vector<RedisReply> blocks_;
};

}  // namespace quorate::detail
