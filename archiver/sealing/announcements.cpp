#include "archiver/sealing/announcements.hpp"

#include <algorithm>
#include <unordered_map>

namespace quorate {
namespace {

std::optional<UtcMinute> last_of(const ProgressMap& progress, EndpointId endpoint) {
    const auto found = progress.find(endpoint);
    return found == progress.end() ? std::nullopt : found->second.rule.last_minute;
}

}  // namespace

void Announcements::add(Announcement announcement) {
    if (held_.size() < held_max_) held_.insert(announcement);
}

void Announcements::forget_sealed(const Catalogue& catalogue,
                                  const ProgressMap& progress,
                                  const SealedUntil& sealed_until) {
    std::erase_if(held_, [&](const Announcement& each) {
        const auto* version = catalogue.expected(each.endpoint, each.minute);
        if (version == nullptr) return true;
        const auto last = last_of(progress, each.endpoint);
        const auto until = sealed_until(version->shard);
        return (last && each.minute <= *last) || (until && each.minute <= *until);
    });
}

std::vector<Announcement> Announcements::ready(const Catalogue& catalogue,
                                               const ProgressMap& progress,
                                               Window window,
                                               const SealedUntil& sealed_until,
                                               std::size_t rows_max) const {
    std::vector<Announcement> result;
    std::unordered_map<EndpointId, UtcMinute> sealed_here;
    for (const auto& each : held_) {
        if (result.size() >= rows_max) break;
        const auto* version = catalogue.expected(each.endpoint, each.minute);
        const auto until = version ? sealed_until(version->shard) : std::nullopt;
        if (!until || each.minute <= *until) continue;
        auto from = *until;
        if (const auto last = last_of(progress, each.endpoint)) from = std::max(from, *last);
        if (const auto here = sealed_here.find(each.endpoint); here != sealed_here.end())
            from = std::max(from, here->second);
        bool next = true;
        for (auto minute = from.plus(1, window); next && minute < each.minute;
             minute = minute.plus(1, window))
            next = !catalogue.expected(each.endpoint, minute);
        if (!next) continue;
        result.push_back(each);
        sealed_here[each.endpoint] = each.minute;
    }
    return result;
}

}  // namespace quorate
