#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "tests/simulation/model_archive.hpp"
#include "tests/simulation/targets.hpp"
#include "tests/simulation/world.hpp"

namespace quorate::simulation {

/// The best of a key's cells that stood in Redis when one of its jobs was acknowledged.
struct RecordedCell {
    Verdict verdict = Verdict::unknown;
    std::string order;  ///< the smaller one is the better
};

/// What a run left, for those who check it.
struct Checked {
    World& world;
    const ModelArchive& archive;
    const Targets& targets;
    Window window;
    UtcMinute first_minute;
    UtcTime trouble_ends;  ///< from there on everything was well
    UtcTime calm_ends;     ///< minutes that begin later are not looked at
    const std::map<CellKey, RecordedCell>& recorded;
    std::optional<UtcTime> redis_forgot_at;
};

/// Each expected cell is stored exactly once, or UNKNOWN with a reason; what was measured is not
/// lost; nothing is FAIL that was up; decisions are those of the slow rule; incidents nest and
/// close. What is not so is told to the world.
void check_everything(const Checked& run);

/// At a commit: it is made under the leases that stand.
void check_fenced(World& world,
                  const ModelArchive& archive,
                  const ShardEpochs& held,
                  const std::set<ShardId>& shards);

}  // namespace quorate::simulation
