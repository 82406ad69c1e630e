#include "tests/support/slow_rule/slow_rule.hpp"

#include <algorithm>

namespace quorate::testing {
namespace {

bool is_vote(Verdict verdict) {  // section 2, column "vote"
    return verdict != Verdict::unknown && verdict != Verdict::maint;
}

/// Section 5: Q.
std::size_t quorum(P1Quorum wanted, std::size_t regions) {
    if (regions == 1) return 1;
    std::size_t q = 2;
    if (wanted == P1Quorum::majority) q = regions / 2 + 1;
    if (wanted == P1Quorum::all) q = regions;
    return std::max<std::size_t>(q, 2);
}

/// Section 4, vote by vote. R = 2.
RegionPhase phase_after(const std::vector<Ballot>& ballots) {
    auto phase = RegionPhase::healthy;
    std::uint32_t fails = 0;  // consecutive
    for (const auto& ballot : ballots) {
        fails = ballot.fail ? fails + 1 : 0;
        switch (phase) {
            case RegionPhase::healthy:
            case RegionPhase::suspect:
                if (!ballot.fail) phase = RegionPhase::healthy;
                if (ballot.fail) phase = RegionPhase::suspect;
                if (fails >= ballot.fails_needed) phase = RegionPhase::failing;
                break;
            case RegionPhase::failing:
                if (!ballot.fail) phase = RegionPhase::recovering;  // its first healthy cell
                break;
            case RegionPhase::recovering:  // its second vote: healthy is the second in a row
                phase = ballot.fail ? RegionPhase::failing : RegionPhase::healthy;
                break;
        }
    }
    return phase;
}

/// Section 5, row 7: slow in at least 3 of its last 5 votes.
bool is_slow(const std::vector<Ballot>& ballots) {
    int slow = 0;
    for (std::size_t back = 1; back <= 5 && back <= ballots.size(); ++back)
        if (ballots[ballots.size() - back].slow) ++slow;
    return slow >= 3;
}

}  // namespace

const SlowAnswer& SlowRule::seal(SlowMinute minute) {
    history_.push_back(std::move(minute));
    judge_all();
    return answers_.back();
}

const std::vector<SlowAnswer>& SlowRule::seal_all(std::vector<SlowMinute> minutes) {
    history_ = std::move(minutes);
    judge_all();
    return answers_;
}

void SlowRule::judge_all() {
    answers_.clear();
    ballots_.clear();
    incident_ = {};
    for (std::size_t at = 0; at < history_.size(); ++at)
        judge(at);
}

void SlowRule::judge(std::size_t at) {
    answers_.emplace_back();
    answers_.back().early = move_early(at);
    take_votes(at, answers_.back());
    decide(at, answers_.back());
    answers_.back().transition = move_incident(at);
}

const SealedCell* SlowRule::cell_of(std::size_t at, RegionId region) const {
    for (const auto& cell : history_[at].cells)
        if (cell.region == region) return &cell;
    return nullptr;  // not configured in that minute
}

std::size_t SlowRule::quorum_of(std::size_t at) const {
    return quorum(params_.p1_quorum, history_[at].cells.size());
}

bool SlowRule::is_older(std::size_t from, std::size_t to, milliseconds age) const {
    return history_[to].minute.start() - history_[from].minute.start() > age;
}

/// Section 4: whether a vote is more than 10 minutes (3 intervals, where longer) old.
bool SlowRule::is_forgotten(std::size_t vote, std::size_t at) const {
    return is_older(vote, at, std::max(10 * params_.window.length(), 3 * params_.interval));
}

/// The votes of a region since it joined, up to the minute `at`. UNKNOWN and MAINT are not among
/// them: they freeze everything.
std::vector<Ballot> SlowRule::all_votes(std::size_t at, RegionId region) const {
    std::vector<Ballot> votes;
    for (std::size_t i = 0; i <= at; ++i) {
        const auto* cell = cell_of(i, region);
        if (cell == nullptr) votes.clear();  // section 4: a new region starts fresh
        if (cell == nullptr || !is_vote(cell->verdict)) continue;
        const bool fail = cell->verdict == Verdict::fail;
        votes.push_back({.at = i,
                         .fail = fail,
                         .slow = !fail && cell->slow,  // section 7: a flag of any healthy cell
                         .started = cell->started.value_or(history_[i].minute.start()),
                         .fails_needed = history_[i].cells.size() == 1 ? 3U : 2U});
    }
    return votes;
}

/// Section 4: the votes that the state of a region is made from at the end of the minute `at`:
/// those since it last started fresh.
std::vector<Ballot> SlowRule::count_ballots(std::size_t at, RegionId region) const {
    std::vector<Ballot> votes;
    for (const auto& vote : all_votes(at, region)) {
        if (!votes.empty() && is_forgotten(votes.back().at, vote.at)) votes.clear();
        votes.push_back(vote);
    }
    if (!votes.empty() && is_forgotten(votes.back().at, at)) votes.clear();
    return votes;
}

const std::vector<Ballot>& SlowRule::ballots(std::size_t at, RegionId region) const {
    const auto [place, is_new] = ballots_.try_emplace({at, region});
    if (is_new) place->second = count_ballots(at, region);
    return place->second;
}

/// Where the region stood after its cell of the minute `at`.
RegionPhase SlowRule::phase_at_vote(std::size_t at, RegionId region) const {
    return phase_after(ballots(at, region));
}

/// Section 5: V, F, H, S, after the cells of the minute were applied.
void SlowRule::take_votes(std::size_t at, SlowAnswer& answer) const {
    answer.regions = history_[at].cells.size();
    answer.quorum = quorum_of(at);
    for (const auto& cell : history_[at].cells) {
        const auto& votes = ballots(at, cell.region);
        const auto phase = phase_after(votes);
        const bool fails = phase == RegionPhase::failing || phase == RegionPhase::recovering;
        answer.phases[cell.region] = phase;
        if (!is_vote(cell.verdict)) {
            if (fails) answer.silent.insert(cell.region);
            continue;
        }
        answer.voters.insert(cell.region);
        if (fails) answer.failing.insert(cell.region);
        if (phase == RegionPhase::healthy) answer.healthy.insert(cell.region);
        if (is_slow(votes)) answer.slow.insert(cell.region);
    }
}

/// How many of F are FAILING.
std::size_t SlowRule::failing_now(const SlowAnswer& answer) const {
    std::size_t count = 0;
    for (const auto region : answer.failing)
        if (answer.phases.at(region) == RegionPhase::failing) ++count;
    return count;
}

bool SlowRule::every_vote_fails(std::size_t at, const SlowAnswer& answer) const {
    for (const auto region : answer.voters)
        if (cell_of(at, region)->verdict != Verdict::fail) return false;
    return true;
}

/// Section 5, the table; the first match wins.
void SlowRule::decide(std::size_t at, SlowAnswer& answer) const {
    const auto says = [&answer](int row, Decision decision, Scope scope = Scope::none) {
        answer.row = row;
        answer.decision = decision;
        answer.scope = scope;
    };
    const auto& cells = history_[at].cells;
    const auto is_maint = [](const auto& cell) { return cell.verdict == Verdict::maint; };
    if (std::all_of(cells.begin(), cells.end(), is_maint)) return says(0, Decision::maint);
    if (answer.voters.empty()) return says(1, Decision::blind);
    if (answer.regions >= 2 && answer.voters.size() == 1)
        return says(2, answer.failing.empty() ? Decision::low_visibility : Decision::unconfirmed);
    if (decide_failure(at, answer)) return;
    if (!answer.failing.empty() || !answer.silent.empty()) return says(6, Decision::pending);
    if (!answer.slow.empty())
        return says(
            7, Decision::p3, answer.slow == answer.voters ? Scope::global : Scope::regional);
    says(8, Decision::ok);
}

/// Rows 3 to 5.
bool SlowRule::decide_failure(std::size_t at, SlowAnswer& answer) const {
    const auto says = [&answer](int row, Decision decision, Scope scope) {
        answer.row = row;
        answer.decision = decision;
        answer.scope = scope;
        answer.single_witness = decision == Decision::p1 && answer.regions == 1;
        return true;
    };
    const auto v = answer.voters.size();
    const auto f = answer.failing.size();
    const auto h = answer.healthy.size();
    const bool open_p1 = incident_.open && incident_.severity == Severity::p1;
    const bool open_p2 = incident_.open && incident_.severity == Severity::p2;
    const bool many = answer.regions >= 2;  // N = 1: rows 2, 3 and 5 do not apply
    if (many && v >= std::max<std::size_t>(3, answer.quorum) && 2 * v > answer.regions &&
        every_vote_fails(at, answer))
        return says(3, Decision::p1, Scope::global);
    if (f >= answer.quorum && (failing_now(answer) >= answer.quorum || open_p1)) {
        if (h == 0) return says(4, Decision::p1, Scope::global);
        return says(4, Decision::p1, f > h ? Scope::widespread : Scope::partial);
    }
    if (many && f > 0 && (h >= 1 || f >= 2) && (failing_now(answer) >= 1 || open_p2 || open_p1))
        return says(5, Decision::p2, Scope::none);
    return false;
}

/// Section 10: whether a failing spell of the region covers the minute. A spell is a streak of
/// FAIL with which the region was FAILING, from its first to its last.
bool SlowRule::is_covered(std::size_t at, RegionId region) const {
    for (std::size_t end = at; end < history_.size(); ++end) {
        const auto& votes = ballots(end, region);
        if (votes.empty() || votes.back().at != end || !votes.back().fail) continue;
        if (phase_after(votes) != RegionPhase::failing) continue;
        auto first = votes.size() - 1;
        while (first > 0 && votes[first - 1].fail)
            --first;
        if (votes[first].at <= at) return true;
    }
    return false;
}

std::optional<bool> SlowRule::is_down(std::size_t at) const {
    if (answers_[at].row <= 2) return std::nullopt;
    if (answers_[at].row == 3) return true;
    std::size_t covering = 0;
    for (const auto& cell : history_[at].cells)
        if (is_covered(at, cell.region)) ++covering;
    return covering >= answers_[at].quorum;
}

}  // namespace quorate::testing
