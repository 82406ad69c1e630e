#pragma once

#include <pqxx/pqxx>

#include "archiver/sealing/seal_plan.hpp"
#include "archiver/sealing/state_journal.hpp"
#include "archiver/store/json.hpp"

namespace quorate {

/// Writes a whole plan: minutes, down time, incidents with their timeline and notices, the states,
/// the watermarks, the shards' tallies, and the notification on channel `quorate_sealed`. Within
/// the caller's one transaction; the primary key of quorate.minute makes a repeat fail as a whole,
/// so no minute is ever stored twice. Notes in `plan.changed` under which ids incidents were
/// stored; may be called again after a roll-back. Throws as pqxx.
/// @param states what the journal wants stored with the plan
void store_plan(pqxx::work& work,
                SealPlan& plan,
                const std::vector<ShardStates>& states,
                const RegionNames& names);

}  // namespace quorate
