#include "core/decision/region_state.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace quorate {
namespace {

constexpr std::uint32_t kAbsentAfter = 3;
constexpr std::uint32_t kSlowMask = (1U << RegionState::kSlowVotes) - 1;
constexpr std::uint32_t kFailMask = (1U << RegionState::kFailVotes) - 1;

void count_up(std::uint8_t& count) {
    if (count < std::numeric_limits<std::uint8_t>::max()) ++count;
}

/// Starts fresh after a silence. How long nobody looked goes on counting; and a region that had
/// come back keeps the time at which it did, which the close of an incident reports.
void start_fresh(RegionState& state) {
    RegionState fresh;
    fresh.unknowns = state.unknowns;
    fresh.unknown_reason = state.unknown_reason;
    if (state.phase == RegionPhase::healthy) {
        fresh.healthy_started = state.healthy_started;
        fresh.fast_started = state.fast_started;
    }
    state = fresh;
}

void remember(RegionState& state, UtcMinute minute, bool failing, std::optional<UtcTime> slow) {
    state.fail_votes = static_cast<std::uint16_t>((state.fail_votes << 1U | failing) & kFailMask);
    state.slow_votes =
        static_cast<std::uint8_t>((state.slow_votes << 1U | slow.has_value()) & kSlowMask);
    std::shift_right(state.slow_started.begin(), state.slow_started.end(), 1);
    state.slow_started[0] = slow.value_or(UtcTime{});
    state.last_vote = minute;
    state.unknowns = 0;
    state.unknown_reason.reset();
}

void vote_failing(RegionState& state, UtcMinute minute, UtcTime started, std::uint32_t needed) {
    if (state.fails == 0) {
        state.fail_minute = minute;
        state.fail_started = started;
    }
    count_up(state.fails);
    state.healthies = 0;
    state.healthy_started.reset();
    state.fast_started.reset();
    const bool failing = holds_incident(state.phase) || state.fails >= needed;
    state.phase = failing ? RegionPhase::failing : RegionPhase::suspect;
}

void vote_healthy(RegionState& state, UtcTime started, bool slow) {
    if (state.healthies == 0) state.healthy_started = started;
    if (slow)
        state.fast_started.reset();
    else if (!state.fast_started)
        state.fast_started = started;
    if (state.healthies < kHealthyToRecover) ++state.healthies;
    state.fails = 0;
    state.fail_minute.reset();
    state.fail_started.reset();
    switch (state.phase) {
        case RegionPhase::healthy:
            break;
        case RegionPhase::suspect:
            state.phase = RegionPhase::healthy;
            break;
        case RegionPhase::failing:
            state.phase = RegionPhase::recovering;
            break;
        case RegionPhase::recovering:
            if (state.healthies >= kHealthyToRecover) state.phase = RegionPhase::healthy;
            break;
    }
}

}  // namespace

void apply(RegionState& state, const SealedCell& cell, UtcMinute minute, const RegionRule& rule) {
    if (state.last_vote && minute.start() - state.last_vote->start() > rule.memory)
        start_fresh(state);
    const auto vote = vote_of(cell.verdict);
    if (vote == Vote::none) {
        // MAINT was probed: it is no silence, but nothing that the rule may use either.
        if (cell.verdict == Verdict::unknown) {
            count_up(state.unknowns);
            state.unknown_reason = cell.reason;
        }
        return;
    }
    const bool failing = vote == Vote::failing;
    const bool slow = !failing && (cell.slow || cell.verdict == Verdict::slow);
    const UtcTime started = cell.started.value_or(UtcTime{minute.start()});
    remember(state, minute, failing, slow ? std::optional{started} : std::nullopt);
    if (failing)
        vote_failing(state, minute, started, rule.fails_needed);
    else
        vote_healthy(state, started, slow);
}

bool is_slow(const RegionState& state) {
    return static_cast<std::uint32_t>(std::popcount(state.slow_votes)) >= RegionState::kSlowEnough;
}

bool is_absent(const RegionState& state) {
    return state.unknowns >= kAbsentAfter ||
           (state.unknowns > 0 && state.unknown_reason == Reason::agent_dead);
}

std::string_view shown_phase(const RegionState& state) {
    return is_absent(state) ? "ABSENT" : name_of(state.phase);
}

}  // namespace quorate
