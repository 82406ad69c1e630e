#include "archiver/compaction/minute_block.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

#include "archiver/store/packed_cell.hpp"

namespace quorate {
namespace {

/// A minute of one cell per total time, in milliseconds; 0: a FAIL without a time.
MinuteRow minute(int place, const std::vector<int>& totals) {
    MinuteRow row;
    row.place = place;
    row.batch = 100 + place;
    row.rule_row = 8;
    row.rule_version = 1;
    std::uint64_t region = 0;
    for (const auto total : totals) {
        PackedCell cell;
        cell.region = RegionId{++region};
        cell.verdict = cell.own_verdict = total == 0 ? Verdict::fail : Verdict::up;
        if (total != 0) cell.total = milliseconds{total};
        append_packed(cell, row.cells);
    }
    return row;
}

/// Entry n as the shape says to put it together.
std::string unpacked(const MinuteBlock& block, std::size_t entry) {
    const auto size = static_cast<std::size_t>(block.record_bytes);
    const auto record = block.records.substr(entry * size, size)
                            .substr(static_cast<std::size_t>(block.batch_bytes));
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(block.shape.at(i)); };
    std::string bytes;
    for (std::size_t turn = 2; turn < block.shape.size(); turn += 2) {
        bytes += block.fixed.substr(at(turn - 2), at(turn) - at(turn - 2));
        bytes += record.substr(at(turn - 1), at(turn + 1) - at(turn - 1));
    }
    return bytes;
}

TEST(MinuteBlock, WhatAllMinutesHaveInCommonStandsOnce) {
    const std::vector rows{minute(0, {12, 15}), minute(1, {13, 15}), minute(2, {14, 15})};
    const auto block = pack_minutes(rows);
    EXPECT_EQ(block.record_bytes, 3) << "one time, and the low byte of the batch";
    EXPECT_EQ(block.fixed.size(), 1 + 2 * PackedCell::kSize - 2);
    for (std::size_t i = 0; i < rows.size(); ++i)
        EXPECT_EQ(unpacked(block, i), rows[i].cells);
    EXPECT_EQ(block.batch_base, 100);
    EXPECT_EQ(block.batch_bytes, 1);
    EXPECT_EQ(block.records[6], 2) << "the third is two batches later";
    EXPECT_EQ(block.common_kind(), block.kinds[2]);
}

TEST(MinuteBlock, AMinuteOfFewerCellsIsPadded) {
    const std::vector rows{minute(4, {12, 15, 9}), minute(5, {12}), minute(6, {})};
    const auto block = pack_minutes(rows);
    EXPECT_EQ(unpacked(block, 1).substr(0, 1 + PackedCell::kSize), rows[1].cells);
    EXPECT_EQ(block.kinds[0]->cells, 3);
    EXPECT_EQ(block.kinds[1]->cells, 1);
    EXPECT_EQ(block.kinds[2]->cells, 0);
    EXPECT_EQ(block.first, 4);
}

TEST(MinuteBlock, AnIntervalOfSeveralWindowsTakesNoRoomForTheOthers) {
    const auto block = pack_minutes({minute(3, {1}), minute(13, {2}), minute(18, {3})});
    EXPECT_EQ(block.first, 3);
    EXPECT_EQ(block.stride, 5);
    EXPECT_EQ(block.minutes, 3);
    ASSERT_EQ(block.kinds.size(), 4U);
    EXPECT_FALSE(block.kinds[1]) << "place 8 was not expected, or is lost";
    EXPECT_FALSE(block.common_kind());
    EXPECT_EQ(pack_minutes({minute(7, {1})}).stride, 1);
}

TEST(MinuteBlock, TheSummaryIsOfHealthyCellsWithATime) {
    const auto block =
        pack_minutes({minute(0, {30, 10, 20, 0}), minute(1, {10, 20}), minute(2, {0})});
    EXPECT_EQ(block.middle, (std::vector<std::int64_t>{2000, 1000, -1}));
    EXPECT_EQ(block.spread, (std::vector<std::int64_t>{0, 1000, 0}));
    EXPECT_EQ(block.longest, (std::vector<std::int64_t>{3000, 2000, -1}));
    EXPECT_TRUE(block.has_spread());
    EXPECT_EQ(block.kinds[0]->up, 3);
    EXPECT_EQ(block.kinds[0]->fail, 1);
}

TEST(MinuteBlock, DetailsStandByTheNumberOfTheirEntry) {
    auto with = minute(10, {1});
    with.details = R"({"1": {"agent": "x"}})";
    EXPECT_EQ(pack_minutes({minute(6, {1}), with}).details, R"({"1":{"1": {"agent": "x"}}})");
    EXPECT_EQ(pack_minutes({minute(6, {1})}).details, "");
}

TEST(MinuteBlock, WhatIsNoMinuteIsRefused) {
    auto torn = minute(0, {1});
    torn.cells.pop_back();
    EXPECT_THROW(pack_minutes({torn}), std::invalid_argument);
    auto strange = minute(0, {1});
    strange.cells[2] = '\xE0';  // its verdict
    EXPECT_THROW(pack_minutes({strange}), std::invalid_argument);
    EXPECT_THROW(pack_minutes({minute(1, {1}), minute(1, {1})}), std::invalid_argument);
}

}  // namespace
}  // namespace quorate
