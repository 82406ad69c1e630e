#include "platform/redis/cell_reads.hpp"

#include <algorithm>
#include <utility>

#include "platform/redis/keys.hpp"
#include "platform/wire/cell_codec.hpp"

namespace quorate::detail {

CellReads::CellReads(std::vector<CellsQuery> queries) : queries_{std::move(queries)} {
    for (const auto& query : queries_)
        for (const auto region : query.regions) {
            const Block block{query.shard, query.minute, region, query.slot / keys::kBlockSlots};
            const auto [entry, is_new] = ranges_.try_emplace(block, Range{query.slot, query.slot});
            entry->second.first = std::min(entry->second.first, query.slot);
            entry->second.last = std::max(entry->second.last, query.slot);
        }
}

std::vector<RedisArgs> CellReads::block_commands() {
    std::vector<RedisArgs> commands;
    commands.reserve(ranges_.size());
    for (auto& [where, range] : ranges_) {
        const auto& [shard, minute, region, block] = where;
        range.command = commands.size();
        const auto base = block * keys::kBlockSlots;
        commands.push_back({"GETRANGE",
                            keys::cells(shard, region, minute, block),
                            std::to_string((range.first - base) * wire::kCellBytes),
                            std::to_string((range.last - base + 1) * wire::kCellBytes - 1)});
    }
    return commands;
}

/// The fixed bytes of a cell; empty where it is not in.
std::string_view CellReads::fixed_of(const CellsQuery& query, RegionId region) const {
    const auto block = query.slot / keys::kBlockSlots;
    const auto& range = ranges_.at({query.shard, query.minute, region, block});
    const std::string_view bytes = blocks_[range.command].text();
    const auto offset = (query.slot - range.first) * wire::kCellBytes;
    if (offset + wire::kCellBytes > bytes.size() || bytes[offset] == '\0') return {};
    return bytes.substr(offset, wire::kCellBytes);
}

std::vector<RedisArgs> CellReads::detail_commands(std::vector<RedisReply> blocks) {
    blocks_ = std::move(blocks);
    for (const auto& query : queries_)
        for (const auto region : query.regions)
            if (wire::has_details(fixed_of(query, region)))
                fields_[{query.shard, query.minute, region}].slots.push_back(query.slot);
    std::vector<RedisArgs> commands;
    for (auto& [where, fields] : fields_) {
        const auto& [shard, minute, region] = where;
        std::ranges::sort(fields.slots);
        fields.command = commands.size();
        RedisArgs command{"HMGET", keys::details(shard, region, minute)};
        for (const auto slot : fields.slots)
            command.push_back(std::to_string(slot));
        commands.push_back(std::move(command));
    }
    return commands;
}

/// @param value fixed bytes and details, from the hash. The two were read one after the other: if a
/// better cell came between, it stands whole in `value`.
void CellReads::take(const CellKey& key,
                     std::string_view fixed,
                     std::string_view value,
                     CellsFound& found) const {
    std::string_view details;
    if (value.size() > wire::kCellBytes) {
        fixed = value.substr(0, wire::kCellBytes);
        details = value.substr(wire::kCellBytes);
    }
    auto cell = wire::decode_cell(key, fixed, details);
    if (cell)
        found.cells.push_back(*std::move(cell));
    else
        found.undecodable.push_back(cell.error().text);
}

std::vector<CellsFound> CellReads::found(const std::vector<RedisReply>& details) const {
    std::vector<CellsFound> answers;
    answers.reserve(queries_.size());
    for (const auto& query : queries_) {
        CellsFound found;
        for (const auto region : query.regions) {
            const auto fixed = fixed_of(query, region);
            if (fixed.empty()) continue;
            std::string_view value;
            if (const auto fields = fields_.find({query.shard, query.minute, region});
                wire::has_details(fixed) && fields != fields_.end()) {
                const auto& slots = fields->second.slots;
                const auto at = std::ranges::lower_bound(slots, query.slot) - slots.begin();
                const auto& reply =
                    details[fields->second.command].list().at(static_cast<std::size_t>(at));
                if (!reply.is_nil()) value = reply.text();
            }
            take({query.endpoint, region, query.minute}, fixed, value, found);
        }
        answers.push_back(std::move(found));
    }
    return answers;
}

}  // namespace quorate::detail
