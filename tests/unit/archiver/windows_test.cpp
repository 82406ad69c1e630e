// Minutes in maintenance, and minutes of which nobody is told.
#include <gtest/gtest.h>

#include "archiver/sealing/seal_plan.hpp"
#include "core/schedule/schedule.hpp"
#include "tests/unit/archiver/versions.hpp"

namespace quorate {
namespace {

using testing::at;
using testing::cell;
using testing::kWindow;
using testing::version;

/// From the beginning of one minute until the end of another.
PlannedWindows during(std::int64_t first, std::int64_t last, std::uint64_t id = 1) {
    PlannedWindow window;
    window.id = id;
    window.start = at(first).start();
    window.end = at(last).end(kWindow);
    window.valid_from = at(0);
    window.matchers = {{"acme", "", {}}};
    return {std::make_shared<const PlannedWindow>(std::move(window))};
}

struct Windows : ::testing::Test {
    EndpointVersion endpoint = version(1, 0);
    Catalogue catalogue{{endpoint}, kWindow};
    ProgressMap committed;
    CatalogueWindows windows_;

    static std::vector<Cell> all(std::int64_t minute, Verdict verdict) {
        return {
            cell(1, 1, minute, verdict), cell(1, 2, minute, verdict), cell(1, 3, minute, verdict)};
    }
    SealPlan plan_at(std::int64_t minute) {
        return SealPlan{committed, catalogue, watermark(at(minute), kWindow)};
    }
    /// Seals one minute and commits it.
    SealedRow seal(std::int64_t minute, std::vector<Cell> cells) {
        auto plan = plan_at(minute);
        plan.seal(endpoint, at(minute), std::move(cells), [](RegionId) { return true; });
        for (auto& [id, progress] : plan.changed)
            committed[id] = progress;
        return plan.rows.at(0);
    }
    /// In place of those that there are.
    void maintain(PlannedWindows windows) {
        windows_.maintenance = std::move(windows);
        catalogue = Catalogue{{endpoint}, kWindow, windows_};
    }
    void silence(PlannedWindows windows) {
        windows_.silences = std::move(windows);
        catalogue = Catalogue{{endpoint}, kWindow, windows_};
    }
    const EndpointProgress& progress() { return committed.at(EndpointId{1}); }
};

TEST_F(Windows, AMinuteInMaintenanceIsDecidedSoAndItsCellsKeepTheirOwnVerdicts) {
    maintain(during(1, 2));
    seal(0, all(0, Verdict::up));
    for (const auto minute : {1, 2}) {
        const auto row = seal(minute, all(minute, Verdict::fail));
        EXPECT_TRUE(row.maintenance);
        EXPECT_EQ(row.record.decision, Decision::maint);
        EXPECT_EQ(row.record.rule_row, 0);
        EXPECT_EQ(row.use, MinuteUse::excluded);
        EXPECT_EQ(row.cells[0].verdict, Verdict::fail);
        EXPECT_TRUE(row.transitions.empty());
        EXPECT_TRUE(row.spells.empty());
    }
    EXPECT_EQ(progress().since, at(1));
    EXPECT_EQ(progress().voters, 0U);
    const auto after = seal(3, all(3, Verdict::up));
    EXPECT_FALSE(after.maintenance);
    EXPECT_EQ(after.record.decision, Decision::ok);
}

TEST_F(Windows, AnIncidentIsHeldInMaintenanceAndGoesOnAfterIt) {
    maintain(during(1, 3));
    ASSERT_EQ(seal(0, all(0, Verdict::fail)).transitions.size(), 1U);
    for (const auto minute : {1, 2, 3})
        EXPECT_TRUE(seal(minute, all(minute, Verdict::up)).transitions.empty());
    EXPECT_TRUE(progress().rule.incident.open) << "two healthy minutes would have closed it";
    EXPECT_TRUE(seal(4, all(4, Verdict::up)).transitions.empty());
    const auto closed = seal(5, all(5, Verdict::up));
    ASSERT_EQ(closed.transitions.size(), 1U);
    EXPECT_EQ(closed.transitions[0].kind, TransitionKind::closed);
}

TEST_F(Windows, NoP1OpensBeforeTheSealInMaintenance) {
    maintain(during(1, 1));
    auto cells = all(0, Verdict::fail);
    cells[2].verdict = Verdict::up;
    cells[2].reason.reset();
    seal(0, cells);  // two regions are SUSPECT
    auto inside = plan_at(1);
    EXPECT_FALSE(inside.open_early(endpoint, at(1), all(1, Verdict::fail)));
    EXPECT_TRUE(inside.empty());
    maintain(during(5, 5));
    auto outside = plan_at(1);
    EXPECT_TRUE(outside.open_early(endpoint, at(1), all(1, Verdict::fail)));
}

TEST_F(Windows, WhatIsDoneInMaintenanceIsNoNotice) {
    maintain(during(0, 3));
    for (const auto minute : {0, 1, 2, 3})
        EXPECT_TRUE(seal(minute, all(minute, Verdict::auth)).notices.empty());
    const auto after = seal(4, all(4, Verdict::auth));
    ASSERT_EQ(after.notices.size(), 1U);
    EXPECT_EQ(after.notices[0].kind, NoticeKind::auth);
}

TEST_F(Windows, ARegionThatIsNotBelievedIsMaintAsTheOthersAre) {
    maintain(during(0, 0));
    auto cells = all(0, Verdict::up);
    cells[0] = cell(1, 1, 0, Verdict::fail);
    auto plan = plan_at(0);
    const std::array quarantined{RegionId{1}};
    plan.seal(
        endpoint, at(0), cells, [](RegionId) { return true; }, quarantined);
    EXPECT_EQ(plan.rows.at(0).record.decision, Decision::maint);
    EXPECT_EQ(plan.rows.at(0).cells[0].verdict, Verdict::fail) << "kept beside it";
}

TEST_F(Windows, ASilenceMarksWhatItHoldsBackAndIsFollowedByTheNetChange) {
    silence(during(0, 1, 17));
    const auto opened = seal(0, all(0, Verdict::fail));
    EXPECT_EQ(opened.silenced_by, 17U);
    EXPECT_EQ(opened.record.decision, Decision::p1) << "the verdict is as ever";
    ASSERT_EQ(opened.transitions.size(), 1U);
    EXPECT_TRUE(opened.transitions[0].notify);
    EXPECT_TRUE(seal(1, all(1, Verdict::fail)).caught_up.empty());
    const auto after = seal(2, all(2, Verdict::fail));
    EXPECT_FALSE(after.silenced_by);
    ASSERT_EQ(after.caught_up.size(), 1U);
    EXPECT_EQ(after.caught_up[0].kind, TransitionKind::opened);
}

TEST_F(Windows, AnEarlyP1IsSilencedToo) {
    silence(during(1, 1, 17));
    auto cells = all(0, Verdict::fail);
    cells[2].verdict = Verdict::up;
    cells[2].reason.reset();
    seal(0, cells);
    auto plan = plan_at(1);
    ASSERT_TRUE(plan.open_early(endpoint, at(1), all(1, Verdict::fail)));
    EXPECT_EQ(plan.early.at(0).silenced_by, 17U);
}

TEST_F(Windows, ANoticeThatOpensInASilenceIsToldAfterIt) {
    silence(during(0, 1));
    seal(0, all(0, Verdict::auth));
    const auto inside = seal(1, all(1, Verdict::auth));
    EXPECT_EQ(inside.silenced_by, 1U);
    const auto after = seal(2, all(2, Verdict::auth));
    ASSERT_EQ(after.notices.size(), 1U);
    EXPECT_EQ(after.notices[0].change, NoticeChange::Kind::told);
    EXPECT_TRUE(after.notices[0].notify);
}

TEST_F(Windows, ASilenceThatEndsInMaintenanceTellsItsChangeAfterThat) {
    silence(during(0, 1));
    maintain(during(1, 3));
    EXPECT_EQ(seal(0, all(0, Verdict::fail)).transitions.size(), 1U);
    for (const auto minute : {1, 2, 3})
        EXPECT_TRUE(seal(minute, all(minute, Verdict::fail)).caught_up.empty()) << minute;
    EXPECT_EQ(seal(4, all(4, Verdict::fail)).caught_up.size(), 1U);
}

TEST_F(Windows, WhatWeMissedInAnOutageOfOursIsNotToldInMaintenance) {
    maintain(during(1, 2));
    auto late = SealPlan{committed, catalogue, watermark(at(20), kWindow)};
    late.seal(endpoint, at(0), all(0, Verdict::fail), [](RegionId) { return true; });
    for (auto& [id, progress] : late.changed)
        committed[id] = progress;
    for (const auto minute : {1, 2})
        EXPECT_TRUE(seal(minute, all(minute, Verdict::fail)).caught_up.empty()) << minute;
    EXPECT_EQ(seal(3, all(3, Verdict::fail)).caught_up.size(), 1U);
}

TEST_F(Windows, TimeThatPassesInMaintenanceMakesNoNotice) {
    auto cells = all(0, Verdict::up);
    for (auto& cell : cells) {
        cell.semantic_hash = cell.full_hash = std::string(64, 'a');
        cell.certificate_not_after = at(3).start() + std::chrono::hours{24 * 21};
    }
    EXPECT_TRUE(seal(0, cells).notices.empty());
    maintain(during(1, 10));
    for (int minute = 1; minute <= 10; ++minute)
        EXPECT_TRUE(seal(minute, all(minute, Verdict::up)).notices.empty()) << minute;
    const auto after = seal(11, all(11, Verdict::up));
    ASSERT_EQ(after.notices.size(), 1U);
    EXPECT_EQ(after.notices[0].kind, NoticeKind::certificate_expiry);
    EXPECT_TRUE(after.notices[0].notify);
}

TEST_F(Windows, ADeletedEndpointsCloseIsToldInASilenceWhereItsOpeningWas) {
    seal(0, all(0, Verdict::fail));
    silence(during(1, 1, 17));
    auto plan = plan_at(1);
    plan.close_deleted(endpoint, at(1));
    ASSERT_EQ(plan.closes.size(), 1U);
    ASSERT_EQ(plan.closes[0].transitions.size(), 1U);
    EXPECT_TRUE(plan.closes[0].transitions[0].notify);
}

TEST_F(Windows, ADeletedEndpointsCloseIsNotToldWhereItsOpeningWasSilenced) {
    silence(during(0, 0, 17));
    seal(0, all(0, Verdict::fail));
    auto plan = plan_at(1);
    plan.close_deleted(endpoint, at(1));
    ASSERT_EQ(plan.closes.size(), 1U);
    ASSERT_EQ(plan.closes[0].transitions.size(), 1U);
    EXPECT_FALSE(plan.closes[0].transitions[0].notify);
}

TEST_F(Windows, WhatClosedInASilenceBeforeTheEndpointWasDeletedIsToldAsClosed) {
    seal(0, all(0, Verdict::fail));
    silence(during(1, 9, 17));
    for (const auto minute : {1, 2, 3})
        seal(minute, all(minute, Verdict::up));
    ASSERT_FALSE(progress().rule.incident.open);
    auto plan = plan_at(4);
    plan.close_deleted(endpoint, at(4));
    ASSERT_EQ(plan.closes.size(), 1U);
    EXPECT_TRUE(plan.closes[0].transitions.empty());
    ASSERT_EQ(plan.closes[0].caught_up.size(), 1U);
    for (auto& [id, progress] : plan.changed)
        committed[id] = progress;
    auto later = plan_at(5);
    later.close_deleted(endpoint, at(5));
    EXPECT_TRUE(later.empty()) << "once";
}

}  // namespace
}  // namespace quorate
