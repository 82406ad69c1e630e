// What C++ packs, SQL unpacks.
#include "archiver/store/packed_cell.hpp"

#include <iostream>
#include <random>

#include <gtest/gtest.h>

#include "archiver/store/sql_text.hpp"
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
        if (flag()) cell.start_offset = milliseconds{random_() % 70'000};
        for (auto* time :
             {&cell.total, &cell.connect, &cell.tls, &cell.initialize, &cell.tools_list})
            if (flag()) *time = microseconds{10 * (random_() % 0xFFFFFF)};
        if (flag()) cell.agent_lag = microseconds{100 * (random_() % 0xFFFF)};
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
        ASSERT_EQ(bytes.size(), cells.size() * PackedCell::kSize);
        EXPECT_EQ(unpack_cells(bytes), cells);
        EXPECT_EQ(world.sql("SELECT region_id, verdict, reason, phase, retried, late, slow, "
                            "credential_sent, region_state, silent, absent, own_verdict, "
                            "http_status, start_offset_ms, round(total_ms * 1000)::bigint, "
                            "round(connect_ms * 1000)::bigint, round(tls_ms * 1000)::bigint, "
                            "round(initialize_ms * 1000)::bigint, "
                            "round(tools_list_ms * 1000)::bigint, "
                            "round(agent_lag_ms * 1000)::bigint "
                            "FROM quorate.unpack_cells('" +
                            bytea_text(bytes) + "')"),
                  wanted);
    }
    EXPECT_EQ(world.sql("SELECT count(*) FROM quorate.unpack_cells('')"), "0");
}

}  // namespace
}  // namespace quorate
