#include "region-agent/outbox/details_memory.hpp"

#include <gtest/gtest.h>

namespace quorate::agent {
namespace {

using std::chrono::minutes;

const SteadyTime kStart{std::chrono::hours{5}};

Cell up(std::uint64_t endpoint) {
    Cell cell;
    cell.key = {EndpointId{endpoint}, RegionId{1}, UtcMinute::from_epoch_ms(60'000)};
    cell.verdict = Verdict::up;
    cell.server_name = "search";
    cell.tool_count = 3;
    return cell;
}

TEST(DetailsMemory, DetailsAreToldOnceAndAgainWithinTheHour) {
    DetailsMemory memory;
    EXPECT_TRUE(memory.due(up(1), kStart));
    EXPECT_FALSE(memory.due(up(1), kStart));
    EXPECT_FALSE(memory.due(up(1), kStart + minutes{44}));
    EXPECT_TRUE(memory.due(up(1), kStart + minutes{60}));
    EXPECT_FALSE(memory.due(up(1), kStart + minutes{61}));
    EXPECT_TRUE(memory.due(up(2), kStart)) << "another endpoint";
}

TEST(DetailsMemory, WhatChangedIsToldAtOnce) {
    DetailsMemory memory;
    auto cell = up(1);
    const auto told = [&] { return memory.due(cell, kStart); };
    EXPECT_TRUE(told());
    const std::vector<std::function<void()>> changes{
        [&] { cell.server_name = "other"; },
        [&] { cell.server_version = "2"; },
        [&] { cell.protocol_version = "2025-11-25"; },
        [&] { cell.tool_count = 4; },
        [&] { cell.tool_count.reset(); },
        [&] { cell.semantic_hash = "a"; },
        [&] { cell.full_hash = "a"; },
        [&] { cell.certificate_not_after = UtcTime{}; },
        [&] { cell.certificate_earliest_not_after = UtcTime{}; },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        changes[i]();
        EXPECT_TRUE(told()) << "change " << i;
        EXPECT_FALSE(told()) << "change " << i;
    }
    cell.peer_address = "192.0.2.1";
    cell.trace_id = "t";
    cell.timings.dns = 1;
    EXPECT_FALSE(told()) << "what differs from look to look is no change";
}

TEST(DetailsMemory, ACellThatNeedsItsDetailsAlwaysHasThem) {
    DetailsMemory memory;
    auto cell = up(1);
    cell.verdict = Verdict::slow;
    EXPECT_TRUE(memory.due(cell, kStart));
    EXPECT_TRUE(memory.due(cell, kStart));
    EXPECT_TRUE(memory.due(up(1), kStart)) << "the plain cell was not told yet";
}

TEST(DetailsMemory, AboveItsBoundTheLeastRecentlySeenAreForgotten) {
    DetailsMemory memory{2};
    EXPECT_TRUE(memory.due(up(1), kStart));
    EXPECT_TRUE(memory.due(up(2), kStart));
    EXPECT_FALSE(memory.due(up(1), kStart));
    EXPECT_TRUE(memory.due(up(3), kStart));
    EXPECT_FALSE(memory.due(up(1), kStart));
    EXPECT_TRUE(memory.due(up(2), kStart));
}

}  // namespace
}  // namespace quorate::agent
