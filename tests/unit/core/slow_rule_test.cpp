#include "tests/support/slow_rule/slow_rule.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include <gtest/gtest.h>

#include "core/incident/down_time.hpp"
#include "core/incident/endpoint_rule.hpp"
#include "tests/unit/core/random_history.hpp"

namespace quorate::testing {
namespace {

#ifdef NDEBUG
constexpr std::uint64_t kHistories = 100'000;
#else
constexpr std::uint64_t kHistories = 10'000;
#endif

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

/// The seed of the run, printed; QUORATE_SEED repeats it. History i has the seed after i others.
std::uint64_t seed_of_the_run() {
    static const std::uint64_t seed = [] {
        const auto value = from_environment("QUORATE_SEED", std::random_device{}());
        std::cout << "QUORATE_SEED=" << value << '\n';
        return value;
    }();
    return seed;
}

Regions ids_of(const EndpointState& state, RegionSet set) {
    Regions ids;
    set.for_each([&](std::size_t index) { ids.insert(state.regions[index]); });
    return ids;
}

SlowTransition as_slow(const Transition& core) {
    return {.kind = core.kind,
            .from = core.from,
            .to = core.to,
            .worst = core.worst,
            .scope = core.scope,
            .mark = core.close_mark,
            .ordinal = core.ordinal,
            .openings = core.openings,
            .opening = core.opening,
            .mttr_sum = core.mttr_sum,
            .flaps = core.flaps,
            .flapping = core.flapping};
}

/// What the rule in use says, in the words of the slow one.
SlowAnswer as_slow(const EndpointState& state, const StepResult& result) {
    const auto& record = result.record;
    SlowAnswer answer;
    for (std::size_t i = 0; i < state.regions.size(); ++i)
        answer.phases[state.regions[i]] = state.states[i].phase;
    answer.regions = record.regions;
    answer.quorum = record.quorum;
    answer.voters = ids_of(state, record.voters);
    answer.failing = ids_of(state, record.failing);
    answer.healthy = ids_of(state, record.healthy);
    answer.silent = ids_of(state, record.silent);
    answer.slow = ids_of(state, record.slow);
    answer.row = record.rule_row;
    answer.decision = record.decision;
    answer.scope = record.scope;
    answer.single_witness = record.single_witness;
    if (!result.transitions.empty()) answer.transition = as_slow(result.transitions.front());
    return answer;
}

void print(std::ostream& out, const char* name, const Regions& regions) {
    out << ' ' << name << '{';
    for (const auto region : regions)
        out << ' ' << region.value();
    out << " }";
}

void print(std::ostream& out, const char* when, const SlowTransition& entry) {
    out << "\n      " << when << name_of(entry.kind) << ' '
        << (entry.from ? name_of(*entry.from) : "-") << " to "
        << (entry.to ? name_of(*entry.to) : "-") << " worst " << name_of(entry.worst) << ' '
        << name_of(entry.scope) << ' ' << name_of(entry.mark) << " #" << entry.ordinal
        << " opening " << entry.openings << " started " << to_rfc3339(entry.opening.started)
        << " detected " << to_rfc3339(entry.opening.detected) << " recovered "
        << (entry.opening.recovered ? to_rfc3339(*entry.opening.recovered) : "-") << " mttr "
        << entry.mttr_sum.count() << " us, flaps " << entry.flaps
        << (entry.flapping ? " FLAPPING" : "");
}

std::string text_of(const SlowAnswer& answer) {
    std::ostringstream out;
    out << name_of(answer.decision) << ' ' << name_of(answer.scope) << " row " << answer.row
        << " Q=" << answer.quorum << (answer.single_witness ? " single_witness" : "");
    print(out, "V", answer.voters);
    print(out, "F", answer.failing);
    print(out, "H", answer.healthy);
    print(out, "S", answer.silent);
    print(out, "slow", answer.slow);
    for (const auto& [region, phase] : answer.phases)
        out << ' ' << region.value() << '=' << name_of(phase);
    if (answer.early) print(out, "early ", *answer.early);
    if (answer.transition) print(out, "", *answer.transition);
    return out.str();
}

struct Disagreement {
    std::size_t at = 0;  ///< which minute of the history
    std::string text;
};

std::string both(const std::string& core, const std::string& slow) {
    return "core: " + core + "\nslow: " + slow + "\n";
}

/// Section 10, over the whole history, once every minute is sealed.
std::optional<Disagreement> compare_uptime(const RandomHistory& history,
                                           const SlowRule& slow,
                                           const std::vector<DecisionRecord>& records,
                                           const std::vector<Spell>& grown) {
    const auto name = [](std::optional<bool> down) {
        return std::string{!down ? "excluded" : *down ? "down" : "up"};
    };
    for (std::size_t at = 0; at < history.minutes.size(); ++at) {
        const auto use =
            use_of(history.minutes[at].minute, records[at].rule_row, grown, records[at].quorum);
        std::optional<bool> down;
        if (use != MinuteUse::excluded) down = use == MinuteUse::down;
        if (down != slow.is_down(at))
            return Disagreement{history.minutes.size() - 1,
                                "the use of minute " + std::to_string(at) + "\n" +
                                    both(name(down), name(slow.is_down(at)))};
    }
    return std::nullopt;
}

/// What the rule in use says of the minute before its seal.
std::vector<Transition> look(EndpointState& state,
                             const SlowMinute& minute,
                             const RuleParams& params) {
    if (!minute.look) return {};
    std::vector<RegionId> configured;
    std::vector<SealedCell> cells;
    for (const auto& cell : minute.cells) {
        configured.push_back(cell.region);
        if (minute.look->delivered.contains(cell.region)) cells.push_back(cell);
    }
    return step_early(state, {minute.minute, minute.look->at, configured, cells}, params)
        .transitions;
}

/// Where the two rules first differ, minute by minute.
std::optional<Disagreement> disagreement(const RandomHistory& history) {
    SlowRule slow{history.params};
    const auto& answers = slow.seal_all(history.minutes);
    EndpointState state;
    std::vector<DecisionRecord> records;
    std::vector<Spell> grown;
    for (std::size_t at = 0; at < history.minutes.size(); ++at) {
        const auto& minute = history.minutes[at];
        const auto& right = answers[at];
        const auto early = look(state, minute, history.params);
        const auto result =
            step(state, {minute.minute, minute.decided_at, minute.cells}, history.params);
        if (early.size() > 1 || result.transitions.size() > 1)
            return Disagreement{at, "two transitions at once"};
        auto core = as_slow(state, result);
        if (!early.empty()) core.early = as_slow(early.front());
        if (core != right) return Disagreement{at, both(text_of(core), text_of(right))};
        records.push_back(result.record);
        for (const auto& spell : grown_spells(state, result.record))
            grown.push_back(spell);
    }
    return compare_uptime(history, slow, records, grown);
}

/// The shortest history found that still disagrees: nothing after the first difference, and then
/// whatever minute can go, first to last, until none can.
RandomHistory shrunk(RandomHistory history) {
    for (bool smaller = true; smaller;) {
        smaller = false;
        history.minutes.resize(disagreement(history)->at + 1);
        for (std::size_t i = 0; i < history.minutes.size() && history.minutes.size() > 1;) {
            auto shorter = history;
            shorter.minutes.erase(shorter.minutes.begin() + static_cast<std::ptrdiff_t>(i));
            if (disagreement(shorter)) {
                history = std::move(shorter);
                smaller = true;
            } else {
                ++i;
            }
        }
    }
    return history;
}

TEST(SlowRule, GivesTheWorkedExampleOfThePage) {
    const std::vector<std::pair<std::string, std::string>> example{
        {"F....", "OK "},
        {"F....", "P2  opened"},
        {"FF...", "P2 "},
        {"FF...", "P1 partial escalated"},
        {"FFFFF", "P1 global scope_changed"},
        {"....F", "P1 widespread scope_changed"},
        {"....F", "P2 "},
        {"....F", "P2  deescalated"},
        {".....", "P2 "},
        {".....", "OK "},
        {".....", "OK  closed"}};
    SlowRule slow{RuleParams{}};
    UtcMinute minute;
    for (const auto& [cells, decision] : example) {
        minute = minute.plus(1, Window::minute());
        SlowMinute sealed{
            .minute = minute, .decided_at = minute.end(Window::minute()), .cells = {}};
        for (std::size_t i = 0; i < cells.size(); ++i) {
            SealedCell cell;
            cell.region = RegionId{i + 1};
            cell.verdict = cells[i] == 'F' ? Verdict::fail : Verdict::up;
            sealed.cells.push_back(cell);
        }
        const auto& answer = slow.seal(sealed);
        auto said =
            std::string{name_of(answer.decision)} + ' ' + std::string{name_of(answer.scope)};
        if (answer.transition) said += ' ' + std::string{name_of(answer.transition->kind)};
        EXPECT_EQ(said, decision) << "minute " << minute.index(Window::minute());
    }
    for (std::size_t at = 0; at < example.size(); ++at)
        EXPECT_EQ(slow.is_down(at), at >= 2 && at <= 4) << "minute " << at + 1;
}

TEST(SlowRule, SaysTheSameOfAMinuteWhetherLaterOnesAreKnown) {
    for (std::uint64_t i = 0; i < 200; ++i) {
        SCOPED_TRACE("QUORATE_SEED=" + std::to_string(seed_of_the_run() + i));
        std::mt19937_64 random{seed_of_the_run() + i};
        const auto history = random_history(random);
        SlowRule all{history.params};
        const auto& answers = all.seal_all(history.minutes);
        SlowRule one_by_one{history.params};
        for (std::size_t at = 0; at < history.minutes.size(); ++at)
            ASSERT_EQ(one_by_one.seal(history.minutes[at]), answers[at]) << "minute " << at;
    }
}

TEST(SlowRule, AgreesWithTheRuleInUseOverRandomHistories) {
    const auto seed = seed_of_the_run();
    const auto histories = from_environment("QUORATE_HISTORIES", kHistories);
    for (std::uint64_t i = 0; i < histories; ++i) {
        SCOPED_TRACE("repeat with QUORATE_HISTORIES=1 QUORATE_SEED=" + std::to_string(seed + i));
        std::mt19937_64 random{seed + i};
        const auto history = random_history(random);
        if (!disagreement(history)) continue;
        const auto shortest = shrunk(history);
        const auto found = disagreement(shortest);
        FAIL() << letters(shortest) << "at the last of these minutes:\n" << found->text;
    }
}

}  // namespace
}  // namespace quorate::testing
