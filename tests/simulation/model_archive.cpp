#include "tests/simulation/model_archive.hpp"

#include <algorithm>

#include "archiver/store/packed_cell.hpp"
#include "core/decision/quarantine.hpp"
#include "core/decision/seal.hpp"
#include "core/incident/state_codec.hpp"
#include "core/notice/notice_codec.hpp"

namespace quorate::simulation {
namespace {

ArchivedMinute archived(const SealedRow& row, UtcTime sealed_at) {
    ArchivedMinute minute;
    minute.shard = row.version.shard;
    minute.cell_slot = row.version.cell_slot;
    minute.sealed = sealed_cells(row.cells, row.maintenance);
    minute.cells = row.cells;
    minute.maintenance = row.maintenance;
    minute.decision = row.record.decision;
    minute.scope = row.record.scope;
    minute.rule_row = row.record.rule_row;
    for (const auto& state : row.states)
        minute.phases.push_back(state.phase);
    minute.sealed_at = sealed_at;
    minute.times = 1;
    return minute;
}

}  // namespace

std::uint64_t ModelArchive::fence_of(ShardId shard) const {
    const auto found = fences_.find(shard);
    return found == fences_.end() ? 0 : found->second;
}

const EndpointVersion* ModelArchive::version_of(EndpointId endpoint) const {
    const auto found = std::ranges::find(versions, endpoint, &EndpointVersion::endpoint);
    return found == versions.end() ? nullptr : &*found;
}

void ModelArchive::check_fences(const ShardEpochs& held, const std::set<ShardId>& shards) const {
    if (!fences) return;
    ShardEpochs fenced;
    for (const auto shard : shards) {
        const auto ours = held.find(shard);
        const auto stands = fence_of(shard);
        if (ours == held.end() || ours->second != stands) fenced.emplace(shard, stands);
    }
    if (!fenced.empty()) throw ShardsFenced{std::move(fenced)};
}

TakenShards ModelArchive::take_over(const ShardEpochs& taken) {
    TakenShards found;
    for (const auto& [shard, epoch] : taken) {
        if (fence_of(shard) <= epoch)
            fences_[shard] = epoch;
        else
            found.refused.emplace(shard, fence_of(shard));
    }
    auto shards = shards_of(taken);
    std::erase_if(shards, [&found](ShardId shard) { return found.refused.contains(shard); });
    found.committed = committed(shards);
    return found;
}

Committed ModelArchive::committed(const std::set<ShardId>& shards) const {
    Committed committed;
    auto& [progress, logged] = committed.states;
    for (const auto& [endpoint, shown] : shown_) {
        if (!shards.contains(shown.shard)) continue;
        auto& of = progress[endpoint];
        of.shard = shown.shard;
        of.scope = shown.scope;
        of.cells = shown.cells;
        of.voters = shown.voters;
        of.since = shown.since;
        of.flapping = shown.flapping;
        of.era = shown.era;
    }
    for (const auto& [shard, entries] : log_) {
        if (!shards.contains(shard)) continue;
        logged.states[shard] = entries.size();
        for (const auto& entry : entries) {
            auto& of = progress.at(entry.endpoint);
            logged.endpoints[entry.endpoint] = entry.minute;
            auto last = entry.minute;
            const auto behind =
                minutes_.upper_bound({entry.endpoint, UtcMinute::from_epoch_ms(INT64_MAX / 2)});
            if (behind != minutes_.begin()) {
                const auto& key = std::prev(behind)->first;
                if (key.first == entry.endpoint) last = std::max(last, key.second);
            }
            std::string_view rest{entry.state};
            of.rule = unpack_endpoint_state(rest, last);
            of.notices = unpack_notice_state(rest);
        }
    }
    for (const auto& [shard, minute] : watermarks_)
        if (shards.contains(shard)) committed.watermarks.emplace(shard, minute);
    return committed;
}

LoadedCatalogue ModelArchive::catalogue(const std::set<ShardId>& shards) const {
    LoadedCatalogue loaded;
    loaded.regions = regions;
    for (const auto& version : versions) {
        if (!shards.contains(version.shard)) continue;
        auto& slots = loaded.slots[version.shard];
        slots = std::max(slots, version.cell_slot + 1);
        const auto sealed = watermarks_.find(version.shard);
        const bool over =
            version.valid_to && sealed != watermarks_.end() && *version.valid_to <= sealed->second;
        if (!over) loaded.versions.push_back(version);
    }
    return loaded;
}

std::vector<Gap> ModelArchive::gaps(const std::map<ShardId, UtcMinute>& from) const {
    std::vector<Gap> gaps;
    for (const auto& [key, stored] : minutes_) {
        const auto wanted = from.find(stored.shard);
        if (wanted == from.end() || key.second < wanted->second) continue;
        Gap gap{stored.shard, key.second, key.first, stored.cell_slot, {}};
        for (const auto& cell : stored.cells)
            if (made_at_seal(cell)) gap.regions.push_back(cell.key.region);
        if (!gap.regions.empty()) gaps.push_back(std::move(gap));
    }
    return gaps;
}

OpenMinutes ModelArchive::open_minutes(const std::map<ShardId, UtcMinute>& sealed) const {
    OpenMinutes open;
    for (const auto& [key, stored] : minutes_) {
        const auto until = sealed.find(stored.shard);
        if (until == sealed.end() || key.second <= until->second) continue;
        StoredMinute minute{stored.shard, key.first, key.second, {}};
        for (const auto& cell : stored.cells) {
            const auto verdict = stored.maintenance ? Verdict::maint : cell.verdict;
            minute.cells.push_back(SealedCell{cell.key.region, verdict, false, {}, cell.reason});
        }
        as_came(minute.cells);
        open.sealed.push_back(std::move(minute));
    }
    if (sealed.empty()) return open;
    const auto oldest =
        std::ranges::min_element(sealed, {}, [](const auto& each) { return each.second; });
    for (auto minute = health_.upper_bound(oldest->second); minute != health_.end(); ++minute) {
        auto& quarantined = open.decided[minute->first];
        for (const auto& [region, is] : minute->second)
            if (is) quarantined.push_back(region);
    }
    return open;
}

void ModelArchive::commit(const ShardEpochs& held, PlanToStore& to_store) {
    check_fences(held, to_store.plan.shards());
    store_rest(to_store);
    store_progress(to_store);
}

void ModelArchive::require_new(const SealPlan& plan) const {
    for (const auto& row : plan.rows)
        if (minutes_.contains({row.version.endpoint, row.minute}))
            throw PostgresError{"duplicate key value violates unique constraint", "23505"};
}

void ModelArchive::store_rest(PlanToStore& to_store) {
    auto& plan = to_store.plan;
    require_new(plan);
    for (const auto& row : plan.rows)
        minutes_.emplace(MinuteKey{row.version.endpoint, row.minute},
                         archived(row, plan.decided_at));
    store_incidents(plan);
    store_tallies(plan.tallies);
    to_store.written();
}

void ModelArchive::store_progress(const PlanToStore& to_store) {
    store_states(to_store.plan, to_store.states);
    store_watermarks(to_store.plan);
}

void ModelArchive::store_watermarks(const SealPlan& plan) {
    for (const auto& [shard, minute] : plan.watermarks) {
        const auto [standing, is_new] = watermarks_.emplace(shard, minute);
        if (!is_new) standing->second = std::max(standing->second, minute);
    }
}

void ModelArchive::store_tallies(const std::vector<ShardTally>& tallies) {
    for (const auto& tally : tallies)
        tallies_[tally.minute].emplace(tally.shard, tally.tallies);
}

void ModelArchive::store_states(const SealPlan& plan, const std::vector<ShardStates>& states) {
    for (const auto& [endpoint, progress] : plan.changed)
        shown_[endpoint] = {progress.shard,
                            progress.scope,
                            progress.cells,
                            progress.voters,
                            progress.since,
                            progress.flapping,
                            progress.era};
    for (const auto& entry : states) {
        auto& log = log_[entry.shard];
        if (entry.whole) log.clear();
        for (const auto& [endpoint, progress] : entry.states) {
            Logged logged{endpoint, progress->rule.last_minute.value_or(UtcMinute{}), {}};
            pack(progress->rule, logged.state);
            pack(progress->notices, logged.state);
            log.push_back(std::move(logged));
        }
    }
}

void ModelArchive::store_incidents(SealPlan& plan) {
    const auto store = [&](EndpointId endpoint, const std::vector<Transition>& transitions) {
        for (const auto& transition : transitions) {
            const auto id = store_transition(endpoint, transition);
            auto& rule = plan.changed.at(endpoint).rule;
            if (rule.incident.ordinal == transition.ordinal) set_incident_id(rule, id);
        }
    };
    for (const auto* rows : {&plan.early, &plan.rows})
        for (const auto& row : *rows)
            store(row.version.endpoint, row.transitions);
    for (const auto& close : plan.closes)
        store(close.version.endpoint, close.transitions);
}

IncidentId ModelArchive::store_transition(EndpointId endpoint, const Transition& transition) {
    const auto id =
        incidents_
            .emplace(std::pair{endpoint, transition.ordinal}, IncidentId{incidents_.size() + 1})
            .first->second;
    timelines_[endpoint].push_back({transition, id});
    return id;
}

LateOutcome ModelArchive::store_late(const ShardEpochs& held,
                                     const std::set<ShardId>& shards,
                                     const std::vector<Cell>& cells) {
    check_fences(held, shards);
    LateOutcome outcome;
    for (const auto& cell : cells) {
        const auto found = minutes_.find({cell.key.endpoint, cell.key.minute});
        Cell* place = nullptr;
        if (found != minutes_.end())
            for (auto& each : found->second.cells)
                if (each.key.region == cell.key.region) place = &each;
        if (place == nullptr) {
            ++outcome.unexpected;
        } else if (!made_at_seal(*place)) {
            ++outcome.duplicate;
        } else {
            *place = cell;
            ++outcome.stored;
        }
    }
    return outcome;
}

RegionTallies ModelArchive::tallies_of(UtcMinute minute) const {
    RegionTallies sum;
    if (const auto found = tallies_.find(minute); found != tallies_.end())
        for (const auto& [shard, tallies] : found->second)
            merge_into(sum, tallies);
    return sum;
}

bool ModelArchive::all_told(UtcMinute minute) const {
    const auto told = tallies_.find(minute);
    return std::ranges::all_of(watermarks_, [&](const auto& each) {
        return each.second >= minute ||
               (told != tallies_.end() && told->second.contains(each.first));
    });
}

std::optional<std::vector<RegionId>> ModelArchive::decision_of(UtcMinute minute) const {
    const auto found = health_.find(minute);
    if (found == health_.end()) return std::nullopt;
    std::vector<RegionId> quarantined;
    for (const auto& [region, is] : found->second)
        if (is) quarantined.push_back(region);
    return quarantined;
}

std::optional<std::vector<RegionId>> ModelArchive::decide_regions(
    const ShardEpochs& held,
    const std::set<ShardId>& shards,
    const std::vector<ShardTally>& tallies,
    UtcMinute minute,
    bool out_of_time) {
    check_fences(held, shards);
    store_tallies(tallies);
    if (auto decided = decision_of(minute)) return decided;
    if (!out_of_time && !all_told(minute)) return std::nullopt;
    for (const auto& [region, tally] : tallies_of(minute))
        health_[minute].emplace(region, is_quarantined(tally));
    return decision_of(minute).value_or(std::vector<RegionId>{});
}

Settled ModelArchive::settle(const ShardEpochs& held,
                             const std::map<RegionId, std::uint32_t>& agents_alive,
                             std::size_t minutes_max) {
    check_fences(held, {ShardId{0}});
    Settled settled;
    if (watermarks_.empty()) return settled;
    settled.until = std::ranges::min_element(watermarks_, {}, [](const auto& each) {
                        return each.second;
                    })->second;
    std::size_t count = 0;
    for (auto minute = tallies_.begin();
         minute != tallies_.end() && minute->first <= *settled.until;) {
        if (count++ == minutes_max) {
            settled.until = std::prev(minute)->first;
            break;
        }
        for (const auto& [region, tally] : tallies_of(minute->first))
            health_[minute->first].emplace(region, false);
        for (const auto& [region, agents] : agents_alive)
            health_[minute->first].emplace(region, false);
        ++minute;
    }
    tallies_.erase(tallies_.begin(), tallies_.upper_bound(*settled.until));
    return settled;
}

}  // namespace quorate::simulation
