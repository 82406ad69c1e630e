#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <pqxx/pqxx>

#include "archiver/sealing/catalogue.hpp"
#include "core/maintenance/planned_window.hpp"

namespace quorate {

/// Maintenance windows and silences that an unsealed minute of some shards may be in.
struct LoadedWindows {
    PlannedWindows maintenance;
    PlannedWindows silences;
    bool by_labels = false;  ///< some matcher asks for labels
    std::vector<std::string> unknown_zones;
};
LoadedWindows load_windows(pqxx::work& work, const std::set<ShardId>& shards);

/// Gives the version those that match it. @param labels its labels as they are stored; may be empty
/// where no matcher asks for any
void add_windows(const LoadedWindows& windows, std::string_view labels, EndpointVersion& version);

}  // namespace quorate
