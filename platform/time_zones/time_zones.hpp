#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include "core/maintenance/weekly_rule.hpp"
#include "core/time/time.hpp"

namespace quorate {

/// An IANA time zone by the system's tzdata. Both may be called by any thread.
struct TimeZone {
    WallClock utc_of;  ///< when its wall clock shows a time
    std::function<std::chrono::local_seconds(UtcTime)> local_of;  ///< what it shows at a time
};

/// Nothing: it is no name of a zone (AREA/LOCATION or UTC; never a path, nor what this machine
/// calls its local time), or tzdata does not know it. Reads a file the first time; a zone is then
/// kept as it is as long as the process lives. One that is not there is looked for each time, so
/// tzdata may be installed later, and names that somebody made up fill no memory.
std::optional<TimeZone> find_time_zone(std::string_view name);

}  // namespace quorate
