#include "archiver/compaction/minute_block.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "archiver/store/packed_cell.hpp"
#include "core/base/big_endian.hpp"

namespace quorate {
namespace {

constexpr std::int64_t kTimeUnitUs = 10;

/// The largest step that meets every row from the first one on.
int stride_of(const std::vector<MinuteRow>& rows) {
    int stride = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        if (rows[i].place <= rows[i - 1].place)
            throw std::invalid_argument{"two minutes at one place, or not in order"};
        stride = std::gcd(stride, rows[i].place - rows[i - 1].place);
    }
    return std::max(stride, 1);
}

int& count_of(MinuteKind& kind, Verdict verdict) {
    switch (verdict) {
        case Verdict::up:
            return kind.up;
        case Verdict::slow:
            return kind.slow;
        case Verdict::degraded:
            return kind.degraded;
        case Verdict::auth:
            return kind.auth;
        case Verdict::fail:
            return kind.fail;
        case Verdict::maint:
            return kind.maint;
        case Verdict::unknown:
            return kind.unknown;
    }
    throw std::invalid_argument{"a verdict that there is not"};
}

bool is_healthy(Verdict verdict) {
    return verdict == Verdict::up || verdict == Verdict::slow || verdict == Verdict::degraded ||
           verdict == Verdict::auth;
}

/// Adds what dash.minute shows of the row.
void summarize(const MinuteRow& row, MinuteBlock& block) {
    MinuteKind kind{row.decision, row.scope, row.rule_row, row.rule_version, row.uptime_use};
    std::vector<std::int64_t> totals;
    for (const auto& cell : unpack_cells(row.cells)) {
        ++kind.cells;
        ++count_of(kind, cell.verdict);
        if (cell.total && is_healthy(cell.verdict))
            totals.push_back(cell.total->count() / kTimeUnitUs);
    }
    block.kinds.emplace_back(kind);
    if (totals.empty()) {
        block.middle.push_back(-1);
        block.spread.push_back(0);
        block.longest.push_back(-1);
        return;
    }
    std::ranges::sort(totals);
    const auto lower = totals[(totals.size() - 1) / 2];
    block.middle.push_back(lower);
    block.spread.push_back(totals[totals.size() / 2] - lower);
    block.longest.push_back(totals.back());
}

void add_hole(MinuteBlock& block) {
    block.kinds.emplace_back();
    block.middle.push_back(-1);
    block.spread.push_back(0);
    block.longest.push_back(-1);
}

/// How many bytes such a number takes.
std::size_t bytes_for(std::uint64_t number) {
    std::size_t bytes = 0;
    for (; number != 0; number >>= 8U)
        ++bytes;
    return bytes;
}

/// Of an entry: what is above the base, and cells, all of one length.
struct Content {
    std::uint64_t batch = 0;
    std::string cells;
};

/// Parts cells into what all have in common and what is left of each: turns of the one and the
/// other.
void part(const std::vector<const Content*>& contents, MinuteBlock& block) {
    const auto& model = contents.front()->cells;
    std::vector<bool> differs(model.size());
    std::uint64_t batch_max = 0;
    for (const auto* content : contents) {
        batch_max = std::max(batch_max, content->batch);
        for (std::size_t i = 0; i < model.size(); ++i)
            if (content->cells[i] != model[i]) differs[i] = true;
    }
    std::vector<std::size_t> places;
    block.shape = {0, 0};
    for (std::size_t at = 0; at < model.size();) {
        for (; at < model.size() && !differs[at]; ++at)
            block.fixed += model[at];
        for (; at < model.size() && differs[at]; ++at)
            places.push_back(at);
        block.shape.push_back(static_cast<std::int64_t>(block.fixed.size()));
        block.shape.push_back(static_cast<std::int64_t>(places.size()));
    }
    const auto batch_bytes = bytes_for(batch_max);
    block.batch_bytes = static_cast<int>(batch_bytes);
    block.record_bytes = static_cast<int>(batch_bytes + places.size());
    for (const auto* content : contents) {
        append_big_endian(content->batch, batch_bytes, block.records);
        for (const auto place : places)
            block.records += content->cells[place];
    }
}

/// Padded to the most that any row has.
std::vector<Content> contents_of(const std::vector<MinuteRow>& rows, std::int64_t batch_base) {
    std::size_t bytes = 0;
    for (const auto& row : rows)
        bytes = std::max(bytes, row.cells.size());
    std::vector<Content> contents;
    contents.reserve(rows.size());
    for (const auto& row : rows)
        contents.push_back({static_cast<std::uint64_t>(row.batch - batch_base),
                            row.cells + std::string(bytes - row.cells.size(), '\0')});
    return contents;
}

}  // namespace

bool MinuteBlock::has_spread() const {
    return std::ranges::any_of(spread, [](auto each) { return each != 0; });
}

std::optional<MinuteKind> MinuteBlock::common_kind() const {
    const bool is_common =
        std::ranges::all_of(kinds, [this](const auto& kind) { return kind == kinds.front(); });
    return is_common ? kinds.front() : std::nullopt;
}

MinuteBlock pack_minutes(const std::vector<MinuteRow>& rows) {
    MinuteBlock block;
    block.first = rows.front().place;
    block.stride = stride_of(rows);
    block.minutes = static_cast<int>(rows.size());
    block.batch_base = std::ranges::min(rows, {}, &MinuteRow::batch).batch;
    const auto contents = contents_of(rows, block.batch_base);
    std::vector<const Content*> entries;  // a hole repeats the minute before it
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto& row = rows[i];
        const auto entry = static_cast<std::size_t>((row.place - block.first) / block.stride);
        while (entries.size() < entry) {
            entries.push_back(entries.back());
            add_hole(block);
        }
        entries.push_back(&contents[i]);
        summarize(row, block);
        if (row.details)
            block.details += (block.details.empty() ? "{\"" : ",\"") + std::to_string(entry) +
                             "\":" + *row.details;
    }
    if (!block.details.empty()) block.details += "}";
    part(entries, block);
    return block;
}

}  // namespace quorate
