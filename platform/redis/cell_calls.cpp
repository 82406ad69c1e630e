#include "platform/redis/cell_calls.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "platform/redis/keys.hpp"

namespace quorate::detail {

namespace {

/// A script's call is for one of these; a slot that comes again waits for the next round.
using Where = std::tuple<std::size_t, ShardId, RegionId, UtcMinute>;  // round first

void put(std::uint64_t value, unsigned bytes, std::string& out) {
    for (auto shift = bytes * 8; shift > 0; shift -= 8)
        out.push_back(static_cast<char>(value >> (shift - 8) & 0xFFU));
}

/// Neighbouring members of one block whose endpoints are watched from the same regions.
class Group {
public:
    Group(std::uint32_t block, const CellToRecord& cell) : block_{block}, regions_{cell.regions} {
        cell.regions.for_each([&](RegionId region) {
            if (region != cell.key.region) others_.push_back(static_cast<char>(region.value()));
        });
    }

    bool takes(std::uint32_t block, const RegionMask& regions) const {
        return block == block_ && regions == regions_;
    }
    void add(const CellToRecord& cell) {
        if (count_ > 0 && cell.slot == first_ + count_) {
            ++count_;
        } else {
            end_run();
            first_ = cell.slot;
            count_ = 1;
        }
        cells_ += cell.cell.fixed;
    }
    void finish(const CellToRecord& any, RedisScript::Call& call) {
        end_run();
        call.keys.push_back(keys::cells(any.shard, any.key.region, any.key.minute, block_));
        call.arguments.push_back(std::to_string(block_ * keys::kBlockSlots));
        call.arguments.push_back(std::move(others_));
        call.arguments.push_back(std::move(runs_));
        call.arguments.push_back(std::move(cells_));
    }

private:
    void end_run() {
        if (count_ == 0) return;
        put(first_, 4, runs_);
        put(count_, 2, runs_);
    }

    std::uint32_t block_;
    RegionMask regions_;
    std::string others_;
    std::string runs_;
    std::string cells_;
    std::uint32_t first_ = 0;
    std::uint32_t count_ = 0;
};

RecordCall record_call(const std::vector<CellToRecord>& cells,
                       const std::vector<std::size_t>& by_slot,
                       const RecordSettings& settings) {
    const auto& any = cells[by_slot.front()];
    const auto& [endpoint, region, minute] = any.key;
    const auto [before, behind] = keys::presence_of_regions(any.shard, minute);

    // Members of one group stay in the order of their slots; groups by their first slot.
    std::vector<std::pair<Group, std::vector<std::size_t>>> groups;
    for (const auto member : by_slot) {
        const auto& cell = cells[member];
        const auto block = cell.slot / keys::kBlockSlots;
        auto group = groups.rbegin();
        while (group != groups.rend() && !group->first.takes(block, cell.regions))
            ++group;
        if (group == groups.rend()) {
            groups.emplace_back(Group{block, cell}, std::vector<std::size_t>{});
            group = groups.rbegin();
        }
        group->first.add(cell);
        group->second.push_back(member);
    }

    RecordCall made;
    made.call.keys = {keys::presence(any.shard, region, minute),
                      keys::details(any.shard, region, minute),
                      keys::done(any.shard, region)};
    made.call.arguments = {std::to_string(minute.epoch_ms()),
                           std::to_string(settings.ttl.count()),
                           std::to_string(settings.done_max),
                           std::to_string(wire::kCellBytes),
                           std::to_string(keys::kBlockSlots),
                           keys::sealed(any.shard),
                           before,
                           behind,
                           std::to_string(groups.size())};
    for (auto& [group, members] : groups) {
        group.finish(any, made.call);
        made.members.insert(made.members.end(), members.begin(), members.end());
    }
    for (const auto member : by_slot) {
        const auto& cell = cells[member];
        if (cell.cell.details.empty()) continue;
        made.call.arguments.push_back(std::to_string(cell.slot));
        made.call.arguments.push_back(cell.cell.details);
    }
    return made;
}

}  // namespace

std::vector<RecordCall> record_calls(const std::vector<CellToRecord>& cells,
                                     const RecordSettings& settings) {
    std::vector<std::size_t> by_slot(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i)
        by_slot[i] = i;
    const auto place = [&cells](std::size_t i) {
        const auto& cell = cells[i];
        return std::tuple{cell.shard, cell.key.region, cell.key.minute, cell.slot};
    };
    std::ranges::stable_sort(by_slot, {}, place);
    std::map<Where, std::vector<std::size_t>> wheres;
    std::size_t round = 0;
    for (std::size_t i = 0; i < by_slot.size(); ++i) {
        const bool again = i > 0 && place(by_slot[i]) == place(by_slot[i - 1]);
        round = again ? round + 1 : 0;
        const auto& cell = cells[by_slot[i]];
        wheres[{round, cell.shard, cell.key.region, cell.key.minute}].push_back(by_slot[i]);
    }
    std::vector<RecordCall> calls;
    calls.reserve(wheres.size());
    for (const auto& [where, members] : wheres)
        calls.push_back(record_call(cells, members, settings));
    return calls;
}

}  // namespace quorate::detail
