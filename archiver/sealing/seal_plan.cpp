#include "archiver/sealing/seal_plan.hpp"

#include <algorithm>
#include <utility>

#include "core/decision/quarantine.hpp"
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

/// The only FAIL of a region that is not believed counts as not measured.
void disbelieve(std::vector<Cell>& cells, std::span<const RegionId> quarantined) {
    if (quarantined.empty()) return;
    auto views = sealed_cells(cells, false);
    if (!quarantine(views, quarantined)) return;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (views[i].reason != Reason::region_fault) continue;
        cells[i].verdict = views[i].verdict;
        cells[i].reason = views[i].reason;
        cells[i].slow = views[i].slow;
    }
}

constexpr std::uint8_t kLatencyRow = 7;

/// Where the slow cells of the minute took longest beyond what is usual, for people; empty: none
/// was slow in it.
std::string guilty_phases(const std::vector<Cell>& cells) {
    std::map<Phase, int> phases;
    for (const auto& cell : cells)
        if (cell.slow && cell.slow_phase) ++phases[*cell.slow_phase];
    std::string text;
    for (const auto& [phase, count] : phases)
        text += (text.empty() ? "; slow in " : ", ") + std::string{name_of(phase)} + " from " +
                std::to_string(count) + (count == 1 ? " region" : " regions");
    return text;
}

/// The tool lists that cells tell of, against what was remembered of their regions.
std::vector<SeenList> seen_lists(const std::vector<Cell>& cells,
                                 const NoticeState& before,
                                 const KnownLists& known) {
    std::vector<SeenList> seen;
    for (const auto& cell : cells) {
        if (cell.full_hash.empty() || cell.semantic_hash.empty()) continue;
        auto& list = seen.emplace_back();
        list.region = cell.key.region;
        list.semantic_hash = cell.semantic_hash;
        list.full_hash = cell.full_hash;
        list.tool_count = cell.tool_count;
        const auto* region = before.region(cell.key.region);
        if (region == nullptr) continue;
        if (const auto change = known.change(region->full, front_of_hash(cell.full_hash)))
            list.kind = change->kind;
    }
    return seen;
}

}  // namespace

SealPlan::SealPlan(const ProgressMap& committed, const Catalogue& catalogue, UtcTime at)
    : decided_at{at}, committed_{committed}, catalogue_{catalogue} {}

EndpointProgress& SealPlan::progress(EndpointId endpoint) {
    const auto [entry, is_new] = changed.try_emplace(endpoint);
    if (is_new)
        if (const auto* known = committed(endpoint)) entry->second = *known;
    return entry->second;
}

const EndpointProgress* SealPlan::committed(EndpointId endpoint) const {
    const auto known = committed_.find(endpoint);
    return known == committed_.end() ? nullptr : &known->second;
}

const EndpointProgress* SealPlan::latest(EndpointId endpoint) const {
    const auto found = changed.find(endpoint);
    return found == changed.end() ? committed(endpoint) : &found->second;
}

std::optional<UtcMinute> SealPlan::last_minute(EndpointId endpoint) const {
    if (const auto* known = latest(endpoint)) return known->rule.last_minute;
    return std::nullopt;
}

std::set<ShardId> SealPlan::shards() const {
    std::set<ShardId> shards;
    for (const auto* list : {&rows, &early})
        for (const auto& row : *list)
            shards.insert(row.version.shard);
    for (const auto& close : closes)
        shards.insert(close.version.shard);
    for (const auto& watermark : watermarks)
        shards.insert(watermark.shard);
    for (const auto& tally : tallies)
        shards.insert(tally.shard);
    return shards;
}

void SealPlan::seal(const EndpointVersion& version,
                    UtcMinute minute,
                    std::vector<Cell> received,
                    const std::function<bool(RegionId)>& alive,
                    std::span<const RegionId> quarantined) {
    std::vector<ExpectedRegion> expected;
    for (const auto region : version.regions)
        expected.push_back({region, alive(region)});
    std::ranges::sort(expected, {}, &ExpectedRegion::region);

    SealedRow row{.version = version, .minute = minute};
    row.cells = quorate::seal(version.endpoint, minute, expected, std::move(received));
    const auto params = catalogue_.rule_params(version);
    row.maintenance = catalogue_.in_maintenance(version, minute);
    row.silenced_by = catalogue_.silence_of(version, minute);
    row.quarantined.assign(quarantined.begin(), quarantined.end());
    if (!row.maintenance) disbelieve(row.cells, quarantined);
    const auto views = sealed_cells(row.cells, row.maintenance);
    auto& before = progress(version.endpoint);
    const bool first = !before.rule.last_minute;
    const auto decision_before = before.rule.last_decision;
    const bool quiet = row.maintenance || row.silenced_by;
    auto step = quorate::step(before.rule, {minute, decided_at, views, quiet}, params);

    row.record = step.record;
    row.transitions = std::move(step.transitions);
    row.caught_up = std::move(step.caught_up);
    if (row.record.rule_row == kLatencyRow)
        for (auto* transitions : {&row.transitions, &row.caught_up})
            for (auto& transition : *transitions)
                transition.detail += guilty_phases(row.cells);
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
    row.lists = seen_lists(row.cells, before.notices, lists.known);
    row.notices = step_notices(before.notices,
                               {.minute = minute,
                                .decided_at = decided_at,
                                .cells = row.cells,
                                .blind_run = before.rule.blind_run,
                                .unconfirmed = row.record.decision == Decision::unconfirmed,
                                .incident_open = before.rule.incident.open,
                                .in_time = !is_catching_up(minute, decided_at, params.window),
                                .silenced = row.silenced_by.has_value(),
                                .maintenance = row.maintenance,
                                .lists = &lists.known});
    for (const auto& cell : row.cells)
        if (tells_era(cell, before.era)) before.era = cell.era;
    rows.push_back(std::move(row));
}

bool SealPlan::open_early(const EndpointVersion& version,
                          UtcMinute minute,
                          const std::vector<Cell>& received) {
    const auto* known = latest(version.endpoint);
    if (known == nullptr) return false;
    const auto params = catalogue_.rule_params(version);
    if (catalogue_.in_maintenance(version, minute)) return false;
    auto state = known->rule;
    const auto views = sealed_cells(received, false);
    const auto silence = catalogue_.silence_of(version, minute);
    auto result = step_early(
        state, {minute, decided_at, version.regions, views, silence.has_value()}, params);
    if (result.transitions.empty()) return false;
    SealedRow row{.version = version, .minute = minute, .silenced_by = silence};
    for (const auto region : state.regions) {
        const CellKey key{version.endpoint, region, minute};
        const auto cell = std::ranges::find(received, key, &Cell::key);
        if (cell != received.end())
            row.cells.push_back(*cell);
        else
            row.cells.emplace_back().key = key;
    }
    row.states = state.states;
    row.record = result.record;
    row.transitions = std::move(result.transitions);
    row.caught_up = std::move(result.caught_up);
    early.push_back(std::move(row));
    progress(version.endpoint).rule = std::move(state);
    return true;
}

void SealPlan::close_deleted(const EndpointVersion& version, UtcMinute minute) {
    const auto* before = latest(version.endpoint);
    if (before == nullptr) return;
    const bool untold =
        before->rule.incident.notified.open || !before->notices.untold_closes.empty();
    if (!before->rule.incident.open && before->notices.open.empty() && !untold) return;
    auto& state = progress(version.endpoint);
    auto closed = quorate::close_deleted(state.rule, minute, decided_at);
    if (!closed.transitions.empty()) state.flapping = false;
    closes.push_back({version,
                      minute,
                      std::move(closed.transitions),
                      std::move(closed.caught_up),
                      close_notices(state.notices, decided_at)});
}

}  // namespace quorate
