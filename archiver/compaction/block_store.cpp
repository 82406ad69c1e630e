#include "archiver/compaction/block_store.hpp"

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "archiver/store/sql_text.hpp"

namespace quorate {
namespace {

auto as_tuple(const MinuteKind& kind) {
    return std::array{kind.decision,
                      kind.scope,
                      kind.rule_row,
                      kind.rule_version,
                      kind.uptime_use,
                      kind.cells,
                      kind.up,
                      kind.slow,
                      kind.degraded,
                      kind.fail,
                      kind.auth,
                      kind.unknown,
                      kind.maint};
}

/// The numbers of all kinds in the blocks; new ones get theirs.
std::map<MinuteKind, std::int64_t> number_kinds(pqxx::work& work, const Blocks& blocks) {
    std::set<MinuteKind> kinds;
    for (const auto& [key, block] : blocks)
        for (const auto& kind : block.kinds)
            if (kind) kinds.insert(*kind);
    std::string text;
    for (const auto& kind : kinds)
        text += fmt::format("{}[{}]", text.empty() ? "" : ",", fmt::join(as_tuple(kind), ","));
    text = "[" + text + "]";
    static constexpr const char* kColumns =
        "decision, scope, rule_row, rule_version, uptime_use, cells, cells_up, cells_slow,"
        " cells_degraded, cells_fail, cells_auth, cells_unknown, cells_maint";
    std::string values;
    for (int i = 0; i < 13; ++i)
        values += fmt::format("{}(k->>{})::smallint", i == 0 ? "" : ", ", i);
    work.exec_params(
        fmt::format("INSERT INTO quorate.minute_kind ({0}) SELECT {1} FROM json_array_elements"
                    "($1::json) k EXCEPT SELECT {0} FROM quorate.minute_kind",
                    kColumns,
                    values),
        text);
    std::map<MinuteKind, std::int64_t> numbers;
    auto kind = kinds.begin();
    for (const auto& row : work.exec_params(
             fmt::format("SELECT n.id FROM json_array_elements($1::json) WITH ORDINALITY k (k, at)"
                         " JOIN quorate.minute_kind n ON ({0}) = ({1}) ORDER BY k.at",
                         kColumns,
                         values),
             text))
        numbers.emplace(*kind++, row[0].as<std::int64_t>());
    return numbers;
}

void note_places(pqxx::work& work, const Blocks& blocks) {
    std::set<std::pair<UtcTime, int>> places;
    for (const auto& [key, block] : blocks)
        for (std::size_t entry = 0; entry < block.kinds.size(); ++entry)
            if (block.kinds[entry])
                places.emplace(key.start, block.first + static_cast<int>(entry) * block.stride);
    std::string text;
    for (const auto& [start, place] : places)
        text += fmt::format(
            R"({}{{"s":"{}","p":{}}})", text.empty() ? "" : ",", timestamp_text(start), place);
    work.exec_params(
        "INSERT INTO quorate.packed_minute (minute, start_at, place)"
        " SELECT s + p * (quorate.block_length() / 60), s, p"
        " FROM json_to_recordset($1::json) AS x (s timestamptz, p smallint) ON CONFLICT DO NOTHING",
        "[" + text + "]");
}

template <class Numbers>
std::string list_text(const Numbers& numbers) {
    return fmt::format("{{{}}}", fmt::join(numbers, ","));
}

}  // namespace

void store_blocks(pqxx::work& work, const Blocks& blocks) {
    const auto numbers = number_kinds(work, blocks);
    note_places(work, blocks);
    static constexpr std::array kColumns{"endpoint_id",
                                         "first",
                                         "stride",
                                         "start_at",
                                         "minutes",
                                         "record_bytes",
                                         "batch_bytes",
                                         "kind",
                                         "kinds",
                                         "middle",
                                         "spread",
                                         "longest",
                                         "batch_base",
                                         "shape",
                                         "template",
                                         "details",
                                         "records"};
    pqxx::stream_to stream{work, "quorate.minute_block", kColumns};
    for (const auto& [key, block] : blocks) {
        std::vector<std::int64_t> kinds;
        for (const auto& kind : block.kinds)
            kinds.push_back(kind ? numbers.at(*kind) : 0);
        const auto kind = block.common_kind() ? std::to_string(kinds.front()) : std::string{};
        const auto each_kind = list_text(kinds);
        const auto spread = list_text(block.spread);
        const auto given = [](bool is_given, const std::string& text) {
            return is_given ? text.c_str() : nullptr;
        };
        stream << std::make_tuple(key.endpoint.value(),
                                  block.first,
                                  block.stride,
                                  timestamp_text(key.start),
                                  block.minutes,
                                  block.record_bytes,
                                  block.batch_bytes,
                                  given(!kind.empty(), kind),
                                  given(kind.empty(), each_kind),
                                  list_text(block.middle),
                                  given(block.has_spread(), spread),
                                  list_text(block.longest),
                                  block.batch_base,
                                  list_text(block.shape),
                                  bytea_text(block.fixed),
                                  given(!block.details.empty(), block.details),
                                  bytea_text(block.records));
    }
    stream.complete();
}

}  // namespace quorate
