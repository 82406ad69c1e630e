#pragma once

#include <map>
#include <set>
#include <vector>

#include <pqxx/pqxx>

#include "archiver/sealing/catalogue.hpp"
#include "archiver/sealing/seal_plan.hpp"
#include "archiver/store/json.hpp"
#include "archiver/store/state_store.hpp"

namespace quorate {

/// What is read of shards when they are taken over, and again after a commit whose outcome is not
/// known.
struct Committed {
    LoadedStates states;
    std::map<ShardId, UtcMinute> watermarks;  ///< shards without one have not begun
};
Committed load_committed(pqxx::work& work, const std::set<ShardId>& shards);

/// The versions of the shards' endpoints that any unsealed minute may need, and the names of the
/// regions.
struct LoadedCatalogue {
    std::vector<EndpointVersion> versions;
    RegionNames regions;
    std::map<ShardId, std::uint32_t> slots;  ///< one more than the highest of each shard
    CatalogueWindows windows;
    std::vector<std::string> unusable_windows;  ///< see LoadedWindows
};
LoadedCatalogue load_catalogue(pqxx::work& work, const std::set<ShardId>& shards);

/// The regions of a stored minute whose cells were made at its seal.
struct Gap {
    ShardId shard;
    UtcMinute minute;
    EndpointId endpoint;
    std::uint32_t cell_slot = 0;
    std::vector<RegionId> regions;
};
/// Those of the shards' minutes, of each shard from its given minute on.
std::vector<Gap> load_gaps(pqxx::work& work, const std::map<ShardId, UtcMinute>& from);

/// A stored minute, as the counts over all endpoints need it.
struct StoredMinute {
    ShardId shard;
    EndpointId endpoint;
    UtcMinute minute;
    std::vector<SealedCell> cells;  ///< region and verdict alone
};
/// What was stored of minutes that are not all sealed: of each shard after its watermark.
struct OpenMinutes {
    std::vector<StoredMinute> sealed;
    std::map<UtcMinute, std::vector<RegionId>> decided;  ///< with the regions that are not believed
};
OpenMinutes load_open_minutes(pqxx::work& work, const std::map<ShardId, UtcMinute>& watermarks);

}  // namespace quorate
