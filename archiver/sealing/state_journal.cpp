#include "archiver/sealing/state_journal.hpp"

#include <algorithm>

#include "core/incident/state_codec.hpp"

namespace quorate {
StateJournal::StateJournal(Logged logged) : logged_{std::move(logged)} {}

/// Whether the log has the state already, but for the minute.
bool StateJournal::is_stored(const SealPlan& plan,
                             EndpointId endpoint,
                             const EndpointProgress& progress) const {
    const auto* before = plan.committed(endpoint);
    const auto logged = logged_.endpoints.find(endpoint);
    return before != nullptr && before->shard == progress.shard &&
           logged != logged_.endpoints.end() && progress.rule.last_minute &&
           progress.rule.last_minute->start() - logged->second.start() < kAgeMax &&
           packs_alike(before->rule, progress.rule) && before->notices == progress.notices;
}

bool StateJournal::is_full(const SealPlan& plan, ShardId shard) const {
    const auto states = logged_.states.find(shard);
    const auto endpoints = std::max<std::size_t>(plan.catalogue().endpoints(shard).size(), 1);
    return states != logged_.states.end() && states->second >= kLogFactor * endpoints;
}

std::vector<ShardStates> StateJournal::entries(const SealPlan& plan) const {
    std::map<ShardId, ShardStates> shards;
    for (const auto& [endpoint, progress] : plan.changed)
        if (!is_stored(plan, endpoint, progress))
            shards[progress.shard].states.emplace_back(endpoint, &progress);
    std::vector<ShardStates> entries;
    for (auto& [shard, entry] : shards) {
        entry.shard = shard;
        entry.whole = is_full(plan, shard);
        if (entry.whole) {
            entry.states.clear();
            for (const auto endpoint : plan.catalogue().endpoints(shard))
                if (const auto* progress = plan.latest(endpoint))
                    entry.states.emplace_back(endpoint, progress);
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

void StateJournal::add(Logged logged) {
    logged_.states.merge(logged.states);
    logged_.endpoints.merge(logged.endpoints);
}

void StateJournal::forget(ShardId shard, const std::vector<EndpointId>& endpoints) {
    logged_.states.erase(shard);
    for (const auto endpoint : endpoints)
        logged_.endpoints.erase(endpoint);
}

std::size_t StateJournal::states() const {
    std::size_t sum = 0;
    for (const auto& [shard, states] : logged_.states)
        sum += states;
    return sum;
}

void StateJournal::stored(const std::vector<ShardStates>& entries) {
    for (const auto& entry : entries) {
        auto& states = logged_.states[entry.shard];
        states = (entry.whole ? 0 : states) + entry.states.size();
        for (const auto& [endpoint, progress] : entry.states)
            logged_.endpoints[endpoint] = progress->rule.last_minute.value_or(UtcMinute{});
    }
}

}  // namespace quorate
