#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quorate {

/// How many verdict-minutes a block spans; what quorate.block_length says.
inline constexpr int kBlockPlaces = 60;

/// A row of quorate.minute, by its place in a block: the n-th window from the block's start on.
struct MinuteRow {
    int place = 0;
    std::int64_t batch = 0;
    int decision = 0;
    int scope = 0;
    int rule_row = 0;
    int rule_version = 0;
    int uptime_use = 0;
    std::string cells;                   ///< packed
    std::optional<std::string> details;  ///< JSON
};

/// A row of quorate.minute_kind without its number: how many cells there are of each verdict.
struct MinuteKind {
    int decision = 0;
    int scope = 0;
    int rule_row = 0;
    int rule_version = 0;
    int uptime_use = 0;
    int cells = 0;
    int up = 0;
    int slow = 0;
    int degraded = 0;
    int fail = 0;
    int auth = 0;
    int unknown = 0;
    int maint = 0;
    friend auto operator<=>(const MinuteKind&, const MinuteKind&) = default;
};

/// A row of quorate.minute_block without its key; the migration that makes the table explains it.
struct MinuteBlock {
    int first = 0;
    int stride = 1;
    int minutes = 0;
    int record_bytes = 0;
    int batch_bytes = 0;
    std::vector<std::optional<MinuteKind>> kinds;  ///< of each entry; nothing: no minute
    std::vector<std::int64_t> middle;              ///< of each entry, 10 us; -1: no healthy cell
    std::vector<std::int64_t> spread;              ///< likewise
    std::vector<std::int64_t> longest;             ///< likewise
    std::int64_t batch_base = 0;
    std::vector<std::int64_t> shape;
    std::string fixed;    ///< column `template`
    std::string details;  ///< JSON; empty: none
    std::string records;

    bool has_spread() const;
    /// Nothing where entries differ in it, or one is no minute.
    std::optional<MinuteKind> common_kind() const;
};

/// Packs minutes of one block, at least one, in the order of their places. Pure. Throws
/// std::invalid_argument where a row cannot be packed: its cells are no cells, or two rows have one
/// place.
MinuteBlock pack_minutes(const std::vector<MinuteRow>& rows);

}  // namespace quorate
