#include "archiver/sealing/seal_plan.hpp"

#include <algorithm>
#include <utility>

#include "core/decision/seal.hpp"
#include "core/incident/advance.hpp"

namespace quorate {
namespace {

/// Whether a cell says something about the era beside what is known. A server of both eras goes on
/// to answer jobs in the older one that were planned before the newer one was seen: that is no way
/// back. A probe that was told the newer one and finds another says so.
bool tells_era(const Cell& cell, std::optional<Era> known) {
    if (!cell.era) return false;
    return known != Era::modern || cell.era == Era::modern ||
           cell.warnings.has(Warning::era_changed);
}

}  // namespace

SealPlan::SealPlan(const ProgressMap& committed, const Catalogue& catalogue, UtcTime at)
    : decided_at{at}, committed_{committed}, catalogue_{catalogue} {}

EndpointProgress& SealPlan::progress(EndpointId endpoint) {
    const auto [entry, is_new] = changed.try_emplace(endpoint);
    if (is_new)
        if (const auto known = committed_.find(endpoint); known != committed_.end())
            entry->second = known->second;
    return entry->second;
}

std::optional<UtcMinute> SealPlan::last_minute(EndpointId endpoint) const {
    if (const auto found = changed.find(endpoint); found != changed.end())
        return found->second.rule.last_minute;
    if (const auto found = committed_.find(endpoint); found != committed_.end())
        return found->second.rule.last_minute;
    return std::nullopt;
}

void SealPlan::seal(const EndpointVersion& version,
                    UtcMinute minute,
                    const std::vector<Cell>& received,
                    const std::function<bool(RegionId)>& alive) {
    std::vector<ExpectedRegion> expected;
    for (const auto region : version.regions)
        expected.push_back({region, alive(region)});
    std::ranges::sort(expected, {}, &ExpectedRegion::region);

    SealedRow row;
    row.version = version;
    row.minute = minute;
    row.cells = quorate::seal(version.endpoint, minute, expected, received);
    const auto views = sealed_cells(row.cells, false);
    auto& before = progress(version.endpoint);
    const bool first = !before.rule.last_minute;
    const auto decision_before = before.rule.last_decision;
    const auto params = catalogue_.rule_params(version);
    auto step = quorate::step(before.rule, {minute, decided_at, views}, params);

    row.record = step.record;
    row.transitions = std::move(step.transitions);
    row.caught_up = std::move(step.caught_up);
    row.states = before.rule.states;  // sorted by region, as the cells are
    row.spells = grown_spells(before.rule, row.record);
    row.use = use_of(minute, row.record.rule_row, row.spells, row.record.quorum);

    before.shard = version.shard;
    before.scope = row.record.scope;
    before.cells = row.record.regions;
    before.voters = row.record.voters.count();
    if (first || decision_before != row.record.decision) before.since = minute;
    before.flapping =
        before.rule.incident.open && is_flapping(before.rule.incident, minute, params);
    for (const auto& cell : row.cells)
        if (tells_era(cell, before.era)) before.era = cell.era;
    rows.push_back(std::move(row));
}

void SealPlan::close_deleted(const EndpointVersion& version, UtcMinute minute) {
    const auto known = committed_.find(version.endpoint);
    const bool open = changed.contains(version.endpoint)
                          ? changed.at(version.endpoint).rule.incident.open
                          : known != committed_.end() && known->second.rule.incident.open;
    if (!open) return;
    auto& state = progress(version.endpoint);
    auto transition = quorate::close_deleted(state.rule, minute, decided_at);
    state.flapping = false;
    closes.push_back({version, *std::move(transition)});
}

}  // namespace quorate
