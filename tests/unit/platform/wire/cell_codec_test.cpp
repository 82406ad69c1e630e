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

const CellKey kKey{EndpointId{7}, RegionId{3}, UtcMinute::from_epoch_ms(1'700'000'000'000)};

TEST(CellCodec, AnyCellComesBackAsItWas) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    for (int i = 0; i < 2000; ++i) {
        const auto cell = random.cell(kKey);
        const auto bytes = wire::encode_cell(cell);
        EXPECT_EQ(bytes, wire::encode_cell(cell));
        const auto decoded = wire::decode_cell(bytes);
        ASSERT_TRUE(decoded) << decoded.error().text << ", seed " << seed;
        EXPECT_EQ(*decoded, cell) << "seed " << seed;
    }
}

TEST(CellCodec, ThePrefixIsRankStartAttemptAndAgent) {
    Cell cell;
    cell.key = kKey;
    cell.verdict = Verdict::fail;
    cell.started = UtcTime{microseconds{0x0001020304050607}};
    cell.attempt = 2;
    cell.agent = "a1";
    const std::string expected{
        "\xfa\x00\x01\x02\x03\x04\x05\x06\x07\x02"
        "a1\0",
        13};
    EXPECT_EQ(wire::encode_cell(cell).substr(0, 13), expected);
    cell.started = std::nullopt;
    EXPECT_EQ(wire::encode_cell(cell).substr(1, 8), std::string(8, '\xff'));
}

TEST(CellCodec, MergingBytesIsMergingCells) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    int ties = 0;
    for (int i = 0; i < 20'000; ++i) {
        const auto a = random.cell(kKey);
        const auto b = random.cell(kKey);
        const bool tie = std::tie(a.verdict, a.started, a.attempt, a.agent) ==
                         std::tie(b.verdict, b.started, b.attempt, b.agent);
        ties += tie ? 1 : 0;
        const auto merged =
            wire::decode_cell(wire::merge_encoded(wire::encode_cell(a), wire::encode_cell(b)));
        ASSERT_TRUE(merged) << "seed " << seed;
        // Where all of the order is equal the two rules may choose differently, both for good.
        if (!tie) {
            EXPECT_EQ(*merged, merge(a, b)) << "seed " << seed;
        }
    }
    EXPECT_LT(ties, 2000);
}

TEST(CellCodec, MergingIsCommutativeAssociativeAndIdempotent) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    for (int i = 0; i < 5000; ++i) {
        const auto a = wire::encode_cell(random.cell(kKey));
        const auto b = wire::encode_cell(random.cell(kKey));
        const auto c = wire::encode_cell(random.cell(kKey));
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
        auto bytes = wire::encode_cell(random.cell(kKey));
        for (auto n = 1 + random.number(4); n > 0; --n)
            bytes[random.number(bytes.size())] = static_cast<char>(random.number(256));
        bytes.resize(random.number(bytes.size() + 1));
        const auto decoded = wire::decode_cell(bytes);
        if (!decoded) {
            EXPECT_FALSE(decoded.error().text.empty()) << "seed " << seed;
        }
    }
}

TEST(CellCodec, APrefixThatIsNotTheCellsOwnIsRefused) {
    RandomModel random{1};
    auto bytes = wire::encode_cell(random.cell(kKey));
    bytes[0] = static_cast<char>(bytes[0] - 1);
    EXPECT_EQ(wire::decode_cell(bytes).error().text, "cell: prefix: is not that of its cell");
    EXPECT_EQ(wire::decode_cell("").error().text, "cell: has no whole prefix");
}

TEST(CellCodec, IdsThatPostgresCannotHoldAreRefused) {
    const auto refusal = [](std::uint64_t endpoint, std::uint64_t region) -> std::string {
        Cell cell;
        cell.key = {EndpointId{endpoint}, RegionId{region}, UtcMinute::from_epoch_ms(60'000)};
        cell.agent = "a";
        const auto decoded = wire::decode_cell(wire::encode_cell(cell));
        return decoded ? "" : decoded.error().text;
    };
    EXPECT_EQ(refusal(1, 1), "");
    EXPECT_EQ(refusal(2'147'483'647, 255), "");
    EXPECT_EQ(refusal(2'147'483'648, 1), "cell: endpoint_id: is out of range");
    EXPECT_EQ(refusal(0, 1), "cell: endpoint_id: is out of range");
    EXPECT_EQ(refusal(1, 256), "cell: region_id: is out of range");
    EXPECT_EQ(refusal(1, 0), "cell: region_id: is out of range");
}

TEST(CellCodec, MaintIsNotTakenFromAnAgent) {
    RandomModel random{1};
    auto cell = random.cell(kKey);
    cell.verdict = Verdict::maint;
    EXPECT_EQ(wire::decode_cell(wire::encode_cell(cell)).error().text,
              "cell: verdict: MAINT is made at the seal alone");
}

TEST(CellCodec, APeersBrokenTextMakesNoCellUnreadable) {
    RandomModel random{1};
    auto cell = random.cell(kKey);
    cell.server_name = "caf\xc3";                              // cut in the middle of a character
    cell.detail = std::string(3000, 'x') + "\xff";             // too long
    cell.server_version = std::string{"a\0b\xed\xa0\x80", 6};  // NUL and a surrogate
    const auto decoded = wire::decode_cell(wire::encode_cell(cell));
    ASSERT_TRUE(decoded) << decoded.error().text;
    EXPECT_EQ(decoded->server_name, "caf?");
    EXPECT_EQ(decoded->detail, std::string(1024, 'x'));
    EXPECT_EQ(decoded->server_version, "a?b???");
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
