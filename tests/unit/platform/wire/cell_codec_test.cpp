#include "platform/wire/cell_codec.hpp"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "core/verdict/merge.hpp"
#include "platform/wire/message.hpp"
#include "tests/unit/platform/wire/random_model.hpp"

namespace quorate {
namespace {

using testing::RandomModel;
using wire::EncodedCell;

const CellKey kKey{EndpointId{7}, RegionId{3}, UtcMinute::from_epoch_ms(1'700'000'000'000)};

/// The bytes of a cell damaged at random.
std::string damaged(RandomModel& random, std::string bytes) {
    if (bytes.empty()) return bytes;
    for (auto n = 1 + random.number(4); n > 0; --n)
        bytes[random.number(bytes.size())] = static_cast<char>(random.number(256));
    if (random.number(4) == 0) bytes.resize(random.number(bytes.size() + 1));
    return bytes;
}

wire::Decoded<Cell> decoded(const EncodedCell& cell, const CellKey& key = kKey) {
    return wire::decode_cell(key, cell.fixed, cell.details);
}

/// What Redis keeps of times: the parts of the five timings below 10 microseconds are lost, a lag
/// is rounded up to 4 ms, and a start is within the minute.
Cell kept(Cell cell) {
    for (auto* time : {&cell.timings.total,
                       &cell.timings.tcp,
                       &cell.timings.tls,
                       &cell.timings.initialize,
                       &cell.timings.tools_list})
        if (*time) *time = std::min<std::uint32_t>(**time / 10, 0xFFFFFE) * 10;
    cell.agent_lag_us = std::min<std::uint32_t>((cell.agent_lag_us + 3999) / 4000, 255) * 4000;
    return cell;
}

TEST(CellCodec, AnyCellWithDetailsComesBackAsItWas) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    for (int i = 0; i < 2000; ++i) {
        const auto cell = random.cell(kKey);
        const auto encoded = wire::encode_cell(cell, true);
        EXPECT_EQ(encoded, wire::encode_cell(cell, true));
        EXPECT_EQ(encoded.fixed.size(), wire::kCellBytes);
        EXPECT_TRUE(wire::has_details(encoded.fixed));
        const auto back = decoded(encoded);
        ASSERT_TRUE(back) << back.error().text << ", seed " << seed;
        EXPECT_EQ(*back, kept(cell)) << "seed " << seed;
    }
}

TEST(CellCodec, OnlyAPlainUpGoesWithoutDetails) {
    Cell cell;
    cell.key = kKey;
    cell.verdict = Verdict::up;
    cell.agent = "a1";
    cell.http_status = 200;
    cell.era = Era::sse;
    cell.server_name = "search";
    const auto plain = wire::encode_cell(cell, false);
    EXPECT_EQ(plain.details, "");
    EXPECT_FALSE(wire::has_details(plain.fixed));
    const auto back = decoded(plain);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->http_status, 200);
    EXPECT_EQ(back->era, Era::sse);
    EXPECT_EQ(back->agent, "");
    EXPECT_EQ(back->server_name, "");
    auto retried = cell;
    retried.retried = true;
    auto warned = cell;
    warned.warnings.add(Warning::tls_cert_expiring);
    auto unknown = cell;
    unknown.verdict = Verdict::unknown;
    for (const auto& each : {retried, warned, unknown})
        EXPECT_TRUE(wire::has_details(wire::encode_cell(each, false).fixed));
}

TEST(CellCodec, TheFixedBytesAreThoseOfTheHeader) {
    Cell cell;
    cell.key = kKey;
    cell.verdict = Verdict::fail;
    cell.started = UtcTime{kKey.minute.start()} + microseconds{0x01020304};
    cell.attempt = 2;
    cell.reason = static_cast<Reason>(3);
    cell.phase = Phase::tls;
    cell.retried = true;
    cell.era = Era::legacy;
    cell.http_status = 0x0102;
    cell.timings.total = 10 * 0x050607 + 9;
    cell.timings.tools_list = 0xFFFFFFFF;
    cell.agent_lag_us = 4001;
    const std::string expected{
        "\xfa\x01\x02\x03\x04\x02\x03\x04\x29\x01\x02\x05\x06\x07"
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\x02",
        27};
    EXPECT_EQ(wire::encode_cell(cell, true).fixed, expected);
    cell.started = std::nullopt;
    EXPECT_EQ(wire::encode_cell(cell, true).fixed.substr(1, 4), std::string(4, '\xff'));
    cell.started = UtcTime{kKey.minute.start()} - microseconds{1};
    EXPECT_EQ(wire::encode_cell(cell, true).fixed.substr(1, 4), std::string(4, '\0'));
    cell.started = UtcTime{kKey.minute.start()} + std::chrono::hours{2};
    EXPECT_EQ(wire::encode_cell(cell, true).fixed.substr(1, 4), "\xff\xff\xff\xfe");
}

TEST(CellCodec, NoCellIsAllZeros) {
    const std::string zeros(wire::kCellBytes, '\0');
    EXPECT_EQ(wire::decode_cell(kKey, zeros, "").error().text, "cell: verdict: unknown number 255");
    EXPECT_FALSE(wire::has_details(zeros));
}

TEST(CellCodec, MergingBytesIsMergingCells) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    int ties = 0;
    for (int i = 0; i < 20'000; ++i) {
        const auto a = wire::encode_cell(random.cell(kKey), random.coin());
        const auto b = wire::encode_cell(random.cell(kKey), random.coin());
        const auto cell_a = *decoded(a);
        const auto cell_b = *decoded(b);
        const bool tie = std::tie(cell_a.verdict, cell_a.started, cell_a.attempt, cell_a.agent) ==
                         std::tie(cell_b.verdict, cell_b.started, cell_b.attempt, cell_b.agent);
        ties += tie ? 1 : 0;
        const auto merged = decoded(wire::merge_encoded(a, b));
        ASSERT_TRUE(merged) << "seed " << seed;
        // Where all of the order is equal the two rules may choose differently, both for good.
        if (!tie) {
            EXPECT_EQ(*merged, merge(cell_a, cell_b)) << "seed " << seed;
        }
    }
    EXPECT_LT(ties, 2000);
}

TEST(CellCodec, MergingIsCommutativeAssociativeAndIdempotent) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    for (int i = 0; i < 5000; ++i) {
        const auto a = wire::encode_cell(random.cell(kKey), random.coin());
        const auto b = wire::encode_cell(random.cell(kKey), random.coin());
        const auto c = wire::encode_cell(random.cell(kKey), random.coin());
        EXPECT_EQ(wire::merge_encoded(a, b), wire::merge_encoded(b, a));
        EXPECT_EQ(wire::merge_encoded(wire::merge_encoded(a, b), c),
                  wire::merge_encoded(a, wire::merge_encoded(b, c)));
        EXPECT_EQ(wire::merge_encoded(a, a), a);
    }
}

TEST(CellCodec, DamagedBytesAreAnErrorOrAnotherCellAndNeverACrash) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    for (int i = 0; i < 5000; ++i) {
        const auto cell = wire::encode_cell(random.cell(kKey), random.coin());
        const auto back =
            wire::decode_cell(kKey, damaged(random, cell.fixed), damaged(random, cell.details));
        if (!back) {
            EXPECT_FALSE(back.error().text.empty()) << "seed " << seed;
        }
    }
}

TEST(CellCodec, WhatIsNoCellIsNamed) {
    const auto fixed = wire::encode_cell(RandomModel{1}.cell(kKey), true).fixed;
    EXPECT_EQ(wire::decode_cell(kKey, "", "").error().text, "cell: is not 27 bytes long");
    EXPECT_EQ(wire::decode_cell(kKey, fixed, "x").error().text, "cell: details without an agent");
    EXPECT_EQ(wire::decode_cell(kKey, fixed, std::string_view{"a\0\xff", 3}).error().text,
              "cell: its details are no quorate.v1.CellDetails");
    EXPECT_EQ(wire::decode_cell(kKey, fixed, std::string(20'000, 'x')).error().text,
              "cell: its details are too long");
}

TEST(CellCodec, IdsThatPostgresCannotHoldAreRefused) {
    const auto cell = wire::encode_cell(RandomModel{1}.cell(kKey), false);
    const auto refusal = [&cell](std::uint64_t endpoint, std::uint64_t region) -> std::string {
        const CellKey key{EndpointId{endpoint}, RegionId{region}, kKey.minute};
        const auto back = decoded(cell, key);
        return back ? "" : back.error().text;
    };
    EXPECT_EQ(refusal(1, 1), "");
    EXPECT_EQ(refusal(2'147'483'647, 255), "");
    EXPECT_EQ(refusal(2'147'483'648, 1), "cell: endpoint_id: is out of range");
    EXPECT_EQ(refusal(0, 1), "cell: endpoint_id: is out of range");
    EXPECT_EQ(refusal(1, 0), "cell: region_id: is out of range");
    EXPECT_EQ(refusal(1, 256), "cell: region_id: is out of range");
}

TEST(CellCodec, MaintIsNotTakenFromAnAgent) {
    RandomModel random{1};
    auto cell = random.cell(kKey);
    cell.verdict = Verdict::maint;
    EXPECT_EQ(decoded(wire::encode_cell(cell, true)).error().text,
              "cell: verdict: MAINT is made at the seal alone");
}

TEST(CellCodec, APeersBrokenTextMakesNoCellUnreadable) {
    RandomModel random{1};
    auto cell = random.cell(kKey);
    cell.server_name = "caf\xc3";                              // cut in the middle of a character
    cell.detail = std::string(3000, 'x') + "\xff";             // too long
    cell.server_version = std::string{"a\0b\xed\xa0\x80", 6};  // NUL and a surrogate
    const auto back = decoded(wire::encode_cell(cell, true));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(back->server_name, "caf?");
    EXPECT_EQ(back->detail, std::string(1024, 'x'));
    EXPECT_EQ(back->server_version, "a?b???");
}

TEST(ProtoText, KeepsEveryValidCharacterAtTheEdges) {
    const std::string valid =
        "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    EXPECT_EQ(wire::detail::proto_text(valid, 100), valid);
    EXPECT_EQ(wire::detail::proto_text("\xc1\xbf", 100), "??");
    EXPECT_EQ(wire::detail::proto_text("\xf4\x90\x80\x80", 100), "????");
    EXPECT_EQ(wire::detail::proto_text("\xe0\x9f\xbf", 100), "???");
}

}  // namespace
}  // namespace quorate
