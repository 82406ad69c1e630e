#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "archiver/store/archive_store.hpp"
#include "archiver/store/fence_store.hpp"
#include "core/decision/sealed_cell.hpp"
#include "platform/postgres/errors.hpp"

namespace quorate::simulation {

/// A stored endpoint-minute.
struct ArchivedMinute {
    ShardId shard;
    std::uint32_t cell_slot = 0;
    std::vector<SealedCell> sealed;  ///< what the decision was made from
    std::vector<Cell> cells;         ///< with those that came later
    bool maintenance = false;
    Decision decision = Decision::ok;
    Scope scope = Scope::none;
    std::uint8_t rule_row = 0;
    std::vector<RegionPhase> phases;
    UtcTime sealed_at;
    int times = 0;  ///< stored; ever more than once is wrong
};

/// An entry of an incident's timeline.
struct ArchivedTransition {
    Transition transition;
    IncidentId incident;
};

/// What archivers keep in Postgres, in memory, and the statements on it: each function is what runs
/// within one transaction, and either changes all that it is to change or throws and changes
/// nothing. What is shown alone (manifests, notices, rollups, outbox) is left out.
class ModelArchive {
public:
    /// The catalogue: set once, before anything runs.
    std::vector<EndpointVersion> versions;
    RegionNames regions;

    void check_fences(const ShardEpochs& held, const std::set<ShardId>& shards) const;
    TakenShards take_over(const ShardEpochs& taken);
    LoadedCatalogue catalogue(const std::set<ShardId>& shards) const;
    std::vector<Gap> gaps(const std::map<ShardId, UtcMinute>& from) const;
    OpenMinutes open_minutes(const std::map<ShardId, UtcMinute>& sealed) const;
    void commit(const ShardEpochs& held, PlanToStore& to_store);
    LateOutcome store_late(const ShardEpochs& held,
                           const std::set<ShardId>& shards,
                           const std::vector<Cell>& cells);
    std::optional<std::vector<RegionId>> decide_regions(const ShardEpochs& held,
                                                        const std::set<ShardId>& shards,
                                                        const std::vector<ShardTally>& tallies,
                                                        UtcMinute minute,
                                                        bool out_of_time);
    Settled settle(const ShardEpochs& held,
                   const std::map<RegionId, std::uint32_t>& agents_alive,
                   std::size_t minutes_max);

    // The parts of a commit, for a store that is wrong on purpose.
    void store_progress(const PlanToStore& to_store);  ///< watermarks and states
    void store_rest(PlanToStore& to_store);
    /// Whether fences are looked at.
    bool fences = true;

    // For those who check.
    using MinuteKey = std::pair<EndpointId, UtcMinute>;
    const std::map<MinuteKey, ArchivedMinute>& minutes() const { return minutes_; }
    const std::map<ShardId, UtcMinute>& watermarks() const { return watermarks_; }
    const std::map<EndpointId, std::vector<ArchivedTransition>>& timelines() const {
        return timelines_;
    }
    std::uint64_t fence_of(ShardId shard) const;
    const EndpointVersion* version_of(EndpointId endpoint) const;

private:
    struct Logged {
        EndpointId endpoint;
        UtcMinute minute;
        std::string state;
    };
    struct Shown {
        ShardId shard;
        Scope scope = Scope::none;
        std::uint32_t cells = 0;
        std::uint32_t voters = 0;
        UtcMinute since;
        bool flapping = false;
        std::optional<Era> era;
    };

    Committed committed(const std::set<ShardId>& shards) const;
    void store_watermarks(const SealPlan& plan);
    void require_new(const SealPlan& plan) const;
    void store_tallies(const std::vector<ShardTally>& tallies);
    void store_states(const SealPlan& plan, const std::vector<ShardStates>& states);
    void store_incidents(SealPlan& plan);
    IncidentId store_transition(EndpointId endpoint, const Transition& transition);
    RegionTallies tallies_of(UtcMinute minute) const;
    bool all_told(UtcMinute minute) const;
    std::optional<std::vector<RegionId>> decision_of(UtcMinute minute) const;

    ShardEpochs fences_;
    std::map<ShardId, UtcMinute> watermarks_;
    std::map<MinuteKey, ArchivedMinute> minutes_;
    std::map<ShardId, std::vector<Logged>> log_;
    std::map<EndpointId, Shown> shown_;
    std::map<UtcMinute, std::map<ShardId, RegionTallies>> tallies_;
    std::map<UtcMinute, std::map<RegionId, bool>> health_;  ///< whether it is quarantined
    std::map<std::pair<EndpointId, std::uint32_t>, IncidentId> incidents_;  ///< by ordinal
    std::map<EndpointId, std::vector<ArchivedTransition>> timelines_;
};

}  // namespace quorate::simulation
