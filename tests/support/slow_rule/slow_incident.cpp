// Section 6: one incident per endpoint.
#include <algorithm>

#include "tests/support/slow_rule/slow_rule.hpp"

namespace quorate::testing {
namespace {

std::optional<Severity> severity_of(Decision decision) {
    if (decision == Decision::p1) return Severity::p1;
    if (decision == Decision::p2) return Severity::p2;
    if (decision == Decision::p3) return Severity::p3;
    return std::nullopt;
}

bool is_worse(Severity a, Severity b) {
    return static_cast<int>(a) < static_cast<int>(b);
}

/// The first probe of the last streak of FAIL.
UtcTime first_of_last_streak(const std::vector<Ballot>& votes) {
    auto i = votes.size();
    while (i > 0 && !votes[i - 1].fail)
        --i;
    auto first = votes[i - 1].started;
    for (; i > 0 && votes[i - 1].fail; --i)
        first = votes[i - 1].started;
    return first;
}

}  // namespace

/// Section 5: the regions that "have delivered a FAIL in m and are FAILING by it" where that may
/// open a P1 before the seal, "m-1 being sealed (not for N = 1, nor in MAINT)"; fewer than Q: none.
Regions SlowRule::certain(std::size_t at) const {
    const auto& minute = history_[at];
    const auto step = std::max(params_.interval, params_.window.length());
    if (!minute.look || minute.cells.size() < 2 || at == 0) return {};
    const auto& before = history_[at - 1];
    if (minute.minute.start() - before.minute.start() != step) return {};
    if (before.cells.size() != minute.cells.size()) return {};
    Regions regions;
    for (const auto& cell : minute.cells) {
        if (cell_of(at - 1, cell.region) == nullptr) return {};  // other regions: left to the seal
        const bool fails =
            cell.verdict == Verdict::fail && minute.look->delivered.contains(cell.region);
        if (fails && phase_at_vote(at, cell.region) == RegionPhase::failing)
            regions.insert(cell.region);
    }
    return regions.size() >= quorum_of(at) ? regions : Regions{};
}

/// "P1 may open before the seal", or what is open becomes one; "the scope is set at the seal".
std::optional<SlowTransition> SlowRule::move_early(std::size_t at) {
    if (incident_.open && incident_.severity == Severity::p1) return std::nullopt;
    const auto regions = certain(at);
    if (regions.empty()) return std::nullopt;
    if (!incident_.open) {
        const Opening opening{first_fail(at, regions), history_[at].look->at, std::nullopt};
        auto entry = open(at, Severity::p1, opening);
        incident_.opened_early = true;
        return entry;
    }
    const auto from = incident_.severity;
    incident_.severity = incident_.worst = Severity::p1;
    incident_.scope = Scope::none;
    auto entry = told(at, TransitionKind::escalated);
    entry.from = from;
    entry.to = Severity::p1;
    return entry;
}

/// The first FAIL probe of the running streaks of these regions.
UtcTime SlowRule::first_fail(std::size_t at, const Regions& regions) const {
    auto first = UtcTime::max();
    for (const auto region : regions)
        first = std::min(first, first_of_last_streak(ballots(at, region)));
    return first;
}

/// At most one entry of the timeline.
std::optional<SlowTransition> SlowRule::move_incident(std::size_t at) {
    const auto severity = severity_of(answers_[at].decision);
    if (!incident_.open) {
        if (!severity) return std::nullopt;
        incident_.opened_at = at;
        return open(at, *severity, {started(at), history_[at].decided_at, std::nullopt});
    }
    // The same cells give the same start, whichever of them had come before the seal.
    if (incident_.opened_early && incident_.opened_at == at)
        incident_.opening.started = started(at);
    if (severity) return change(at, *severity);
    if (const auto mark = closes(at)) return close(at, *mark);
    return std::nullopt;
}

/// "Open on P1, P2 or P3"; "reopen the same incident (and count a flap) when the endpoint would
/// open one within 10 minutes of the close".
SlowTransition SlowRule::open(std::size_t at, Severity severity, const Opening& opening) {
    const auto step = std::max(params_.interval, params_.window.length());
    const bool again = incident_.closed_at && !is_older(*incident_.closed_at, at, 10 * step);
    if (again) {
        incident_.flaps.push_back(at);
    } else {
        const auto before = incident_.ordinal;
        incident_ = {};
        incident_.ordinal = before + 1;
    }
    if (!again || is_worse(severity, incident_.worst)) incident_.worst = severity;
    incident_.open = true;
    incident_.openings += 1;
    incident_.opened_at = at;
    incident_.severity = severity;
    incident_.scope = answers_[at].scope;  // none before the seal
    incident_.opened_early = false;
    incident_.opening = opening;
    auto entry = told(at, again ? TransitionKind::reopened : TransitionKind::opened);
    entry.to = severity;
    return entry;
}

/// Escalation at once, de-escalation after two minutes, and the scope.
std::optional<SlowTransition> SlowRule::change(std::size_t at, Severity severity) {
    const auto from = incident_.severity;
    auto to = from;
    auto kind = TransitionKind::scope_changed;
    if (is_worse(severity, from)) {
        to = severity;
        kind = TransitionKind::escalated;
    } else if (const auto lower = lower_severity(at)) {
        to = *lower;
        kind = TransitionKind::deescalated;
    } else if (severity != from || answers_[at].scope == incident_.scope) {
        return std::nullopt;
    }
    incident_.severity = to;
    incident_.scope = to == severity ? answers_[at].scope : Scope::none;
    if (is_worse(to, incident_.worst)) incident_.worst = to;
    auto entry = told(at, kind);
    entry.from = from;
    entry.to = to;
    return entry;
}

/// "2 consecutive minutes below the severity, each of them P2 or P3, and goes to the higher of the
/// two. While S is not empty nothing [...] de-escalates."
std::optional<Severity> SlowRule::lower_severity(std::size_t at) const {
    if (at == incident_.opened_at || !answers_[at].silent.empty()) return std::nullopt;
    auto last = at - 1;
    while (last > incident_.opened_at && answers_[last].row <= 2)  // they hold
        --last;
    const auto now = severity_of(answers_[at].decision);
    const auto before = severity_of(answers_[last].decision);
    if (!now || !before) return std::nullopt;
    if (!is_worse(incident_.severity, *now) || !is_worse(incident_.severity, *before))
        return std::nullopt;
    return is_worse(*now, *before) ? *now : *before;
}

/// "A minute is clean when row 8 decides it and at least min(2, N) regions are in H."
bool SlowRule::is_clean(std::size_t at) const {
    const auto& answer = answers_[at];
    return answer.row == 8 && answer.healthy.size() >= std::min<std::size_t>(2, answer.regions);
}

/// "One witness (N = 1, or row 2 with that region HEALTHY and S empty)".
bool SlowRule::is_witnessed(std::size_t at) const {
    const auto& answer = answers_[at];
    if (answer.regions == 1) return is_clean(at);
    return answer.row == 2 && answer.healthy.size() == 1 && answer.silent.empty();
}

/// The minutes of the running run of clean minutes, newest first; `witnessed`: of those that one
/// witness saw, too. "Rows 0 to 2 neither count nor break such a run; every other minute that is
/// not clean breaks it."
std::vector<std::size_t> SlowRule::run_of(std::size_t at, bool witnessed) const {
    std::vector<std::size_t> run;
    for (auto i = at; i > incident_.opened_at; --i) {
        const bool counts = is_clean(i) || (witnessed && is_witnessed(i));
        if (counts) run.push_back(i);
        if (!counts && answers_[i].row > 2) break;
    }
    return run;
}

/// "3 flaps in 60 minutes is FLAPPING": 60 expected windows, this one included.
bool SlowRule::is_flapping(std::size_t at) const {
    const auto step = std::max(params_.interval, params_.window.length());
    int recent = 0;
    for (const auto flap : incident_.flaps)
        if (!is_older(flap, at, 59 * step)) ++recent;
    return recent >= 3;
}

/// Whether a region that was slow in the incident has a slow one among its last 5 votes.
bool SlowRule::is_still_slow(std::size_t at) const {
    for (const auto region : contributed(at, true)) {
        const auto& votes = ballots(at, region);
        for (std::size_t back = 1; back <= 5 && back <= votes.size(); ++back)
            if (votes[votes.size() - back].slow) return true;
    }
    return false;
}

/// How the minute closes the incident, if it does.
std::optional<CloseMark> SlowRule::closes(std::size_t at) const {
    if (!answers_[at].silent.empty()) return std::nullopt;
    const bool slow = incident_.severity == Severity::p3;
    if (slow && is_still_slow(at)) return std::nullopt;
    if (!is_clean(at) && !is_witnessed(at)) return std::nullopt;
    const bool one = answers_[at].regions == 1;
    std::size_t needed = one ? 10 : 2;
    if (slow) needed = 1;  // "P3 closes with the first clean minute"
    if (is_flapping(at)) needed = 10;
    if (is_clean(at) && run_of(at, false).size() >= needed)
        return one ? CloseMark::single_witness : CloseMark::none;
    if (run_of(at, true).size() >= 10) return CloseMark::single_witness;
    return std::nullopt;
}

SlowTransition SlowRule::close(std::size_t at, CloseMark mark) {
    const auto run = run_of(at, mark == CloseMark::single_witness);
    incident_.open = false;
    incident_.closed_at = at;
    incident_.opening.recovered = recovered(at, run.back());
    incident_.mttr_sum += *incident_.opening.recovered - incident_.opening.started;
    auto entry = told(at, TransitionKind::closed);
    entry.from = incident_.severity;
    entry.mark = mark;
    return entry;
}

SlowTransition SlowRule::told(std::size_t at, TransitionKind kind) const {
    return {.kind = kind,
            .from = std::nullopt,
            .to = std::nullopt,
            .worst = incident_.worst,
            .scope = incident_.scope,
            .ordinal = incident_.ordinal,
            .openings = incident_.openings,
            .opening = incident_.opening,
            .mttr_sum = incident_.mttr_sum,
            .flaps = static_cast<std::uint32_t>(incident_.flaps.size()),
            .flapping = is_flapping(at)};
}

bool SlowRule::is_configured(RegionId region, std::size_t from, std::size_t to) const {
    for (auto i = from; i <= to; ++i)
        if (cell_of(i, region) == nullptr) return false;
    return true;
}

/// The regions that made a P1 or P2 (or a P3) of this opening and are still configured.
Regions SlowRule::contributed(std::size_t at, bool by_slowness) const {
    Regions regions;
    for (auto i = incident_.opened_at; i <= at; ++i) {
        const auto& answer = answers_[i];
        Regions made;
        if (by_slowness && answer.row == 7) made = answer.slow;
        if (!by_slowness && answer.row == 3) made = answer.voters;
        if (!by_slowness && (answer.row == 4 || answer.row == 5)) made = answer.failing;
        for (const auto region : made)
            if (is_configured(region, i, at)) regions.insert(region);
    }
    return regions;
}

/// "Start of the first FAIL probe of the unbroken streak of the first contributing region (P3: the
/// first slow probe counted by row 7)." Section 4: RECOVERING never opens an incident.
UtcTime SlowRule::started(std::size_t at) const {
    const auto& answer = answers_[at];
    auto first = UtcTime::max();
    for (const auto region : contributed(at, true)) {
        const auto& votes = ballots(at, region);
        for (std::size_t back = 1; back <= 5 && back <= votes.size(); ++back) {
            const auto& vote = votes[votes.size() - back];
            if (vote.slow) first = std::min(first, vote.started);
        }
    }
    Regions failing;
    for (const auto region : contributed(at, false))
        if (answer.phases.at(region) != RegionPhase::recovering) failing.insert(region);
    return std::min(first, first_fail(at, failing));
}

/// The first healthy (and fast) probe of the region's final streak; nothing if it never came back.
/// A streak ends where the region starts fresh. Two readings of what the page leaves open: a region
/// that was HEALTHY when it fell silent did come back, and one that was RECOVERING did not; and
/// "the first one not slow" of a region that did is not moved by its silence.
std::optional<UtcTime> SlowRule::came_back(std::size_t at, RegionId region, bool fast) const {
    std::optional<UtcTime> first;
    std::optional<std::size_t> last;  // the vote before
    const auto fell_silent_ill = [&](std::size_t until) {
        return last && is_forgotten(*last, until) &&
               phase_at_vote(*last, region) != RegionPhase::healthy;
    };
    for (const auto& vote : all_votes(at, region)) {
        const bool fresh = last && is_forgotten(*last, vote.at);
        if (fell_silent_ill(vote.at) || (fresh && !fast)) first.reset();
        if (vote.fail || (fast && vote.slow))
            first.reset();
        else if (!first)
            first = vote.started;
        last = vote.at;
    }
    if (fell_silent_ill(at)) first.reset();
    return first;
}

/// "First healthy probe of the last region's final streak (P3: the first one not slow of the last
/// region). A region that never came back is left out; if none did, it is the start of the first
/// clean minute."
UtcTime SlowRule::recovered(std::size_t at, std::size_t first_clean) const {
    std::optional<UtcTime> last;
    for (const auto region : contributed(at, false))
        last = std::max(last, came_back(at, region, false));
    if (incident_.severity == Severity::p3)
        for (const auto region : contributed(at, true))
            last = std::max(last, came_back(at, region, true));
    return last.value_or(history_[first_clean].minute.start());
}

}  // namespace quorate::testing
