#pragma once

#include <set>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "archiver/sealing/catalogue.hpp"

namespace quorate {

/// Maintenance windows and silences that an unsealed minute of some shards may be in.
struct LoadedWindows {
    CatalogueWindows windows;
    bool by_labels = false;  ///< some matcher asks for labels
    /// Those that hold never, as something of them can't be read here: which, and what.
    std::vector<std::string> unusable;
};
LoadedWindows load_windows(pqxx::work& work, const std::set<ShardId>& shards);

}  // namespace quorate
