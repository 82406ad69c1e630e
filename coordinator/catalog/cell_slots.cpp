#include "coordinator/catalog/cell_slots.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "coordinator/catalog/sql.hpp"
#include "core/base/sha256.hpp"
#include "core/schedule/schedule.hpp"

namespace quorate::coordinator {
namespace {

/// A new endpoint by when it is looked at in its window, and by its place in the apply.
using InTurn = std::pair<std::uint64_t, std::size_t>;

/// The slots of these shards that a new endpoint must not have, ascending.
std::map<ShardId, std::vector<std::uint32_t>> load_taken(
    pqxx::work& work, const std::map<ShardId, std::vector<InTurn>>& shards, UtcMinute from) {
    // A version ends within minutes of its deletion; the day spares the index the long dead.
    const auto rows = work.exec_params(
        "SELECT DISTINCT e.shard, e.cell_slot FROM quorate.endpoint e"
        " WHERE e.shard = ANY ($1::smallint[]) AND (e.deleted_at IS NULL"
        " OR (e.deleted_at > now() - interval '1 day' AND EXISTS (SELECT FROM"
        " quorate.endpoint_version v WHERE v.endpoint_id = e.id AND v.valid_to > " +
            sql::timestamp("$2") + "))) ORDER BY e.shard, e.cell_slot",
        sql::array(shards, [](const auto& entry) { return entry.first.value(); }),
        sql::us(UtcTime{from.start()}));
    std::map<ShardId, std::vector<std::uint32_t>> taken;
    for (const auto& row : rows)
        taken[ShardId{row[0].as<std::uint64_t>()}].push_back(row[1].as<std::uint32_t>());
    return taken;
}

}  // namespace

std::vector<std::uint32_t> smallest_free(const std::vector<std::uint32_t>& taken,
                                         std::size_t count) {
    std::vector<std::uint32_t> free;
    free.reserve(count);
    auto next = taken.begin();
    for (std::uint32_t slot = 0; free.size() < count; ++slot) {
        if (next != taken.end() && *next == slot)
            ++next;
        else
            free.push_back(slot);
    }
    return free;
}

std::vector<CellPlace> place_endpoints(pqxx::work& work,
                                       const std::vector<WantedEndpoint>& created,
                                       std::uint32_t shards,
                                       Window window,
                                       UtcMinute from) {
    std::map<ShardId, std::vector<InTurn>> by_shard;
    for (std::size_t i = 0; i < created.size(); ++i) {
        const auto hash = stable_hash(full_name(created[i].spec));
        by_shard[shard_of(hash, shards, window)].emplace_back(turn_of(hash, window), i);
    }
    auto taken = load_taken(work, by_shard, from);
    std::vector<CellPlace> places(created.size());
    for (auto& [shard, members] : by_shard) {
        std::sort(members.begin(), members.end());
        const auto free = smallest_free(taken[shard], members.size());
        for (std::size_t i = 0; i < members.size(); ++i)
            places[members[i].second] = {shard, free[i]};
    }
    return places;
}

}  // namespace quorate::coordinator
