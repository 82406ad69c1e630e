#include "core/decision/seal.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

const EndpointId kEndpoint{9};
const UtcMinute kMinute = UtcMinute::from_epoch_ms(1'800'000'000'000);

Cell received(std::uint64_t region, Verdict verdict, std::uint8_t attempt = 1) {
    Cell cell;
    cell.key = {kEndpoint, RegionId{region}, kMinute};
    cell.verdict = verdict;
    cell.started = UtcTime{kMinute.start()};
    cell.attempt = attempt;
    cell.agent = "agent";
    return cell;
}

TEST(Seal, MakesOneCellForEachExpectedRegion) {
    const std::vector<ExpectedRegion> expected{
        {RegionId{1}, true}, {RegionId{2}, true}, {RegionId{3}, false}};
    const std::vector cells{received(1, Verdict::up)};
    const auto sealed = seal(kEndpoint, kMinute, expected, cells);
    ASSERT_EQ(sealed.size(), 3U);
    EXPECT_EQ(sealed[0], cells[0]);
    EXPECT_EQ(sealed[1].verdict, Verdict::unknown);
    EXPECT_EQ(sealed[1].reason, Reason::not_reported);
    EXPECT_EQ(sealed[2].reason, Reason::agent_dead);
    EXPECT_EQ(sealed[2].key, (CellKey{kEndpoint, RegionId{3}, kMinute}));
}

TEST(Seal, MergesResultsOfARedeliveredJob) {
    const std::vector<ExpectedRegion> expected{{RegionId{1}, true}};
    const std::vector cells{received(1, Verdict::up), received(1, Verdict::fail, 2)};
    EXPECT_EQ(seal(kEndpoint, kMinute, expected, cells).at(0), cells[1]);
}

TEST(Seal, LeavesOutCellsThatNobodyExpects) {
    const std::vector<ExpectedRegion> expected{{RegionId{1}, true}};
    auto other_minute = received(1, Verdict::fail);
    other_minute.key.minute = kMinute.plus(1, Window::minute());
    auto other_endpoint = received(1, Verdict::fail);
    other_endpoint.key.endpoint = EndpointId{8};
    const std::vector cells{received(2, Verdict::fail), other_minute, other_endpoint};
    const auto sealed = seal(kEndpoint, kMinute, expected, cells);
    ASSERT_EQ(sealed.size(), 1U);
    EXPECT_EQ(sealed[0].reason, Reason::not_reported);
}

TEST(Seal, OverlaysMaintenanceAndKeepsTheCellsOwnVerdict) {
    const std::vector cells{received(1, Verdict::fail)};
    const auto views = sealed_cells(cells, true);
    EXPECT_EQ(views.at(0).verdict, Verdict::maint);
    EXPECT_EQ(cells[0].verdict, Verdict::fail);
    EXPECT_EQ(sealed_cells(cells, false).at(0).verdict, Verdict::fail);
}

}  // namespace
}  // namespace quorate
