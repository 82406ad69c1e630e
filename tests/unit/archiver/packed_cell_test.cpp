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
    cell.started = UtcTime{testing::at(0).start()} + milliseconds{0xFEDC};
    cell.timings.total = 0x0FFF * 10 + 9;
    cell.timings.tcp = 20'000'000;  // 2,000,000 units, 7,812 << 8: 9 as exponent, 7,812 - 4,096
    cell.agent_lag_us = 15 * 4'000 + 1;
    auto packed = packed_cell(cell, true);
    packed.region_state = RegionPhase::failing;
    packed.silent = true;
    std::string bytes;
    append_packed(packed, bytes);
    const auto reason = static_cast<char>(Reason::timeout_connect);
    const std::string wanted{std::string{"\x00\x03\xD5\xF7", 4} + reason +
                             std::string{"\x03\x61\xFE\xDC\x0F\xFF\x9E\x84", 8} +
                             std::string(6, '\xFF') + "\x10"};
    EXPECT_EQ(bytea_text(bytes), bytea_text(wanted));
    EXPECT_EQ(bytes_of_bytea(bytea_text(bytes)), bytes);
    append_packed(packed, bytes);
    EXPECT_EQ(bytes.size(), 1 + 2 * PackedCell::kSize) << "the mark stands before the first alone";
    EXPECT_EQ(unpack_cells(bytes),
              (std::vector{unpack_cells(wanted).at(0), unpack_cells(wanted).at(0)}));
}

TEST(PackedCell, CellsOf28BytesAreReadAsTheyWereWritten) {
    PackedCell wanted;
    wanted.region = RegionId{3};
    wanted.verdict = Verdict::maint;
    wanted.reason = Reason::timeout_connect;
    wanted.phase = Phase::tcp;
    wanted.retried = true;
    wanted.region_state = RegionPhase::failing;
    wanted.silent = true;
    wanted.own_verdict = Verdict::fail;
    wanted.http_status = 503;
    wanted.start_offset = milliseconds{0x010203};
    wanted.total = microseconds{10 * 0x040506};
    wanted.agent_lag = microseconds{100 * 0x0405};
    const auto reason = static_cast<char>(Reason::timeout_connect);
    const std::string old{"\x03\x06" + std::string{reason} +
                          std::string{"\x03\x61\x05\x01\xF7\x01\x02\x03\x04\x05\x06", 11} +
                          std::string(12, '\xFF') + "\x04\x05"};
    EXPECT_EQ(unpack_cells(old + old), (std::vector{wanted, wanted}));
    EXPECT_THROW(unpack_cells(old + "x"), std::invalid_argument);
    EXPECT_TRUE(unpack_cells("").empty());
}

TEST(PackedCell, WhatIsBeyondItsFieldIsKeptBelowTheMarkOfNone) {
    auto cell = testing::cell(1, 1, 0, Verdict::up);
    cell.timings.total = 4'000'000'000U;
    cell.agent_lag_us = 4'000'000'000U;
    cell.http_status = 65'535;
    cell.started = UtcTime{testing::at(0).start()} - milliseconds{5};
    std::string bytes;
    append_packed(packed_cell(cell, false), bytes);
    auto back = unpack_cells(bytes).at(0);
    EXPECT_EQ(back.total, 10 * microseconds{8190 << 14}) << "22 minutes";
    EXPECT_EQ(back.agent_lag, milliseconds{254 * 4});
    EXPECT_EQ(back.http_status, 1023);
    EXPECT_EQ(back.start_offset, milliseconds{0}) << "before the minute counts as its start";
    EXPECT_THROW(unpack_cells(bytes + "x"), std::invalid_argument);
    cell.started = UtcTime{testing::at(0).start()} + std::chrono::hours{1};
    bytes.clear();
    append_packed(packed_cell(cell, false), bytes);
    EXPECT_EQ(unpack_cells(bytes).at(0).start_offset, milliseconds{0xFFFE});
}

TEST(PackedCell, ATimeLosesLessThanAFourThousandthAndATwentiethOfAMillisecond) {
    for (std::uint32_t us = 0; us < 100'000'000; us += 1 + us / 50) {
        auto cell = testing::cell(1, 1, 0, Verdict::up);
        cell.timings.total = us;
        std::string bytes;
        append_packed(packed_cell(cell, false), bytes);
        const auto back = unpack_cells(bytes).at(0).total.value_or(microseconds{-1}).count();
        EXPECT_LE(back, us);
        EXPECT_LT(us - back, 10 + us / 4096);
    }
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
