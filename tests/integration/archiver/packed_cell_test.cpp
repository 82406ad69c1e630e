// What C++ packs, SQL unpacks.
#include "archiver/store/packed_cell.hpp"

#include <algorithm>
#include <iostream>
#include <random>

#include <gtest/gtest.h>

#include "archiver/store/short_number.hpp"
#include "archiver/store/sql_text.hpp"
#include "core/base/big_endian.hpp"
#include "tests/integration/archiver/world.hpp"

namespace quorate {
namespace {

using testing::World;

class RandomCells {
public:
    explicit RandomCells(std::uint32_t seed) : random_{seed} {}

    PackedCell next() {
        PackedCell cell;
        cell.region = RegionId{1 + random_() % 255};
        cell.verdict = static_cast<Verdict>(random_() % 7);
        if (flag()) cell.reason = kReasonNames[random_() % kReasonNames.size()].value;
        if (flag()) cell.phase = kPhaseNames[random_() % kPhaseNames.size()].value;
        for (bool* each : {&cell.retried,
                           &cell.late,
                           &cell.slow,
                           &cell.credential_sent,
                           &cell.silent,
                           &cell.absent})
            *each = flag();
        cell.region_state = static_cast<RegionPhase>(random_() % 4);
        cell.own_verdict = static_cast<Verdict>(random_() % 6);
        if (flag()) cell.http_status = static_cast<std::uint16_t>(100 + random_() % 500);
        if (flag()) cell.start_offset = milliseconds{random_() % 0xFFFF};
        for (auto* time :
             {&cell.total, &cell.connect, &cell.tls, &cell.initialize, &cell.tools_list})
            if (flag()) *time = 10 * microseconds{ShortNumber::number_of(random_() % 0xFFFF)};
        if (flag()) cell.agent_lag = milliseconds{4 * (random_() % 0xFF)};
        return cell;
    }
    bool flag() { return random_() % 2 == 0; }

private:
    std::mt19937 random_;
};

std::string shown(bool value) {
    return value ? "t" : "f";
}
std::string shown(const std::optional<microseconds>& time) {
    return time ? std::to_string(time->count()) : "";
}

/// The columns of quorate.unpack_cells, times in microseconds.
std::string shown(const PackedCell& cell) {
    std::string text = std::to_string(cell.region.value()) + "|" +
                       std::to_string(static_cast<int>(cell.verdict)) + "|";
    text += (cell.reason ? std::to_string(static_cast<int>(*cell.reason)) : "") + "|";
    text += (cell.phase ? std::to_string(static_cast<int>(*cell.phase)) : "") + "|";
    text += shown(cell.retried) + "|" + shown(cell.late) + "|" + shown(cell.slow) + "|" +
            shown(cell.credential_sent) + "|" +
            std::to_string(static_cast<int>(cell.region_state)) + "|" + shown(cell.silent) + "|" +
            shown(cell.absent) + "|" + std::to_string(static_cast<int>(cell.own_verdict)) + "|";
    text += (cell.http_status ? std::to_string(*cell.http_status) : "") + "|";
    text += (cell.start_offset ? std::to_string(cell.start_offset->count()) : "") + "|";
    text += shown(cell.total) + "|" + shown(cell.connect) + "|" + shown(cell.tls) + "|" +
            shown(cell.initialize) + "|" + shown(cell.tools_list) + "|" + shown(cell.agent_lag);
    return text;
}

/// As `shown`, a line a cell.
std::string unpacked_by_sql(const World& world, const std::string& bytes) {
    return world.sql(
        "SELECT region_id, verdict, reason, phase, retried, late, slow, credential_sent,"
        " region_state, silent, absent, own_verdict, http_status, start_offset_ms,"
        " round(total_ms * 1000)::bigint, round(connect_ms * 1000)::bigint,"
        " round(tls_ms * 1000)::bigint, round(initialize_ms * 1000)::bigint,"
        " round(tools_list_ms * 1000)::bigint, round(agent_lag_ms * 1000)::bigint"
        " FROM quorate.unpack_cells('" +
        bytea_text(bytes) + "')");
}

/// How many cells are expected and how many measured, by their verdicts in force.
std::string counted(const std::vector<PackedCell>& cells) {
    const auto expected = std::ranges::count_if(
        cells, [](const auto& cell) { return cell.verdict != Verdict::maint; });
    const auto measured = std::ranges::count_if(cells, [](const auto& cell) {
        return cell.verdict != Verdict::maint && cell.verdict != Verdict::unknown;
    });
    return std::to_string(expected) + "|" + std::to_string(measured);
}
std::string counted_by_sql(const World& world, const std::string& bytes) {
    return world.sql("SELECT * FROM quorate.count_cells('" + bytea_text(bytes) + "')");
}

TEST(PackedCell, SqlUnpacksWhatCppPacked) {
    World world;
    const auto seed = std::random_device{}();
    std::cout << "seed " << seed << '\n';
    RandomCells random{seed};
    for (int round = 0; round < 50; ++round) {
        std::string bytes;
        std::string wanted;
        std::vector<PackedCell> cells;
        for (int i = 0; i <= round % 32; ++i) {
            cells.push_back(random.next());
            append_packed(cells.back(), bytes);
            wanted += (wanted.empty() ? "" : "\n") + shown(cells.back());
        }
        ASSERT_EQ(bytes.size(), 1 + cells.size() * PackedCell::kSize);
        EXPECT_EQ(unpack_cells(bytes), cells);
        EXPECT_EQ(unpacked_by_sql(world, bytes), wanted);
        EXPECT_EQ(counted_by_sql(world, bytes), counted(cells));
    }
    EXPECT_EQ(world.sql("SELECT count(*) FROM quorate.unpack_cells('')"), "0");
}

/// 28 bytes, whatever they say.
std::string old_cell(std::mt19937& random) {
    std::string bytes;
    const auto put = [&](std::uint32_t value, std::size_t size) {
        append_big_endian(value, size, bytes);
    };
    const auto any_or_none = [&](std::uint32_t none, std::size_t size) {
        put(random() % 3 == 0 ? none : static_cast<std::uint32_t>(random() % none), size);
    };
    put(1 + random() % 255, 1);  // region
    put(random() % 7, 1);        // verdict
    put(random() % 60, 1);       // reason
    put(random() % 13, 1);       // phase
    put(random() % 256, 1);      // flags
    put(random() % 7, 1);        // own verdict
    put(random() % 600, 2);      // HTTP status
    for (int i = 0; i < 6; ++i)  // start and times
        any_or_none(0xFFFFFF, 3);
    any_or_none(0xFFFF, 2);  // lag
    return bytes;
}

TEST(PackedCell, SqlAndCppReadTheSameInCellsOf28Bytes) {
    World world;
    const auto seed = std::random_device{}();
    std::cout << "seed " << seed << '\n';
    std::mt19937 random{seed};
    for (int round = 0; round < 50; ++round) {
        std::string bytes;
        for (int i = 0; i <= round % 32; ++i)
            bytes += old_cell(random);
        const auto cells = unpack_cells(bytes);
        std::string wanted;
        for (const auto& cell : cells)
            wanted += (wanted.empty() ? "" : "\n") + shown(cell);
        EXPECT_EQ(unpacked_by_sql(world, bytes), wanted);
        EXPECT_EQ(counted_by_sql(world, bytes), counted(cells));
    }
}

}  // namespace
}  // namespace quorate
