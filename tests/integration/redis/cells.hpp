#pragma once

#include <set>
#include <utility>
#include <vector>

#include "platform/redis/cell_buffer.hpp"
#include "platform/redis/shard_leases.hpp"
#include "platform/wire/cell_codec.hpp"

/// Cells for the tests of CellBuffer.
namespace quorate::testing {

inline const ShardId kShard{5};
inline const UtcMinute kMinute = UtcMinute::from_epoch_ms(1'700'000'000'000);
inline constexpr std::size_t kMany = 10'000;

inline std::vector<RegionId> first_regions(std::size_t count) {
    std::vector<RegionId> regions;
    for (std::size_t i = 1; i <= count; ++i)
        regions.emplace_back(i);
    return regions;
}

/// An endpoint's slot is its id, here. `expected` regions look at it: the first ones.
inline CellToRecord to_record(const Cell& cell,
                              std::uint32_t expected,
                              ShardId shard = kShard,
                              bool with_details = true) {
    return {shard,
            cell.key,
            static_cast<std::uint32_t>(cell.key.endpoint.value()),
            RegionMask::of(first_regions(expected)),
            wire::encode_cell(cell, with_details)};
}

/// What comes back of a cell that was recorded.
inline Cell recorded(const Cell& cell, bool with_details = true) {
    const auto encoded = wire::encode_cell(cell, with_details);
    return *wire::decode_cell(cell.key, encoded.fixed, encoded.details);
}

inline Cell cell_of(std::uint64_t endpoint, std::uint64_t region, UtcMinute minute = kMinute) {
    Cell cell;
    cell.key = {EndpointId{endpoint}, RegionId{region}, minute};
    cell.verdict = Verdict::up;
    cell.started = UtcTime{minute.start()};
    cell.attempt = 1;
    cell.agent = "a";
    return cell;
}

/// Takes the leases for sealing of these shards, as an archiver does.
inline Task<ShardEpochs> sealing_leases(RedisClient& client, std::vector<ShardId> shards) {
    ShardLeases leases{client, SharedWork::sealing, "archiver#1"};
    auto wanted = shards;
    const auto answers = co_await leases.hold(std::move(wanted), std::chrono::hours{1});
    ShardEpochs held;
    for (std::size_t i = 0; i < shards.size(); ++i)
        held.emplace(shards[i], answers.at(i).epoch.value_or(0));
    co_return held;
}

inline Task<Recorded> record_one(CellBuffer& buffer, CellToRecord cell) {
    std::vector<CellToRecord> cells;
    cells.push_back(std::move(cell));
    const auto answers = co_await buffer.record(std::move(cells));
    co_return answers.at(0);
}

/// The slots that were announced, as often as they were, by minute.
inline Task<std::multiset<std::pair<UtcMinute, std::uint32_t>>> announced(CellBuffer& buffer,
                                                                          ShardId shard) {
    std::vector<ShardId> shards{shard};
    auto regions = first_regions(7);
    const auto batches = co_await buffer.read_done(std::move(shards), std::move(regions), kMany);
    std::multiset<std::pair<UtcMinute, std::uint32_t>> slots;
    for (const auto& batch : batches)
        for (const auto& run : batch.runs)
            for (std::uint32_t i = 0; i < run.count; ++i)
                slots.emplace(run.minute, run.first_slot + i);
    co_return slots;
}

inline Task<CellsFound> cells_in(CellBuffer& buffer,
                                 ShardId shard,
                                 UtcMinute minute,
                                 EndpointId endpoint,
                                 std::vector<RegionId> regions) {
    std::vector<CellsQuery> queries;
    const auto slot = static_cast<std::uint32_t>(endpoint.value());
    queries.push_back({shard, minute, endpoint, slot, std::move(regions)});
    const auto found = co_await buffer.read_cells(std::move(queries));
    co_return found.at(0);
}

}  // namespace quorate::testing
