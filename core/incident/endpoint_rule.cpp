#include "core/incident/endpoint_rule.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "core/incident/advance.hpp"
#include "core/schedule/schedule.hpp"

namespace quorate {
namespace {

constexpr std::int64_t kCatchUpWindows = 10;

/// The cells of a minute sorted by region, without copying them.
struct OrderedCells {
    std::array<const SealedCell*, kRegionsMax> at{};
    std::size_t size = 0;
};

OrderedCells order(std::span<const SealedCell> cells) {
    if (cells.size() > kRegionsMax) throw std::invalid_argument{"more cells than regions allowed"};
    OrderedCells ordered;
    for (const auto& cell : cells) {
        auto place = ordered.size++;
        for (; place > 0 && ordered.at[place - 1]->region > cell.region; --place)
            ordered.at[place] = ordered.at[place - 1];
        if (place > 0 && ordered.at[place - 1]->region == cell.region)
            throw std::invalid_argument{"two cells of one region in a sealed minute"};
        ordered.at[place] = &cell;
    }
    return ordered;
}

bool same_regions(const EndpointState& state, const OrderedCells& cells) {
    if (state.regions.size() != cells.size) return false;
    for (std::size_t i = 0; i < cells.size; ++i)
        if (state.regions[i] != cells.at[i]->region) return false;
    return true;
}

/// Takes over the configured regions: new ones start fresh, those without a cell leave every set.
void configure(EndpointState& state, const OrderedCells& cells) {
    std::vector<RegionId> regions;
    std::vector<RegionState> states;
    RegionSet contributed;
    RegionSet slow_contributed;
    for (std::size_t i = 0; i < cells.size; ++i) {
        const auto region = cells.at[i]->region;
        regions.push_back(region);
        states.emplace_back();
        const auto known = std::ranges::find(state.regions, region);
        if (known == state.regions.end()) continue;
        const auto old = static_cast<std::size_t>(known - state.regions.begin());
        states.back() = state.states[old];
        if (state.incident.contributed.has(old)) contributed.add(i);
        if (state.incident.slow_contributed.has(old)) slow_contributed.add(i);
    }
    state.regions = std::move(regions);
    state.states = std::move(states);
    state.incident.contributed = contributed;
    state.incident.slow_contributed = slow_contributed;
}

std::optional<Severity> open_severity(const IncidentState& incident) {
    if (!incident.open) return std::nullopt;
    return incident.severity;
}

/// BLIND, LOW_VISIBILITY and UNCONFIRMED count; maintenance says nothing about visibility.
void count_blind(EndpointState& state, const DecisionRecord& record) {
    const bool blind = record.rule_row == 1 || record.rule_row == 2;
    if (blind && state.blind_run < UINT16_MAX) ++state.blind_run;
    if (!blind && record.rule_row != 0) state.blind_run = 0;
}

/// Decides who is told. Decisions sealed long after their watermark are recorded in silence; the
/// first one sealed in time then tells the net change once, in place of its own transitions. So it
/// is after an operator's silence, but what it kept back stays marked as such.
void settle_notices(IncidentState& incident,
                    StepResult& result,
                    const SealedMinute& sealed,
                    Window window) {
    const auto minute = sealed.minute;
    const auto at = sealed.decided_at;
    const bool late = is_catching_up(minute, at, window);
    if (late || (incident.behind && !sealed.silenced))
        for (auto& transition : result.transitions)
            transition.notify = false;
    if (late || sealed.silenced) {
        incident.behind = incident.behind || !result.transitions.empty();
        return;
    }
    if (incident.behind) result.caught_up = net_change(incident, minute, at);
    if (incident.behind || !result.transitions.empty()) incident.notified = notified_now(incident);
    incident.behind = false;
}

RegionRule region_rule(const RuleParams& params, std::size_t regions) {
    return RegionRule{vote_memory(params), fails_to_failing(regions)};
}

bool same_configuration(const EndpointState& state, std::span<const RegionId> configured) {
    return configured.size() == state.regions.size() &&
           std::ranges::all_of(configured, [&state](RegionId region) {
               return std::ranges::binary_search(state.regions, region);
           });
}

/// The region states as they are with the FAILs that came so far, and who these are.
struct EarlyView {
    std::vector<RegionState> states;
    RegionSet failing;
};

EarlyView early_view(const EndpointState& state,
                     const EarlyMinute& early,
                     const RuleParams& params) {
    EarlyView view{state.states, {}};
    const auto rule = region_rule(params, state.regions.size());
    const auto cells = order(early.cells);
    for (std::size_t i = 0, next = 0; i < state.regions.size() && next < cells.size; ++i) {
        while (next < cells.size && cells.at[next]->region < state.regions[i])
            ++next;
        if (next == cells.size || cells.at[next]->region != state.regions[i]) continue;
        if (cells.at[next]->verdict != Verdict::fail) continue;
        apply(view.states[i], *cells.at[next], early.minute, rule);
        if (view.states[i].phase == RegionPhase::failing) view.failing.add(i);
    }
    return view;
}

/// The cheap half of the condition, so that most minutes cost nothing.
bool early_possible(const EndpointState& state,
                    const EarlyMinute& early,
                    const RuleParams& params) {
    const auto fails = std::ranges::count(early.cells, Verdict::fail, &SealedCell::verdict);
    return state.regions.size() >= 2 &&
           fails >= quorum_of(params.p1_quorum, state.regions.size()) && state.last_minute &&
           state.last_minute->start() + expected_step(params) == early.minute.start() &&
           same_configuration(state, early.configured);
}

}  // namespace

StepResult step(EndpointState& state, const SealedMinute& sealed, const RuleParams& params) {
    if (sealed.cells.empty()) throw std::invalid_argument{"a sealed minute without a cell"};
    if (state.last_minute && sealed.minute <= *state.last_minute)
        throw std::invalid_argument{"minutes of an endpoint are sealed in order, once"};
    const auto cells = order(sealed.cells);
    if (!same_regions(state, cells)) configure(state, cells);

    const auto rule = region_rule(params, cells.size);
    Votes votes;
    for (std::size_t i = 0; i < cells.size; ++i) {
        apply(state.states[i], *cells.at[i], sealed.minute, rule);
        add_vote(votes, i, cells.at[i]->verdict);
    }
    StepResult result;
    result.record = decide(state.states,
                           votes,
                           quorum_of(params.p1_quorum, cells.size),
                           open_severity(state.incident));
    const DecidedMinute decided{.record = result.record,
                                .regions = state.regions,
                                .states = state.states,
                                .minute = sealed.minute,
                                .at = sealed.decided_at,
                                .params = params};
    advance(state.incident, decided, result.transitions);
    settle_notices(state.incident, result, sealed, params.window);
    count_blind(state, result.record);
    state.last_minute = sealed.minute;
    state.last_decision = result.record.decision;
    return result;
}

bool early_p1_near(const EndpointState& state, const RuleParams& params) {
    if (state.regions.size() < 2 || open_severity(state.incident) == Severity::p1) return false;
    const auto healthy =
        std::ranges::count(state.states, RegionPhase::healthy, &RegionState::phase);
    return state.states.size() - static_cast<std::size_t>(healthy) >=
           quorum_of(params.p1_quorum, state.regions.size());
}

bool early_p1(const EndpointState& state, const EarlyMinute& early, const RuleParams& params) {
    return early_possible(state, early, params) &&
           early_view(state, early, params).failing.count() >=
               quorum_of(params.p1_quorum, state.regions.size());
}

StepResult step_early(EndpointState& state, const EarlyMinute& early, const RuleParams& params) {
    StepResult result;
    if (open_severity(state.incident) == Severity::p1 || !early_possible(state, early, params))
        return result;
    const auto view = early_view(state, early, params);
    const auto quorum = quorum_of(params.p1_quorum, state.regions.size());
    if (view.failing.count() < quorum) return result;
    auto& record = result.record;
    record.decision = Decision::p1;
    record.rule_row = 4;
    record.regions = static_cast<std::uint8_t>(state.regions.size());
    record.quorum = static_cast<std::uint8_t>(quorum);
    record.voters = record.failing = record.failed = view.failing;
    const DecidedMinute decided{.record = record,
                                .regions = state.regions,
                                .states = view.states,
                                .minute = early.minute,
                                .at = early.decided_at,
                                .early = true,
                                .params = params};
    advance(state.incident, decided, result.transitions);
    const SealedMinute as_sealed{early.minute, early.decided_at, early.cells, early.silenced};
    settle_notices(state.incident, result, as_sealed, params.window);
    return result;
}

StepResult close_deleted(EndpointState& state, UtcMinute minute, UtcTime at) {
    auto& incident = state.incident;
    StepResult result;
    bool told = false;
    if (incident.open) {
        told = incident.notified.open && incident.notified.ordinal == incident.ordinal;
        incident.open = false;
        incident.closed_minute = minute;
        incident.close_mark = CloseMark::endpoint_deleted;
        auto entry = transition_of(incident, TransitionKind::closed, minute, at);
        entry.from = incident.severity;
        entry.from_scope = incident.scope;
        entry.regions = region_ids(state, incident.contributed | incident.slow_contributed);
        entry.detail = "the endpoint was deleted";
        entry.notify = told;
        result.transitions.push_back(std::move(entry));
    }
    if (!told) result.caught_up = net_change(incident, minute, at);
    incident.notified = notified_now(incident);
    incident.behind = false;
    return result;
}

bool is_catching_up(UtcMinute minute, UtcTime decided_at, Window window) {
    return decided_at > watermark(minute, window) + kCatchUpWindows * window.length();
}

std::vector<Spell> grown_spells(const EndpointState& state, const DecisionRecord& record) {
    std::vector<Spell> spells;
    record.failed.for_each([&](std::size_t i) {
        const auto& region = state.states[i];
        if (region.phase == RegionPhase::failing)
            spells.push_back({state.regions[i], *region.fail_minute, *region.last_vote});
    });
    return spells;
}

void set_incident_id(EndpointState& state, IncidentId id) {
    state.incident.id = id;
    if (state.incident.notified.ordinal == state.incident.ordinal) state.incident.notified.id = id;
}

std::vector<RegionId> region_ids(const EndpointState& state, RegionSet set) {
    std::vector<RegionId> ids;
    set.for_each([&](std::size_t i) { ids.push_back(state.regions[i]); });
    return ids;
}

}  // namespace quorate
