#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "platform/redis/script.hpp"
#include "platform/wire/cell_record.hpp"

/// How cells become calls of the record script. Of this folder alone.
namespace quorate::detail {

/// One call, and which cells it takes, in the order of its answers.
struct RecordCall {
    RedisScript::Call call;
    std::vector<std::size_t> members;
};

/// What a call says beside its cells.
struct RecordSettings {
    std::chrono::seconds ttl;
    std::size_t done_max;
};

/// The calls that record `cells`: one per shard, region and minute. A slot comes once in a call, so
/// several cells of one key make several calls, in their order.
std::vector<RecordCall> record_calls(const std::vector<CellToRecord>& cells,
                                     const RecordSettings& settings);

}  // namespace quorate::detail
