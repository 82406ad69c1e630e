#include "core/decision/decide.hpp"

#include <algorithm>

namespace quorate {
namespace {

void set(DecisionRecord& record, std::uint8_t row, Decision decision, Scope scope = Scope::none) {
    record.rule_row = row;
    record.decision = decision;
    record.scope = scope;
}

/// The scope of a P1 by row 4.
Scope scope_of_p1(const DecisionRecord& record) {
    if (record.healthy.empty()) return Scope::global;
    return record.failing.count() > record.healthy.count() ? Scope::widespread : Scope::partial;
}

/// Fills in the electorate and returns the regions of F that are FAILING.
RegionSet fill_electorate(DecisionRecord& record,
                          std::span<const RegionState> states,
                          const Votes& votes) {
    RegionSet failing_now;
    record.voters = votes.voted;
    record.failed = votes.failed;
    for (std::size_t i = 0; i < states.size(); ++i) {
        const bool holds = holds_incident(states[i].phase);
        if (!votes.voted.has(i)) {
            if (holds) record.silent.add(i);
            continue;
        }
        if (holds) record.failing.add(i);
        if (states[i].phase == RegionPhase::failing) failing_now.add(i);
        if (states[i].phase == RegionPhase::healthy) record.healthy.add(i);
        if (is_slow(states[i])) record.slow.add(i);
    }
    return failing_now;
}

}  // namespace

void add_vote(Votes& votes, std::size_t index, Verdict verdict) {
    if (verdict == Verdict::maint) votes.maintenance.add(index);
    const auto vote = vote_of(verdict);
    if (vote == Vote::none) return;
    votes.voted.add(index);
    if (vote == Vote::failing) votes.failed.add(index);
}

double coverage(const DecisionRecord& record) {
    return record.regions == 0 ? 0.0 : static_cast<double>(record.voters.count()) / record.regions;
}

DecisionRecord decide(std::span<const RegionState> states,
                      const Votes& votes,
                      std::uint32_t quorum,
                      std::optional<Severity> open) {
    DecisionRecord record;
    const auto n = static_cast<std::uint32_t>(states.size());
    record.regions = static_cast<std::uint8_t>(n);
    record.quorum = static_cast<std::uint8_t>(quorum);
    const auto failing_now = fill_electorate(record, states, votes);
    const auto v = record.voters.count();
    const auto f = record.failing.count();
    const auto h = record.healthy.count();
    const bool open_p1 = open == Severity::p1;
    const bool open_p2_or_p1 = open_p1 || open == Severity::p2;
    const bool many = n >= 2;

    if (votes.maintenance.count() == n) {
        set(record, 0, Decision::maint);
    } else if (v == 0) {
        set(record, 1, Decision::blind);
    } else if (many && v == 1) {
        set(record, 2, f == 1 ? Decision::unconfirmed : Decision::low_visibility);
    } else if (many && v >= std::max(3U, quorum) && 2 * v > n && votes.failed == votes.voted) {
        set(record, 3, Decision::p1, Scope::global);
    } else if (f >= quorum && (failing_now.count() >= quorum || open_p1)) {
        set(record, 4, Decision::p1, scope_of_p1(record));
        record.single_witness = n == 1;
    } else if (many && f > 0 && (h >= 1 || f >= 2) && (!failing_now.empty() || open_p2_or_p1)) {
        set(record, 5, Decision::p2);
    } else if (f > 0 || !record.silent.empty()) {
        set(record, 6, Decision::pending);
    } else if (!record.slow.empty()) {
        const bool regional = record.slow != record.voters;
        set(record, 7, Decision::p3, regional ? Scope::regional : Scope::global);
    } else {
        set(record, 8, Decision::ok);
    }
    return record;
}

}  // namespace quorate
