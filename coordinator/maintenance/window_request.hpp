#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/access/caller.hpp"
#include "core/maintenance/planned_window.hpp"
#include "core/time/time.hpp"

#include "quorate/v1/maintenance.pb.h"

namespace quorate::coordinator {

/// A window as somebody orders it, checked.
struct WindowOrder {
    PlannedWindow
        window;  ///< without what the store gives it: its id, and from when it is in force
    std::string time_zone;        ///< of its rule
    std::optional<UtcTime> ends;  ///< nothing: it recurs for ever
};

/// Reads what is asked for; matchers are narrowed to what the caller may reach, what is left out is
/// filled in. @param from the first minute that it may hold in: one that is over by then is
/// refused. Throws BadRequest, AccessRefused.
WindowOrder read_window(const v1::PlannedWindow& asked,
                        const Caller& caller,
                        UtcTime now,
                        UtcMinute from);

/// The tenants that the matchers name; nothing: they may reach any.
std::optional<std::vector<std::string>> tenants_of(const std::vector<EndpointMatcher>& matchers);

void fill_matchers(v1::PlannedWindow& out, const std::vector<EndpointMatcher>& matchers);

}  // namespace quorate::coordinator
