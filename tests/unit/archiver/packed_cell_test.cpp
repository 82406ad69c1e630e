#include "archiver/store/packed_cell.hpp"

#include <gtest/gtest.h>

#include "archiver/store/sql_text.hpp"
#include "tests/unit/archiver/versions.hpp"

namespace quorate {
namespace {

TEST(PackedCell, HasTheBytesThatTheSchemaDocuments) {
    auto cell = testing::cell(1, 3, 0, Verdict::fail);
    cell.reason = Reason::timeout_connect;
    cell.phase = Phase::tcp;
    cell.retried = true;
    cell.http_status = 503;
    cell.started = UtcTime{testing::at(0).start()} + milliseconds{0x010203};
    cell.timings.total = 0x010203 * 10 + 9;
    cell.agent_lag_us = 0x0405 * 100 + 99;
    auto packed = packed_cell(cell, true);
    packed.region_state = RegionPhase::failing;
    packed.silent = true;
    std::string bytes;
    append_packed(packed, bytes);
    const auto reason = static_cast<char>(Reason::timeout_connect);
    const std::string wanted{"\x03\x06" + std::string{reason} +
                             std::string{"\x03\x61\x05\x01\xF7\x01\x02\x03\x01\x02\x03", 11} +
                             std::string(12, '\xFF') + "\x04\x05"};
    EXPECT_EQ(bytea_text(bytes), bytea_text(wanted));
    EXPECT_EQ(bytes_of_bytea(bytea_text(bytes)), bytes);
}

TEST(PackedCell, TimesBeyondTheFieldAreKeptBelowTheMarkOfNone) {
    auto cell = testing::cell(1, 1, 0, Verdict::up);
    cell.timings.total = 4'000'000'000U;
    cell.agent_lag_us = 4'000'000'000U;
    cell.started = UtcTime{testing::at(0).start()} - milliseconds{5};
    std::string bytes;
    append_packed(packed_cell(cell, false), bytes);
    const auto back = unpack_cells(bytes).at(0);
    EXPECT_EQ(back.total, microseconds{10 * 0xFFFFFE});
    EXPECT_EQ(back.agent_lag, microseconds{100 * 0xFFFE});
    EXPECT_EQ(back.start_offset, milliseconds{0}) << "before the minute counts as its start";
    EXPECT_THROW(unpack_cells(bytes + "x"), std::invalid_argument);
}

TEST(PackedCell, NoAgentHasNoLag) {
    auto cell = testing::cell(1, 1, 0, Verdict::unknown);
    EXPECT_EQ(packed_cell(cell, false).agent_lag, microseconds{0}) << "it ran in time";
    cell.agent.clear();
    EXPECT_EQ(packed_cell(cell, false).agent_lag, microseconds{0}) << "its name did not come";
    cell.attempt = 0;
    EXPECT_EQ(packed_cell(cell, false).agent_lag, std::nullopt) << "made at the seal";
}

TEST(PackedCell, OnlyWhatWasMadeAtTheSealMayBeCorrected) {
    PackedCell made;
    made.reason = Reason::not_reported;
    EXPECT_TRUE(made_at_seal(made));
    made.reason = Reason::missed_window;
    EXPECT_FALSE(made_at_seal(made)) << "an agent said so";
    made.reason = Reason::agent_dead;
    made.late = true;
    EXPECT_FALSE(made_at_seal(made));
}

}  // namespace
}  // namespace quorate
