#include "core/maintenance/planned_window.hpp"

#include <algorithm>

namespace quorate {

bool matches(const EndpointMatcher& matcher,
             std::string_view tenant,
             std::string_view endpoint,
             const Labels& labels) {
    if (!matcher.tenant.empty() && matcher.tenant != tenant) return false;
    if (!matcher.endpoint.empty() && matcher.endpoint != endpoint) return false;
    return std::ranges::all_of(matcher.labels, [&labels](const auto& wanted) {
        const auto found = labels.find(wanted.first);
        return found != labels.end() && found->second == wanted.second;
    });
}

bool matches(const PlannedWindow& window,
             std::string_view tenant,
             std::string_view endpoint,
             const Labels& labels) {
    return std::ranges::any_of(window.matchers, [&](const EndpointMatcher& matcher) {
        return matches(matcher, tenant, endpoint, labels);
    });
}

bool overlaps(const PlannedWindow& window, UtcMinute minute, milliseconds length) {
    if (minute < window.valid_from || (window.valid_to && *window.valid_to <= minute)) return false;
    const UtcTime from = minute.start();
    const UtcTime to = from + length;
    if (window.weekly) return window.clock && overlaps(*window.weekly, window.clock, from, to);
    return window.start < to && from < window.end;
}

}  // namespace quorate
