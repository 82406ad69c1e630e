#pragma once

#include <map>
#include <vector>

#include <pqxx/pqxx>

#include "archiver/sealing/catalogue.hpp"
#include "archiver/sealing/seal_plan.hpp"
#include "archiver/store/json.hpp"

namespace quorate {

/// What is read at the start, and again after a commit whose outcome is not known.
struct Committed {
    ProgressMap progress;
    std::map<ShardId, UtcMinute> watermarks;  ///< shards without one have not begun
};
Committed load_committed(pqxx::work& work);

/// The versions that any unsealed minute may need, and the names of the regions.
struct LoadedCatalogue {
    std::vector<EndpointVersion> versions;
    RegionNames regions;
};
LoadedCatalogue load_catalogue(pqxx::work& work);

/// Writes down window and shards of this deployment where nobody did yet. Throws std::runtime_error
/// with one line if the database was set up with others.
void require_deployment(pqxx::work& work, Window window, std::uint32_t shards);

}  // namespace quorate
