#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/maintenance/weekly_rule.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

using Labels = std::map<std::string, std::string>;

/// Some endpoints: those of which all holds that is given. At least one of the three is.
struct EndpointMatcher {
    std::string tenant;    ///< empty: any
    std::string endpoint;  ///< its name, beside its tenant; empty: any
    Labels labels;         ///< all of them; empty: any
    friend bool operator==(const EndpointMatcher&, const EndpointMatcher&) = default;
};

bool matches(const EndpointMatcher& matcher,
             std::string_view tenant,
             std::string_view endpoint,
             const Labels& labels);

/// A maintenance window or a silence: of which endpoints, and when. A plain value; what it leads to
/// is not its business.
struct PlannedWindow {
    std::uint64_t id = 0;
    std::vector<EndpointMatcher> matchers;  ///< any of them
    std::string reason;
    std::string owner;
    UtcTime start{};  ///< of one that does not recur
    UtcTime end{};    ///< likewise; the first moment after it
    std::optional<WeeklyRule> weekly{};
    WallClock clock{};  ///< of the rule's time zone
    /// It is in force from this minute on (the first that began after it was made known) until
    /// before that one (the first after it was ended early).
    UtcMinute valid_from{};
    std::optional<UtcMinute> valid_to{};
};

bool matches(const PlannedWindow& window,
             std::string_view tenant,
             std::string_view endpoint,
             const Labels& labels);

/// Whether the verdict-minute and the window have a moment in common. A window that is not in force
/// at the minute overlaps none, nor does a rule whose time zone is not known.
bool overlaps(const PlannedWindow& window, UtcMinute minute, milliseconds length);

using PlannedWindows = std::vector<std::shared_ptr<const PlannedWindow>>;

}  // namespace quorate
