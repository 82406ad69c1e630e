#include "archiver/sealing/announcements.hpp"

#include <gtest/gtest.h>

#include "tests/unit/archiver/versions.hpp"

namespace quorate {
namespace {

using testing::at;
using testing::kWindow;
using testing::version;

struct Held : ::testing::Test {
    Catalogue catalogue{{version(1, 0), version(2, 0)}, kWindow};
    ProgressMap progress;
    Announcements announcements{100};
    std::optional<UtcMinute> watermark = at(-1);

    std::vector<Announcement> ready(std::size_t rows_max = 100) {
        const auto until = [this](ShardId) { return watermark; };
        announcements.forget_sealed(catalogue, progress, until);
        return announcements.ready(catalogue, progress, kWindow, until, rows_max);
    }
    Announcement announced(std::uint64_t endpoint, std::int64_t minute) {
        const Announcement made{at(minute), EndpointId{endpoint}};
        announcements.add(made);
        return made;
    }
};

TEST_F(Held, AMinuteIsReadyOnlyAfterAllEarlierExpectedOnes) {
    announced(1, 2);
    EXPECT_TRUE(ready().empty());
    announced(1, 1);
    EXPECT_TRUE(ready().empty());
    announced(1, 0);
    const auto all = ready();
    ASSERT_EQ(all.size(), 3U);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(all[static_cast<std::size_t>(i)].minute, at(i));
}

TEST_F(Held, TheEndpointsOwnProgressCountsBeyondTheWatermark) {
    progress[EndpointId{1}].rule.last_minute = at(4);
    const auto next = announced(1, 5);
    EXPECT_EQ(ready(), std::vector{next});
}

TEST_F(Held, EndpointsDoNotWaitForEachOther) {
    announced(1, 1);
    const auto other = announced(2, 0);
    EXPECT_EQ(ready(), std::vector{other});
}

TEST_F(Held, SealedAndUnexpectedMinutesAreForgotten) {
    progress[EndpointId{1}].rule.last_minute = at(3);
    announced(1, 3);
    announced(2, 0);
    announced(99, 0);
    watermark = at(0);
    EXPECT_TRUE(ready().empty());
    EXPECT_EQ(announcements.size(), 0U);
}

TEST_F(Held, NoMoreThanAskedForAndNoMoreThanTheBoundIsHeld) {
    for (int i = 0; i < 150; ++i)
        announced(1, i);
    EXPECT_EQ(announcements.size(), 100U);
    EXPECT_EQ(ready(7).size(), 7U);
}

TEST_F(Held, NothingIsReadyInAShardThatHasNotBegun) {
    announced(1, 0);
    watermark.reset();
    EXPECT_TRUE(ready().empty());
    EXPECT_EQ(announcements.size(), 1U);
}

}  // namespace
}  // namespace quorate
