#include "archiver/sealing/seal_plan.hpp"

#include <gtest/gtest.h>

#include "archiver/store/json.hpp"
#include "core/manifest/manifest.hpp"
#include "core/schedule/schedule.hpp"
#include "tests/unit/archiver/versions.hpp"

namespace quorate {
namespace {

using testing::at;
using testing::cell;
using testing::kWindow;
using testing::version;

struct Plan : ::testing::Test {
    Catalogue catalogue{{version(1, 0)}, kWindow};
    ProgressMap committed;
    const EndpointVersion& endpoint = *catalogue.expected(EndpointId{1}, at(0));

    SealPlan plan_at(std::int64_t minute) {
        return SealPlan{committed, catalogue, watermark(at(minute), kWindow)};
    }
    static bool alive(RegionId region) { return region != RegionId{3}; }
    std::vector<Cell> all(std::int64_t minute, Verdict verdict) {
        return {
            cell(1, 2, minute, verdict), cell(1, 3, minute, verdict), cell(1, 1, minute, verdict)};
    }
    void commit(SealPlan& plan) {
        for (auto& [id, progress] : plan.changed)
            committed[id] = progress;
    }
};

TEST_F(Plan, MissingCellsBecomeUnknownByTheirRegionsLiveness) {
    auto plan = plan_at(0);
    plan.seal(endpoint, at(0), {cell(1, 1, 0, Verdict::up)}, alive);
    const auto& row = plan.rows.at(0);
    ASSERT_EQ(row.cells.size(), 3U);
    EXPECT_EQ(row.cells[0].verdict, Verdict::up);
    EXPECT_EQ(row.cells[1].reason, Reason::not_reported);
    EXPECT_EQ(row.cells[2].reason, Reason::agent_dead);
    EXPECT_EQ(row.record.decision, Decision::low_visibility);
    EXPECT_EQ(row.use, MinuteUse::excluded);
}

TEST_F(Plan, TheOrderOfArrivalDoesNotMatterAndForeignCellsAreLeftOut) {
    auto cells = all(0, Verdict::up);
    cells[0].verdict = Verdict::fail;
    cells[0].reason = Reason::timeout_connect;
    auto first = plan_at(0);
    first.seal(endpoint, at(0), cells, alive);
    std::reverse(cells.begin(), cells.end());
    cells.push_back(cell(1, 77, 0, Verdict::fail));
    cells.push_back(cell(2, 1, 0, Verdict::fail));
    cells.push_back(cell(1, 1, 1, Verdict::fail));
    auto second = plan_at(0);
    second.seal(endpoint, at(0), cells, alive);
    EXPECT_EQ(first.rows[0].cells, second.rows[0].cells);
    EXPECT_EQ(first.rows[0].record, second.rows[0].record);
    EXPECT_EQ(first.changed.at(EndpointId{1}).rule, second.changed.at(EndpointId{1}).rule);
}

TEST_F(Plan, TheInputsOfADecisionNameTheRegionsThatWereNotBelieved) {
    auto plan = plan_at(0);
    const std::vector<RegionId> quarantined{RegionId{2}};
    plan.seal(endpoint, at(0), all(0, Verdict::up), alive, quarantined);
    plan.seal(endpoint, at(1), all(1, Verdict::up), alive);
    const RegionNames names{{RegionId{2}, "eu"}};
    EXPECT_NE(inputs_json(plan.rows[0], names).find(R"("quarantined":["eu"])"), std::string::npos);
    EXPECT_NE(inputs_json(plan.rows[1], names).find(R"("quarantined":[])"), std::string::npos);
}

TEST_F(Plan, APlanThatIsNotCommittedLeavesNoTrace) {
    auto lost = plan_at(0);
    lost.seal(endpoint, at(0), all(0, Verdict::fail), alive);
    EXPECT_TRUE(committed.empty());
    auto again = plan_at(0);
    again.seal(endpoint, at(0), all(0, Verdict::fail), alive);
    EXPECT_EQ(again.rows[0].transitions.size(), 1U);
    EXPECT_EQ(again.rows[0].transitions[0].kind, TransitionKind::opened);
}

TEST_F(Plan, SeveralMinutesOfAnEndpointInOnePlanFollowEachOther) {
    auto plan = plan_at(2);
    plan.seal(endpoint, at(0), all(0, Verdict::up), alive);
    plan.seal(endpoint, at(1), all(1, Verdict::fail), alive);
    plan.seal(endpoint, at(2), all(2, Verdict::fail), alive);
    EXPECT_EQ(plan.last_minute(EndpointId{1}), at(2));
    const auto& progress = plan.changed.at(EndpointId{1});
    EXPECT_EQ(progress.rule.last_decision, Decision::p1);
    EXPECT_EQ(progress.since, at(1)) << "first minute of the run of equal decisions";
    EXPECT_EQ(progress.voters, 3U);
    EXPECT_EQ(plan.rows[1].use, MinuteUse::down);
    EXPECT_THROW(plan.seal(endpoint, at(2), {}, alive), std::invalid_argument);
}

TEST_F(Plan, AnEraThatWasSeenAnewIsNotUndoneByJobsThatWerePlannedBefore) {
    auto plan = plan_at(5);
    std::optional<Era> known;
    const auto seal = [&](std::int64_t minute, Era era, bool changed) {
        auto cells = all(minute, Verdict::up);
        cells[1].era = era;  // one region is enough
        if (changed) cells[1].warnings.add(Warning::era_changed);
        plan.seal(endpoint, at(minute), cells, alive);
        known = plan.changed.at(EndpointId{1}).era;
    };
    seal(0, Era::sse, false);
    EXPECT_EQ(known, Era::sse) << "the first that is seen";
    seal(1, Era::legacy, true);
    EXPECT_EQ(known, Era::legacy);
    seal(2, Era::modern, true);  // the look that finds out anew, once a day
    EXPECT_EQ(known, Era::modern);
    seal(3, Era::legacy, false);  // planned with the hint of before, at a server of both eras
    EXPECT_EQ(known, Era::modern);
    seal(4, Era::legacy, true);  // told `modern`, found otherwise: it was taken back
    EXPECT_EQ(known, Era::legacy);
}

TEST_F(Plan, AP3SaysInWhichPhasesTheRegionsAreSlow) {
    for (int minute = 0; minute < 3; ++minute) {
        auto cells = all(minute, Verdict::slow);
        for (auto& each : cells)
            each.slow = true;
        cells[0].slow_phase = Phase::tools_list;
        cells[1].slow_phase = Phase::dns;
        cells[2].slow_phase = Phase::tools_list;
        auto plan = plan_at(minute);
        plan.seal(endpoint, at(minute), cells, alive);
        const auto& row = plan.rows.at(0);
        if (minute < 2) {
            EXPECT_TRUE(row.transitions.empty());
        } else {
            ASSERT_EQ(row.transitions.size(), 1U);
            EXPECT_EQ(row.transitions[0].detail,
                      "3 of 3 voting regions slow in 3 of their last 5 votes (3 configured)"
                      "; slow in dns from 1 region, tools_list from 2 regions");
        }
        commit(plan);
    }
}

TEST_F(Plan, AListThatIsNotWhatItWasIsComparedWhereBothAreAtHand) {
    const auto hashes_of = [](const std::vector<boost::json::object>& tools, KnownLists& known) {
        auto hashes = manifest_hashes(tools);
        EXPECT_TRUE(known.add(hashes.full, manifest_text(tools)));
        return hashes;
    };
    const boost::json::object search{{"name", "search"}, {"inputSchema", {{"type", "object"}}}};
    KnownLists known;
    const auto some = hashes_of({search}, known);
    const auto none = hashes_of({}, known);
    const std::vector<ManifestHashes> lists{
        some, some, none, {std::string(64, 'a'), std::string(64, 'b')}};
    std::vector<std::optional<ChangeKind>> kinds;
    for (std::size_t minute = 0; minute < lists.size(); ++minute) {
        const auto now = static_cast<std::int64_t>(minute);
        auto cells = all(now, Verdict::up);
        cells[0].semantic_hash = lists[minute].semantic;
        cells[0].full_hash = lists[minute].full;
        auto plan = plan_at(now);
        plan.lists.known = known;
        plan.seal(endpoint, at(now), cells, alive);
        ASSERT_EQ(plan.rows.at(0).lists.size(), 1U);
        EXPECT_EQ(plan.rows[0].lists[0].region, RegionId{2});
        kinds.push_back(plan.rows[0].lists[0].kind);
        commit(plan);
    }
    EXPECT_EQ(kinds,
              (std::vector<std::optional<ChangeKind>>{
                  std::nullopt, std::nullopt, ChangeKind::breaking, std::nullopt}))
        << "the first, the same, a tool less, and one that never came";
}

TEST_F(Plan, ADeletedEndpointsIncidentIsClosedOnce) {
    auto opening = plan_at(0);
    opening.seal(endpoint, at(0), all(0, Verdict::fail), alive);
    commit(opening);
    auto closing = plan_at(1);
    closing.close_deleted(endpoint, at(1));
    ASSERT_EQ(closing.closes.size(), 1U);
    ASSERT_EQ(closing.closes[0].transitions.size(), 1U);
    EXPECT_EQ(closing.closes[0].transitions[0].close_mark, CloseMark::endpoint_deleted);
    commit(closing);
    auto later = plan_at(2);
    later.close_deleted(endpoint, at(2));
    EXPECT_TRUE(later.empty());
    EXPECT_TRUE(later.changed.empty());
}

}  // namespace
}  // namespace quorate
