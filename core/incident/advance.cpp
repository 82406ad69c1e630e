#include "core/incident/advance.hpp"

#include <algorithm>
#include <bit>

namespace quorate {
namespace {

constexpr std::uint32_t kCleanToClose = 2;
constexpr std::uint32_t kCleanToCloseUnsure = 10;  ///< on one witness, and while FLAPPING
constexpr std::uint32_t kBelowToDeescalate = 2;
constexpr std::int64_t kReopenMinutes = 10;
constexpr std::int64_t kFlapMinutes = 60;

std::optional<Severity> severity_of(Decision decision) {
    switch (decision) {
        case Decision::p1:
            return Severity::p1;
        case Decision::p2:
            return Severity::p2;
        case Decision::p3:
            return Severity::p3;
        case Decision::ok:
        case Decision::blind:
        case Decision::low_visibility:
        case Decision::unconfirmed:
        case Decision::pending:
        case Decision::maint:
            return std::nullopt;
    }
    return std::nullopt;
}

bool worse(Severity a, Severity b) {
    return a < b;
}

/// The regions that make the decision: all voters for row 3, else F, or the slow ones.
RegionSet contributing(const DecisionRecord& record) {
    if (record.decision == Decision::p3) return record.slow;
    return record.rule_row == 3 ? record.voters : record.failing;
}

std::vector<RegionId> ids_of(std::span<const RegionId> regions, RegionSet set) {
    std::vector<RegionId> ids;
    set.for_each([&](std::size_t i) { ids.push_back(regions[i]); });
    return ids;
}

/// Start of the oldest slow vote among the last five; nothing if none was slow.
std::optional<UtcTime> first_slow(const RegionState& state) {
    if (state.slow_votes == 0) return std::nullopt;
    return state.slow_started[std::bit_width(state.slow_votes) - 1U];
}

/// `started_at`: the first FAIL probe of the first contributing region's unbroken streak (P3: its
/// first slow probe that row 7 counted). RECOVERING regions hold an incident and never open one, so
/// only running streaks count.
UtcTime started_of(const DecidedMinute& decided) {
    std::optional<UtcTime> first;
    const bool latency = decided.record.decision == Decision::p3;
    contributing(decided.record).for_each([&](std::size_t i) {
        const auto& state = decided.states[i];
        const auto start = latency ? first_slow(state) : state.fail_started;
        if (start && (!first || *start < *first)) first = start;
    });
    return first.value_or(UtcTime{decided.minute.start()});
}

/// `3 of 5 voting regions fail`.
std::string counted(std::uint32_t count, std::uint32_t of, std::string_view rest) {
    return std::to_string(count) + " of " + std::to_string(of) + " voting regions " +
           std::string{rest};
}

std::string explain(const DecidedMinute& decided) {
    const auto& record = decided.record;
    const auto voters = record.voters.count();
    const auto configured = " (" + std::to_string(record.regions) + " configured)";
    if (decided.early)
        return std::to_string(record.failing.count()) + " regions are failing, before the seal" +
               configured;
    if (record.decision == Decision::p3)
        return counted(record.slow.count(), voters, "slow in 3 of their last 5 votes") + configured;
    if (record.rule_row == 3) return counted(voters, voters, "fail in this minute") + configured;
    return counted(record.failing.count(), voters, "failing or recovering") + configured;
}

void reset_runs(IncidentState& incident) {
    incident.clean_run = 0;
    incident.clean_first.reset();
    incident.witness_run = 0;
    incident.witness_first.reset();
}

void count_run(std::uint16_t& run, std::optional<UtcMinute>& first, UtcMinute minute) {
    if (run == 0) first = minute;
    if (run < UINT16_MAX) ++run;
}

void contribute(IncidentState& incident, const DecisionRecord& record) {
    auto& set = record.decision == Decision::p3 ? incident.slow_contributed : incident.contributed;
    set = set | contributing(record);
}

/// Appends an entry caused by a severity decision.
void append(std::vector<Transition>& timeline,
            const IncidentState& before,
            const IncidentState& after,
            TransitionKind kind,
            const DecidedMinute& decided) {
    auto entry = transition_of(after, kind, decided.minute, decided.at);
    if (before.open) entry.from = before.severity;
    entry.from_scope = before.open ? before.scope : Scope::none;
    entry.rule_row = decided.record.rule_row;
    entry.early = decided.early;
    entry.flapping = is_flapping(after, decided.minute, decided.params);
    entry.regions = ids_of(decided.regions, contributing(decided.record));
    entry.detail = explain(decided);
    timeline.push_back(std::move(entry));
}

/// Within 10 expected windows of the close. A deleted endpoint's incident stays closed.
bool reopens(const IncidentState& incident, const DecidedMinute& decided) {
    if (!incident.closed_minute || incident.close_mark == CloseMark::endpoint_deleted) return false;
    const auto age = decided.minute.start() - incident.closed_minute->start();
    return age <= kReopenMinutes * expected_step(decided.params);
}

void open_or_reopen(IncidentState& incident,
                    Severity severity,
                    const DecidedMinute& decided,
                    std::vector<Transition>& timeline) {
    const auto before = incident;
    const bool again = reopens(incident, decided);
    if (again) {
        ++incident.flaps;
        std::shift_right(incident.flap_minutes.begin(), incident.flap_minutes.end(), 1);
        incident.flap_minutes[0] = decided.minute;
        if (worse(severity, incident.worst)) incident.worst = severity;
    } else {
        const auto notified = incident.notified;
        const bool behind = incident.behind;
        const auto ordinal = incident.ordinal + 1;
        incident = IncidentState{};
        incident.ordinal = ordinal;
        incident.notified = notified;
        incident.behind = behind;
        incident.worst = severity;
    }
    incident.open = true;
    incident.severity = severity;
    incident.scope = decided.record.scope;
    incident.closed_minute.reset();
    incident.close_mark = CloseMark::none;
    incident.below_run = 0;
    reset_runs(incident);
    ++incident.openings;
    incident.opening = Opening{started_of(decided), decided.at, std::nullopt};
    if (decided.early) incident.opened_early = decided.minute;
    incident.contributed = RegionSet{};
    incident.slow_contributed = RegionSet{};
    contribute(incident, decided.record);
    append(timeline,
           before,
           incident,
           again ? TransitionKind::reopened : TransitionKind::opened,
           decided);
}

/// What opened before the seal went by the regions that had delivered; the seal knows all that
/// contribute, and one of them may have failed first. So `started_at` does not depend on the order
/// in which cells came.
void settle_early(IncidentState& incident, const DecidedMinute& decided) {
    if (decided.early) return;
    if (incident.opened_early == decided.minute && severity_of(decided.record.decision))
        incident.opening.started = started_of(decided);
    incident.opened_early.reset();
}

/// A minute below the severity in force. Two in a row, each of them P2 or P3, bring it down to the
/// higher of the last two; rows 0 to 2 neither count nor break the run (they hold everything), all
/// other decisions break it. A silent region forbids the step, not the counting: both minutes were
/// seen to be below.
void count_below(IncidentState& incident,
                 Severity severity,
                 const DecidedMinute& decided,
                 std::vector<Transition>& timeline) {
    const auto previous = incident.below_last;
    incident.below_last = severity;
    if (incident.below_run < UINT16_MAX) ++incident.below_run;
    if (incident.below_run < kBelowToDeescalate || !decided.record.silent.empty()) return;
    const auto before = incident;
    incident.severity = std::min(severity, previous);
    incident.scope = incident.severity == severity ? decided.record.scope : Scope::none;
    // The minute just counted may lie below the new severity as well.
    incident.below_run = worse(incident.severity, severity) ? 1 : 0;
    append(timeline, before, incident, TransitionKind::deescalated, decided);
}

void trouble_minute(IncidentState& incident,
                    Severity severity,
                    const DecidedMinute& decided,
                    std::vector<Transition>& timeline) {
    reset_runs(incident);
    contribute(incident, decided.record);
    if (worse(incident.severity, severity))
        return count_below(incident, severity, decided, timeline);
    incident.below_run = 0;
    const auto before = incident;
    const bool escalates = worse(severity, incident.severity);
    if (!escalates && incident.scope == decided.record.scope) return;
    incident.severity = severity;
    incident.scope = decided.record.scope;
    if (worse(severity, incident.worst)) incident.worst = severity;
    append(timeline,
           before,
           incident,
           escalates ? TransitionKind::escalated : TransitionKind::scope_changed,
           decided);
}

/// A minute is clean when row 8 decides it and enough regions are HEALTHY.
bool is_clean(const DecisionRecord& record) {
    return record.rule_row == 8 &&
           record.healthy.count() >= std::min<std::uint32_t>(2, record.regions);
}

/// Counts the runs that lead to a close. One witness counts where it is HEALTHY and nobody is
/// silent; a clean minute is worth at least as much, so it counts there too. All else of rows 0 to
/// 2 neither counts nor breaks a run, a single witness that FAILs included.
/// @return whether the minute counted; no other may close
bool count_calm(IncidentState& incident, const DecidedMinute& decided) {
    const auto& record = decided.record;
    if (record.rule_row <= 1) return false;
    if (record.rule_row == 2) {
        if (record.healthy.empty() || !record.silent.empty()) return false;
        count_run(incident.witness_run, incident.witness_first, decided.minute);
        return true;
    }
    incident.below_run = 0;
    if (!is_clean(record)) {
        reset_runs(incident);
        return false;
    }
    count_run(incident.clean_run, incident.clean_first, decided.minute);
    count_run(incident.witness_run, incident.witness_first, decided.minute);
    return true;
}

/// Whether some region that was slow in this incident has a slow vote among its last five.
bool slow_left(const IncidentState& incident, std::span<const RegionState> states) {
    bool left = false;
    incident.slow_contributed.for_each([&](std::size_t i) { left |= states[i].slow_votes != 0; });
    return left;
}

/// Asked in a minute that counted; nothing while it stays open. For a P3 on one region, its own
/// closing rule is what counts: it has seen five votes without a slow one.
std::optional<CloseMark> closes(const IncidentState& incident, const DecidedMinute& decided) {
    const bool one_region = decided.record.regions == 1;
    const bool unsure = is_flapping(incident, decided.minute, decided.params);
    const bool p3 = incident.severity == Severity::p3;
    if (p3 && slow_left(incident, decided.states)) return std::nullopt;
    auto needed = unsure || one_region ? kCleanToCloseUnsure : kCleanToClose;
    if (p3 && !unsure) needed = 1;
    if (is_clean(decided.record) && incident.clean_run >= needed)
        return one_region ? CloseMark::single_witness : CloseMark::none;
    if (incident.witness_run >= kCleanToCloseUnsure) return CloseMark::single_witness;
    return std::nullopt;
}

/// `recovered_at`: the first healthy probe of the last region's final streak, regions that never
/// came back left out (P3: the first probe that was not slow). A P1 or P2 that went down to P3
/// before it closed was over when both were.
UtcTime recovered_of(const IncidentState& incident, const DecidedMinute& decided, CloseMark mark) {
    std::optional<UtcTime> last;
    const auto consider = [&last](std::optional<UtcTime> time) {
        if (time && (!last || *time > *last)) last = time;
    };
    // F and S are empty at a close, so a streak that has begun belongs to a region that came back.
    incident.contributed.for_each(
        [&](std::size_t i) { consider(decided.states[i].healthy_started); });
    if (incident.severity == Severity::p3)
        incident.slow_contributed.for_each(
            [&](std::size_t i) { consider(decided.states[i].fast_started); });
    if (!last) {
        const bool by_witness = mark == CloseMark::single_witness;
        const auto first = by_witness ? incident.witness_first : incident.clean_first;
        last = UtcTime{first.value_or(decided.minute).start()};
    }
    // Agents' clocks may differ by seconds: no recovery comes before its own start.
    return std::max(*last, incident.opening.started);
}

std::string explain_close(const IncidentState& incident, CloseMark mark) {
    if (mark == CloseMark::single_witness)
        return std::to_string(std::max(incident.clean_run, incident.witness_run)) +
               " healthy minutes on one witness";
    if (incident.severity == Severity::p3) return "no region has a slow vote among its last 5";
    return std::to_string(incident.clean_run) + " clean minutes";
}

void close(IncidentState& incident,
           CloseMark mark,
           const DecidedMinute& decided,
           std::vector<Transition>& timeline) {
    const auto recovered = recovered_of(incident, decided, mark);
    incident.opening.recovered = recovered;
    incident.mttr_sum += recovered - incident.opening.started;
    incident.open = false;
    incident.closed_minute = decided.minute;
    incident.close_mark = mark;
    auto entry = transition_of(incident, TransitionKind::closed, decided.minute, decided.at);
    entry.from = incident.severity;
    entry.from_scope = incident.scope;
    entry.rule_row = decided.record.rule_row;
    entry.flapping = is_flapping(incident, decided.minute, decided.params);
    entry.regions = ids_of(decided.regions, incident.contributed | incident.slow_contributed);
    entry.detail = explain_close(incident, mark);
    timeline.push_back(std::move(entry));
    incident.below_run = 0;
    reset_runs(incident);
}

}  // namespace

void advance(IncidentState& incident,
             const DecidedMinute& decided,
             std::vector<Transition>& timeline) {
    const auto severity = severity_of(decided.record.decision);
    settle_early(incident, decided);
    if (!incident.open) {
        if (severity) open_or_reopen(incident, *severity, decided, timeline);
        return;
    }
    if (severity) return trouble_minute(incident, *severity, decided, timeline);
    if (!count_calm(incident, decided)) return;
    if (const auto mark = closes(incident, decided)) close(incident, *mark, decided, timeline);
}

bool is_flapping(const IncidentState& incident, UtcMinute minute, const RuleParams& params) {
    if (incident.flaps < IncidentState::kFlapsMax) return false;
    const auto age = minute.start() - incident.flap_minutes.back().start();
    return age < kFlapMinutes * expected_step(params);
}

}  // namespace quorate
