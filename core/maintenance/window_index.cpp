#include "core/maintenance/window_index.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace quorate {
namespace {

std::string name_of(std::string_view tenant, std::string_view endpoint) {
    std::string name;
    name.reserve(tenant.size() + endpoint.size() + 1);
    name += tenant;
    name += '/';
    name += endpoint;
    return name;
}

}  // namespace

WindowIndex::WindowIndex(PlannedWindows windows) : windows_{std::move(windows)} {
    std::ranges::sort(windows_, {}, [](const auto& window) { return window->id; });
    for (const auto& window : windows_)
        for (const auto& matcher : window->matchers)
            named_[name_of(matcher.tenant, matcher.endpoint)].push_back({window.get(), &matcher});
}

const PlannedWindow* WindowIndex::first_match(std::string_view tenant,
                                              std::string_view endpoint,
                                              const Labels& labels) const {
    if (named_.empty()) return nullptr;
    const PlannedWindow* first = nullptr;
    const std::array names{
        name_of(tenant, endpoint), name_of(tenant, {}), name_of({}, endpoint), name_of({}, {})};
    for (const auto& name : names) {
        const auto found = named_.find(name);
        if (found == named_.end()) continue;
        const auto entry = std::ranges::find_if(found->second, [&](const Entry& each) {
            return matches(*each.matcher, tenant, endpoint, labels);
        });
        if (entry == found->second.end()) continue;
        if (first == nullptr || entry->window->id < first->id) first = entry->window;
    }
    return first;
}

WindowCalendar::WindowCalendar(PlannedWindows windows, milliseconds window_length)
    : windows_{std::move(windows)}, length_{window_length} {}

const PlannedWindow* WindowCalendar::first(UtcMinute minute,
                                           std::string_view tenant,
                                           std::string_view endpoint,
                                           const Labels& labels) const {
    if (windows_.empty()) return nullptr;
    return holding(minute).first_match(tenant, endpoint, labels);
}

const WindowIndex& WindowCalendar::holding(UtcMinute minute) const {
    if (const auto known = holding_.find(minute); known != holding_.end()) return known->second;
    if (holding_.size() >= kMinutesRemembered) holding_.erase(holding_.begin());
    PlannedWindows holding;
    for (const auto& window : windows_)
        if (overlaps(*window, minute, length_)) holding.push_back(window);
    return holding_.emplace(minute, WindowIndex{std::move(holding)}).first->second;
}

}  // namespace quorate
