#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

#include <gtest/gtest.h>

#include "core/decision/quarantine.hpp"
#include "core/decision/seal.hpp"
#include "core/incident/state_codec.hpp"
#include "core/verdict/merge.hpp"
#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

using Random = std::mt19937_64;

constexpr int kHistories = 2000;
constexpr int kMinutes = 40;

/// One seed for the run, printed; QUORATE_SEED repeats it.
std::uint64_t seed_of_the_run() {
    static const std::uint64_t seed = [] {
        const char* given = std::getenv("QUORATE_SEED");
        const auto value =
            given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
        std::cout << "QUORATE_SEED=" << value << '\n';
        return value;
    }();
    return seed;
}

int below(Random& random, int bound) {
    return static_cast<int>(random() % static_cast<unsigned>(bound));
}

RuleParams random_params(Random& random) {
    RuleParams params;
    params.window = *Window::of(std::chrono::seconds{below(random, 2) == 0 ? 60 : 5});
    params.p1_quorum = static_cast<P1Quorum>(below(random, 3));
    return params;
}

/// Letters of one minute. Moods make streaks, so that incidents open, close and flap.
class Weather {
public:
    Weather(Random& random, std::size_t regions, std::string_view letters = ".....FFFFssaguudm")
        : random_{random}, letters_{letters}, mood_(regions, '.') {}

    std::string minute() {
        if (below(random_, 12) == 0) std::ranges::fill(mood_, pick());
        std::string letters;
        for (auto& mood : mood_) {
            if (below(random_, 5) == 0) mood = pick();
            letters += below(random_, 6) == 0 ? pick() : mood;
        }
        return letters;
    }

private:
    char pick() {
        return letters_[static_cast<std::size_t>(
            below(random_, static_cast<int>(letters_.size())))];
    }

    Random& random_;
    std::string_view letters_;
    std::string mood_;
};

/// Runs `check(random, history)` on many histories, each with its own seed.
template <class Check>
void for_histories(Check check, int count = kHistories) {
    for (int i = 0; i < count && !testing::Test::HasFailure(); ++i) {
        Random random{seed_of_the_run() + static_cast<unsigned>(i)};
        SCOPED_TRACE("history " + std::to_string(i) + " of QUORATE_SEED " +
                     std::to_string(seed_of_the_run()));
        History history{random_params(random)};
        Weather weather{random, static_cast<std::size_t>(1 + below(random, 6))};
        check(random, history, weather);
    }
}

Cell random_cell(Random& random, const CellKey& key) {
    Cell cell;
    cell.key = key;
    cell.verdict = static_cast<Verdict>(below(random, 6));
    if (below(random, 4) != 0)
        cell.started = UtcTime{key.minute.start()} + milliseconds{below(random, 3)};
    cell.attempt = static_cast<std::uint8_t>(below(random, 3));
    cell.agent = std::string(1, static_cast<char>('a' + below(random, 2)));
    cell.slow = below(random, 3) == 0;
    cell.detail = std::string(1, static_cast<char>('a' + below(random, 2)));
    return cell;
}

TEST(MergeProperty, IsCommutativeAssociativeAndIdempotent) {
    Random random{seed_of_the_run()};
    const CellKey key{EndpointId{1}, RegionId{1}, minute_at(0)};
    for (int i = 0; i < 20'000; ++i) {
        const auto a = random_cell(random, key);
        const auto b = random_cell(random, key);
        const auto c = random_cell(random, key);
        ASSERT_EQ(merge(a, b), merge(b, a));
        ASSERT_EQ(merge(merge(a, b), c), merge(a, merge(b, c)));
        ASSERT_EQ(merge(a, a), a);
    }
}

TEST(DecisionProperty, IsTheSameForAnyOrderAndAnyDuplicationOfCells) {
    for_histories([](Random& random, History&, Weather&) {
        const auto params = random_params(random);
        const auto regions = static_cast<std::size_t>(1 + below(random, 6));
        EndpointState one;
        EndpointState other;
        for (int number = 0; number < kMinutes; ++number) {
            const auto minute = minute_at(number, params.window);
            std::vector<ExpectedRegion> expected;
            std::vector<Cell> cells;
            for (std::size_t r = 0; r < regions; ++r) {
                expected.push_back({RegionId{r + 1}, below(random, 2) == 0});
                const CellKey key{EndpointId{1}, RegionId{r + 1}, minute};
                for (int copies = below(random, 3); copies > 0; --copies)
                    cells.push_back(random_cell(random, key));
            }
            auto shuffled = cells;
            for (int again = below(random, 4); again > 0 && !cells.empty(); --again)
                shuffled.push_back(cells[random() % cells.size()]);
            std::ranges::shuffle(shuffled, random);
            auto shuffled_expected = expected;
            std::ranges::shuffle(shuffled_expected, random);

            const auto decide_from = [&](EndpointState& state,
                                         const std::vector<ExpectedRegion>& who,
                                         const std::vector<Cell>& what) {
                const auto views = sealed_cells(seal(EndpointId{1}, minute, who, what), false);
                return step(state, {minute, watermark(minute, params.window), views}, params);
            };
            const auto a = decide_from(one, expected, cells);
            const auto b = decide_from(other, shuffled_expected, shuffled);
            ASSERT_EQ(a.record, b.record);
            ASSERT_EQ(text_of(a.transitions), text_of(b.transitions));
            ASSERT_EQ(one, other);
        }
    });
}

bool is_silence(char letter) {
    return letter == 'u' || letter == 'd' || letter == 'm';
}

/// Some regions silent, at least one and not all, the others healthy; needs two regions.
std::string partly_silent(Random& random, std::size_t regions) {
    std::string letters(regions, '.');
    for (auto& letter : letters)
        if (below(random, 2) == 0) letter = below(random, 2) == 0 ? 'u' : 'd';
    const auto one = random() % regions;
    letters[one] = 'u';
    letters[(one + 1) % regions] = '.';
    return letters;
}

TEST(DecisionProperty, AbsenceOfAllRegionsNeverOpensAndNeverClosesAnIncident) {
    for_histories([](Random& random, History& history, Weather& weather) {
        for (int i = 0; i < kMinutes; ++i)
            history.minute(weather.minute());
        const bool open = history.state.incident.open;
        const std::string silence(history.state.regions.size(), below(random, 2) == 0 ? 'u' : 'd');
        for (int i = 0; i < 30; ++i) {
            if (below(random, 10) == 0) history.skip(below(random, 30));
            history.minute(silence);
            ASSERT_TRUE(history.last().transitions.empty());
            ASSERT_EQ(history.last().record.decision, Decision::blind);
        }
        ASSERT_EQ(history.state.incident.open, open);
    });
}

TEST(DecisionProperty, AbsenceOfSomeRegionsNeverOpensAnIncidentWhileTheOthersAreHealthy) {
    int in_trouble = 0;
    for_histories([&in_trouble](Random& random, History& history, Weather&) {
        const auto regions = static_cast<std::size_t>(2 + below(random, 5));
        Weather weather{random, regions, "....FFFaguudm"};  // slow votes could open a P3 by right
        for (int i = below(random, kMinutes); i >= 0; --i)
            history.minute(weather.minute());
        if (history.state.incident.open) return;
        // One that alone sees a failure, which opens nothing, and then falls silent.
        const auto who = random() % regions;
        std::string letters(regions, 'u');
        letters[who] = 'F';
        history.times(2, letters);
        ASSERT_EQ(history.last().record.decision, Decision::unconfirmed);
        letters = partly_silent(random, regions);
        letters[who] = 'd';
        if (holds_incident(history.region(who).phase)) ++in_trouble;
        for (int i = 0; i < 30; ++i) {
            history.minute(letters);
            ASSERT_TRUE(history.last().transitions.empty()) << letters;
        }
    });
    EXPECT_GT(in_trouble, 100) << "histories without an open incident must occur";
}

TEST(DecisionProperty, AbsenceNeverMakesAP1OfFewerFailingRegionsThanTheQuorum) {
    int few_voters = 0;
    for_histories([&few_voters](Random& random, History& history, Weather&) {
        const auto regions = static_cast<std::size_t>(2 + below(random, 5));
        const auto quorum = quorum_of(history.params().p1_quorum, regions);
        Weather failing{random, quorum - 1, "FFFFF.ud"};
        Weather others{random, regions - quorum + 1, "...uuuud"};
        for (int i = 0; i < 3 * kMinutes; ++i) {
            const auto& record = history.minute(failing.minute() + others.minute()).record;
            ASSERT_NE(record.decision, Decision::p1);
            if (record.voters.count() < quorum && !record.failing.empty()) ++few_voters;
        }
    });
    EXPECT_GT(few_voters, 1000) << "failing regions among too few voters must occur";
}

TEST(DecisionProperty, AFailingRegionThatFallsSilentHoldsTheIncidentForTenMinutes) {
    int held = 0;
    for_histories([&held](Random& random, History& history, Weather&) {
        const auto regions = static_cast<std::size_t>(2 + below(random, 5));
        Weather weather{random, regions};
        const auto who = random() % regions;
        for (int i = 0; i < kMinutes; ++i)
            history.minute(weather.minute());
        auto letters = weather.minute();
        letters[who] = 'F';
        history.times(2, letters);  // its last vote; the minute is what it is for the others
        if (!history.state.incident.open) return;
        ++held;
        const auto severity = history.state.incident.severity;
        letters = partly_silent(random, regions);
        letters[who] = 'd';
        for (int i = 1; i <= 10; ++i) {
            history.minute(letters);
            ASSERT_TRUE(history.state.incident.open) << "minute " << i << " of " << letters;
            ASSERT_EQ(history.state.incident.severity, severity) << letters;
        }
        // All healthy from here on: it is no trap either.
        history.times(30, std::string(regions, '.'));
        ASSERT_FALSE(history.state.incident.open);
    });
    EXPECT_GT(held, 100);
}

TEST(DecisionProperty, NothingClosesOrGoesDownWhileARegionInTroubleIsSilent) {
    int closed = 0;
    for_histories([&closed](Random&, History& history, Weather& weather) {
        for (int i = 0; i < 3 * kMinutes; ++i) {
            const auto letters = weather.minute();
            for (const auto& transition : history.minute(letters).transitions) {
                if (transition.kind != TransitionKind::closed &&
                    transition.kind != TransitionKind::deescalated)
                    continue;
                ++closed;
                ASSERT_FALSE(history.last().record.voters.empty());
                for (std::size_t r = 0; r < letters.size(); ++r)
                    ASSERT_FALSE(is_silence(letters[r]) && holds_incident(history.region(r).phase))
                        << letters << ", region " << r;
            }
        }
    });
    EXPECT_GT(closed, 1000);
}

TEST(DecisionProperty, AP1NeverHasFewerThanTwoFailingRegionsUnlessThereIsOnlyOne) {
    for_histories([](Random&, History& history, Weather& weather) {
        for (int i = 0; i < kMinutes; ++i) {
            const auto& record = history.minute(weather.minute()).record;
            if (record.decision != Decision::p1) continue;
            const auto failing = record.rule_row == 3 ? record.failed : record.failing;
            if (record.regions == 1) {
                ASSERT_TRUE(record.single_witness);
                continue;
            }
            ASSERT_GE(failing.count(), 2U);
            ASSERT_GE(failing.count(), record.quorum);
        }
    });
}

TEST(DecisionProperty, OneWitnessOfSeveralNeverOpensAnything) {
    for_histories([](Random&, History& history, Weather& weather) {
        for (int i = 0; i < kMinutes; ++i) {
            history.minute(weather.minute());
            if (history.last().record.rule_row > 2) continue;
            for (const auto& transition : history.last().transitions)
                ASSERT_EQ(transition.kind, TransitionKind::closed);
        }
    });
}

TEST(TimelineProperty, IsAnUnbrokenChainOfSeverities) {
    for_histories([](Random&, History& history, Weather& weather) {
        for (int i = 0; i < 3 * kMinutes; ++i)
            history.minute(weather.minute());
        std::optional<Severity> before;
        for (const auto& entry : history.timeline) {
            ASSERT_EQ(entry.from, before);
            const bool opens =
                entry.kind == TransitionKind::opened || entry.kind == TransitionKind::reopened;
            ASSERT_EQ(opens, !before);
            ASSERT_EQ(entry.kind == TransitionKind::closed, !entry.to);
            if (entry.to) {
                ASSERT_LE(entry.worst, *entry.to);
            }
            if (entry.kind == TransitionKind::escalated) {
                ASSERT_LT(*entry.to, *entry.from);
            }
            if (entry.kind == TransitionKind::deescalated) {
                ASSERT_GT(*entry.to, *entry.from);
            }
            if (entry.kind == TransitionKind::closed) {
                ASSERT_TRUE(entry.opening.recovered);
                ASSERT_GE(*entry.opening.recovered, entry.opening.started);
                ASSERT_LE(*entry.opening.recovered, entry.at);
            }
            ASSERT_GE(entry.opening.detected, entry.opening.started);
            before = entry.to;
        }
    });
}

TEST(StateProperty, SurvivesARoundTripInTheMiddleOfAnyHistory) {
    for_histories(
        [](Random& random, History& history, Weather& weather) {
            const int cut = below(random, kMinutes);
            for (int i = 0; i < cut; ++i)
                history.minute(weather.minute());
            if (history.state.incident.open) set_incident_id(history.state, IncidentId{5});
            auto restored = history;
            std::string bytes;
            pack(history.state, bytes);
            std::string_view rest{bytes};
            restored.state = unpack_endpoint_state(rest, history.state.last_minute);
            ASSERT_TRUE(rest.empty());
            ASSERT_EQ(restored.state, history.state);
            for (int i = cut; i < kMinutes; ++i) {
                const auto letters = weather.minute();
                const milliseconds lateness{below(random, 10) == 0 ? 3'600'000 : 0};
                history.minute(letters, lateness);
                restored.minute(letters, lateness);
                ASSERT_EQ(restored.last().record, history.last().record);
                ASSERT_EQ(restored.state, history.state);
                ASSERT_EQ(text_of(restored.last().caught_up), text_of(history.last().caught_up));
            }
            ASSERT_EQ(text_of(restored.timeline), text_of(history.timeline));
        },
        500);
}

TEST(EarlyProperty, AnEarlyP1ImpliesThatTheSealDecidesP1AndChangesNoDecision) {
    int opened_early = 0;
    for_histories([&opened_early](Random& random, History& history, Weather& weather) {
        EndpointState patient;  // is never asked early
        for (int i = 0; i < kMinutes; ++i) {
            const auto letters = weather.minute();
            const auto window = history.params().window;
            const auto all = cells_of(letters, history.next(), window);
            std::vector<SealedCell> came;
            std::vector<RegionId> configured;
            for (const auto& cell : all) {
                configured.push_back(cell.region);
                if (below(random, 3) != 0) came.push_back(cell);
            }
            std::ranges::shuffle(came, random);
            const auto minute = history.at(history.next());
            const EarlyMinute early{minute, minute.start() + window.length() / 2, configured, came};
            const bool certain = early_p1(history.state, early, history.params());
            const auto transitions = step_early(history.state, early, history.params()).transitions;
            if (!transitions.empty()) ++opened_early;
            ASSERT_TRUE(certain || transitions.empty());

            const auto expected =
                step(patient, {minute, watermark(minute, window), all}, history.params());
            history.minute(letters);
            ASSERT_EQ(history.last().record, expected.record);
            if (certain) {
                ASSERT_EQ(history.last().record.decision, Decision::p1);
            }
            // Nothing else is left of it: what was detected was detected sooner.
            auto state = history.state;
            ASSERT_LE(state.incident.opening.detected, patient.incident.opening.detected);
            state.incident.opening.detected = patient.incident.opening.detected;
            ASSERT_EQ(state, patient);
        }
    });
    EXPECT_GT(opened_early, 100) << "the histories must reach the case at all";
}

TEST(QuarantineProperty, NeverTouchesAMinuteWithTwoFailingRegions) {
    for_histories([](Random&, History&, Weather& weather) {
        for (int i = 0; i < kMinutes; ++i) {
            auto cells = cells_of(weather.minute(), i);
            std::vector<RegionId> all;
            for (const auto& cell : cells)
                all.push_back(cell.region);
            const auto before = cells;
            const auto fails = std::ranges::count(cells, Verdict::fail, &SealedCell::verdict);
            const bool turned = quarantine(cells, all);
            if (turned) {
                ASSERT_EQ(fails, 1);
            }
            if (!turned) {
                ASSERT_EQ(cells, before);
            }
        }
    });
}

}  // namespace
}  // namespace quorate::test
