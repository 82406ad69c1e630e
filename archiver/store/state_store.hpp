#pragma once

#include <set>
#include <vector>

#include <pqxx/pqxx>

#include "archiver/sealing/seal_plan.hpp"
#include "archiver/sealing/state_journal.hpp"

namespace quorate {

/// Appends the entries to quorate.state_log, a whole shard in place of its rows, and writes what
/// dashboards are shown of those endpoints whose plan shows something else than before. Throws as
/// pqxx.
void store_states(pqxx::work& work, const SealPlan& plan, const std::vector<ShardStates>& entries);

struct LoadedStates {
    ProgressMap progress;
    StateJournal::Logged logged;
};
/// The last state of each endpoint of these shards. Throws std::invalid_argument where one can't be
/// read.
LoadedStates load_states(pqxx::work& work, const std::set<ShardId>& shards);

}  // namespace quorate
