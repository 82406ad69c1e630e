#include "core/incident/down_time.hpp"

#include <gtest/gtest.h>

#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

TEST(DownTime, CountsAMinuteThatQSpellsCover) {
    const std::vector<Spell> spells{{RegionId{1}, minute_at(0), minute_at(5)},
                                    {RegionId{2}, minute_at(3), minute_at(8)}};
    EXPECT_EQ(use_of(minute_at(2), 5, spells, 2), MinuteUse::up);
    EXPECT_EQ(use_of(minute_at(3), 5, spells, 2), MinuteUse::down);
    EXPECT_EQ(use_of(minute_at(5), 4, spells, 2), MinuteUse::down);
    EXPECT_EQ(use_of(minute_at(6), 4, spells, 2), MinuteUse::up);
    EXPECT_EQ(use_of(minute_at(3), 5, spells, 3), MinuteUse::up);
}

TEST(DownTime, CountsEveryMinuteOfRowThree) {
    EXPECT_EQ(use_of(minute_at(0), 3, {}, 2), MinuteUse::down);
}

TEST(DownTime, LeavesOutWhatNobodySawInAnOpenP1Too) {
    const std::vector<Spell> spells{{RegionId{1}, minute_at(0), minute_at(5)},
                                    {RegionId{2}, minute_at(0), minute_at(5)}};
    for (const std::uint8_t row : {0, 1, 2})
        EXPECT_EQ(use_of(minute_at(1), row, spells, 2), MinuteUse::excluded);
}

TEST(DownTime, CountsARegionOnce) {
    const std::vector<Spell> spells{{RegionId{1}, minute_at(0), minute_at(5)},
                                    {RegionId{1}, minute_at(2), minute_at(5)}};
    EXPECT_EQ(use_of(minute_at(3), 5, spells, 2), MinuteUse::up);
}

TEST(Spells, RunFromTheFirstFailOfTheStreakToItsLastFail) {
    History history;
    const auto grown = [&](std::string_view letters) {
        const auto& result = history.minute(letters);
        return grown_spells(history.state, result.record);
    };
    const RegionId a{1};
    EXPECT_TRUE(grown("F..").empty()) << "SUSPECT";
    EXPECT_TRUE(grown("u..").empty());
    EXPECT_EQ(grown("F.."), (std::vector{Spell{a, minute_at(0), minute_at(2)}}));
    EXPECT_EQ(grown("F.."), (std::vector{Spell{a, minute_at(0), minute_at(3)}}));
    EXPECT_TRUE(grown("...").empty());
    EXPECT_EQ(grown("F.."), (std::vector{Spell{a, minute_at(5), minute_at(5)}}))
        << "a region that was healthy in between was not down then";
}

}  // namespace
}  // namespace quorate::test
