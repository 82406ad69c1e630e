#include "platform/wire/cell_record.hpp"

#include <random>

#include <gtest/gtest.h>

#include "tests/unit/platform/wire/random_model.hpp"

namespace quorate {
namespace {

using testing::RandomModel;

CellToRecord random_record(RandomModel& random) {
    const auto job = random.job();
    return wire::to_record(job, random.cell(job.key), random.coin());
}

TEST(CellRecord, ComesBackAsItWas) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    for (int i = 0; i < 2000; ++i) {
        const auto record = random_record(random);
        const auto back = wire::decode_record(wire::encode_record(record));
        ASSERT_TRUE(back) << back.error().text << ", seed " << seed;
        EXPECT_EQ(*back, record) << "seed " << seed;
    }
}

TEST(CellRecord, IsTheJobsCell) {
    RandomModel random{1};
    const auto job = random.job();
    const auto cell = random.cell(job.key);
    const auto record = wire::to_record(job, cell);
    EXPECT_EQ(record.shard, job.shard);
    EXPECT_EQ(record.key, job.key);
    EXPECT_EQ(record.slot, job.cell_slot);
    EXPECT_EQ(record.regions, job.regions_mask);
    EXPECT_EQ(record.cell, wire::encode_cell(cell, true));
}

TEST(CellRecord, DamagedBytesAreAnErrorOrAnotherRecordAndNeverACrash) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    for (int i = 0; i < 5000; ++i) {
        auto bytes = wire::encode_record(random_record(random));
        for (auto n = 1 + random.number(4); n > 0; --n)
            bytes[random.number(bytes.size())] = static_cast<char>(random.number(256));
        bytes.resize(random.number(bytes.size() + 1));
        const auto back = wire::decode_record(bytes);
        if (!back) {
            EXPECT_FALSE(back.error().text.empty()) << "seed " << seed;
        }
    }
}

TEST(CellRecord, WhatIsOutOfBoundsIsNamed) {
    RandomModel random{1};
    auto record = random_record(random);
    const auto problem = [](const CellToRecord& bad) {
        const auto back = wire::decode_record(wire::encode_record(bad));
        return back ? std::string{} : back.error().text;
    };
    EXPECT_EQ(problem(record), "");
    auto bad = record;
    bad.slot = 1U << 20U;
    EXPECT_EQ(problem(bad), "record: cell_slot: is out of range");
    bad = record;
    bad.regions = {};
    EXPECT_EQ(problem(bad), "record: regions_mask: is no set of regions with this one");
    bad = record;
    bad.cell.fixed.pop_back();
    EXPECT_EQ(problem(bad), "cell: is not 27 bytes long");
    EXPECT_EQ(wire::decode_record("\xff").error().text, "record: is no quorate.v1.CellRecord");
    EXPECT_EQ(wire::decode_record(std::string(40'000, 'x')).error().text, "record: is too long");
}

}  // namespace
}  // namespace quorate
