#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "core/verdict/merge.hpp"
#include "core/verdict/slow.hpp"

namespace quorate {
namespace {

using namespace std::chrono_literals;

Cell cell(Verdict verdict,
          std::optional<UtcTime> started = {},
          int attempt = 1,
          std::string agent = "a") {
    Cell made;
    made.verdict = verdict;
    made.started = started;
    made.attempt = static_cast<std::uint8_t>(attempt);
    made.agent = std::move(agent);
    return made;
}

TEST(Merge, LetsTheHigherRankWinWhateverElseTheySay) {
    const std::vector ranks{Verdict::unknown,
                            Verdict::up,
                            Verdict::slow,
                            Verdict::degraded,
                            Verdict::auth,
                            Verdict::fail};
    for (std::size_t low = 0; low < ranks.size(); ++low)
        for (std::size_t high = low + 1; high < ranks.size(); ++high) {
            const auto a = cell(ranks[low], UtcTime{1s});
            const auto b = cell(ranks[high], UtcTime{2s}, 2, "b");
            EXPECT_EQ(merge(a, b).verdict, ranks[high]);
            EXPECT_EQ(merge(b, a).verdict, ranks[high]);
        }
}

TEST(Merge, WithinARankTakesTheEarlierStartThenAttemptThenAgentThenTheRest) {
    const auto first = cell(Verdict::up, UtcTime{1s}, 2, "z");
    const auto later = cell(Verdict::up, UtcTime{2s}, 1, "a");
    EXPECT_EQ(merge(later, first), first);
    const auto attempt_one = cell(Verdict::up, UtcTime{1s}, 1, "z");
    EXPECT_EQ(merge(first, attempt_one), attempt_one);
    const auto agent_a = cell(Verdict::up, UtcTime{1s}, 1, "a");
    EXPECT_EQ(merge(attempt_one, agent_a), agent_a);
    auto other_job = agent_a;
    other_job.job = "1";
    EXPECT_EQ(merge(other_job, agent_a), agent_a);
    EXPECT_EQ(merge(agent_a, other_job), agent_a);
}

TEST(Merge, PutsAMissingStartLast) {
    const auto without = cell(Verdict::unknown, {}, 0, "");
    const auto with = cell(Verdict::unknown, UtcTime{1s}, 2, "z");
    EXPECT_EQ(merge(without, with), with);
    EXPECT_EQ(merge(with, without), with);
}

TEST(SlowThreshold, IsTheLowerOfTheOwnersAndTheUsual) {
    const LatencyBaseline baseline{100ms, 200ms};
    EXPECT_EQ(slow_over_ms(std::nullopt, std::nullopt), std::nullopt);
    EXPECT_EQ(slow_over_ms(500ms, std::nullopt), 500U);
    EXPECT_EQ(slow_over_ms(std::nullopt, baseline), 400U);
    EXPECT_EQ(slow_over_ms(500ms, baseline), 400U);
    EXPECT_EQ(slow_over_ms(300ms, baseline), 300U);
}

TEST(SlowThreshold, LeavesAFastEndpointAtLeast150MsOfRoom) {
    EXPECT_EQ(slow_over_ms(std::nullopt, LatencyBaseline{3ms, 5ms}), 153U);
}

TEST(GuiltyPhase, IsTheLongestWhereNothingIsKnownToBeUsual) {
    PhaseTimings timings;
    timings.tcp = 10'000;
    timings.tools_list = 300'000;
    timings.dns = 200'000;
    timings.total = 520'000;
    EXPECT_EQ(guilty_phase(timings, std::nullopt), Phase::tools_list);
}

TEST(GuiltyPhase, IsTheOneWithTheLargestExcessOverItsOwnBaseline) {
    PhaseTimings timings;
    timings.tcp = 90'000;          // usually 10 ms: 80 beyond
    timings.tools_list = 300'000;  // usually 250 ms: 50 beyond
    timings.initialize = 40'000;   // usually 40 ms
    timings.dns = 20'000;          // rest: 460 - 430 = 30 ms, usually 20
    timings.total = 460'000;
    UsualTimes usual{10'000U, {}, 40'000U, 250'000U, 20'000U};
    EXPECT_EQ(guilty_phase(timings, usual), Phase::tcp);
    usual.tcp = 85'000;
    EXPECT_EQ(guilty_phase(timings, usual), Phase::tools_list);
    usual.tools_list = 299'000;
    EXPECT_EQ(guilty_phase(timings, usual), Phase::dns);
    timings.tls = 16'000;
    timings.total = 476'000;
    EXPECT_EQ(guilty_phase(timings, usual), Phase::tls) << "a phase without history is all excess";
}

TEST(GuiltyPhase, OfPhasesThatAreNotKeptOneByOneTheLongestStandsForAll) {
    PhaseTimings timings;
    timings.tools_list = 20'000;
    timings.dns = 100'000;
    timings.discover = 150'000;
    timings.total = 270'000;
    const UsualTimes usual{{}, {}, {}, 15'000U, 50'000U};
    EXPECT_EQ(guilty_phase(timings, usual), Phase::discover);
}

TEST(Slow, IsStrictlyOverTheThreshold) {
    EXPECT_FALSE(is_slow(500'000, 500));
    EXPECT_TRUE(is_slow(500'001, 500));
    EXPECT_FALSE(is_slow(4'000'000'000U, std::nullopt));
    EXPECT_FALSE(is_slow(4'000'000'000U, 4'294'967'295U));
}

}  // namespace
}  // namespace quorate
