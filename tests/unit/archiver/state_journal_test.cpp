#include "archiver/sealing/state_journal.hpp"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "core/incident/state_codec.hpp"
#include "core/schedule/schedule.hpp"
#include "tests/unit/archiver/versions.hpp"

namespace quorate {
namespace {

using testing::at;
using testing::cell;
using testing::kWindow;
using testing::version;

EndpointVersion in_shard_1(std::uint64_t endpoint) {
    auto made = version(endpoint, 0);
    made.shard = ShardId{1};
    return made;
}

/// Endpoints 1 to 3 of one shard, with a log that is kept as a store would keep it.
struct Journal : ::testing::Test {
    Catalogue catalogue{{in_shard_1(1), in_shard_1(2), in_shard_1(3)}, kWindow};
    ProgressMap committed;
    StateJournal journal;
    struct Entry {
        EndpointId endpoint;
        UtcMinute minute;
        std::string bytes;
    };
    std::vector<Entry> log;

    /// A minute in which the endpoints' regions all answer so. @return how many states it stored
    std::size_t minute(std::int64_t number, std::initializer_list<Verdict> verdicts) {
        SealPlan plan{committed, catalogue, watermark(at(number), kWindow)};
        std::uint64_t id = 0;
        for (const auto verdict : verdicts) {
            const auto* known = catalogue.expected(EndpointId{++id}, at(number));
            std::vector<Cell> cells;
            for (const auto region : known->regions)
                cells.push_back(cell(id, region.value(), number, verdict));
            plan.seal(*known, at(number), cells, [](RegionId) { return true; });
        }
        const auto entries = journal.entries(plan);
        std::size_t stored = 0;
        for (const auto& entry : entries) {
            if (entry.whole) log.clear();
            for (const auto& [endpoint, progress] : entry.states) {
                auto& row = log.emplace_back(endpoint, *progress->rule.last_minute, "");
                pack(progress->rule, row.bytes);
                ++stored;
            }
        }
        journal.stored(entries);
        for (auto& [endpoint, progress] : plan.changed)
            committed[endpoint] = progress;
        return stored;
    }

    /// As another life would read it: the last entry, with the last minute from the minutes.
    EndpointState restored(EndpointId endpoint) const {
        EndpointState state;
        for (const auto& entry : log)
            if (entry.endpoint == endpoint) {
                std::string_view bytes{entry.bytes};
                state = unpack_endpoint_state(bytes, committed.at(endpoint).rule.last_minute);
            }
        return state;
    }
};

constexpr auto kUp = Verdict::up;
constexpr auto kFail = Verdict::fail;

TEST_F(Journal, StoresWhatChangedAndNothingWhereAllIsWell) {
    for (int i = 0; i < 12; ++i)
        minute(i, {kUp, kUp, kUp});
    EXPECT_EQ(minute(12, {kUp, kUp, kUp}), 0U);
    EXPECT_EQ(minute(13, {kUp, kFail, kUp}), 1U);
    EXPECT_EQ(minute(14, {kUp, kUp, kUp}), 1U);
}

TEST_F(Journal, ReplacesALogOfTenTimesItsShard) {
    std::size_t most = 0;
    bool replaced = false;
    for (int i = 0; i < 60; ++i) {
        const auto before = log.size();
        minute(i, {kFail, i % 2 == 0 ? kFail : kUp, kUp});
        replaced = replaced || log.size() < before;
        most = std::max(most, log.size());
        for (std::uint64_t id = 1; id <= 3; ++id)
            ASSERT_EQ(restored(EndpointId{id}), committed.at(EndpointId{id}).rule);
    }
    EXPECT_TRUE(replaced);
    EXPECT_LE(most, StateJournal::kLogFactor * 3 + 2);
}

TEST_F(Journal, StoresAgainAfterADay) {
    const auto day = std::chrono::hours{24} / kWindow.length();
    for (int i = 0; i < 12; ++i)
        minute(i, {kUp, kUp, kUp});
    std::size_t stored = 0;
    for (auto i = 12; i < 12 + day; ++i)
        stored += minute(i, {kUp, kUp, kUp});
    EXPECT_EQ(stored, 3U);
}

TEST_F(Journal, AnotherLifeReadsTheStateOfAnyHistory) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    const auto verdict = [&random] {
        static constexpr Verdict kVerdicts[]{
            Verdict::fail, Verdict::unknown, Verdict::slow, Verdict::auth, Verdict::degraded};
        const auto number = random() % 40;
        return number < std::size(kVerdicts) ? kVerdicts[number] : kUp;
    };
    for (int i = 0; i < 500; ++i) {
        minute(i, {verdict(), verdict(), verdict()});
        if (i % 7 == 0) {  // another life
            StateJournal::Logged logged;
            for (const auto& entry : log) {
                ++logged.states[ShardId{1}];
                logged.endpoints[entry.endpoint] = entry.minute;
            }
            journal = StateJournal{std::move(logged)};
        }
        for (std::uint64_t id = 1; id <= 3; ++id)
            ASSERT_EQ(restored(EndpointId{id}), committed.at(EndpointId{id}).rule)
                << "minute " << i;
    }
}

}  // namespace
}  // namespace quorate
