#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/maintenance/planned_window.hpp"

namespace quorate {

/// Windows by what their matchers name, so that an endpoint is held against few of them.
class WindowIndex {
public:
    WindowIndex() = default;
    explicit WindowIndex(PlannedWindows windows);

    /// The window with the smallest id that matches the endpoint; nullptr: none does.
    const PlannedWindow* first_match(std::string_view tenant,
                                     std::string_view endpoint,
                                     const Labels& labels) const;
    bool empty() const { return windows_.empty(); }

private:
    struct Entry {
        const PlannedWindow* window;
        const EndpointMatcher* matcher;
    };
    PlannedWindows windows_;  // ascending by id
    // By `TENANT/ENDPOINT`, either of which may be empty; each list ascending by id.
    std::unordered_map<std::string, std::vector<Entry>> named_;
};

/// Windows, of which those that hold are found once a minute and not once an endpoint: what recurs
/// has to be asked its wall clock. A minute that was asked before is remembered, so many at most.
/// To be used by one thread at a time.
class WindowCalendar {
public:
    WindowCalendar() = default;
    WindowCalendar(PlannedWindows windows, milliseconds window_length);

    /// The one with the smallest id of those that match the endpoint and overlap the minute.
    const PlannedWindow* first(UtcMinute minute,
                               std::string_view tenant,
                               std::string_view endpoint,
                               const Labels& labels) const;

private:
    static constexpr std::size_t kMinutesRemembered = 64;
    const WindowIndex& holding(UtcMinute minute) const;

    PlannedWindows windows_;
    milliseconds length_{0};
    mutable std::map<UtcMinute, WindowIndex> holding_;
};

}  // namespace quorate
