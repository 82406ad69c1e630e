#include "archiver/sealing/early_watch.hpp"

#include "core/schedule/schedule.hpp"

namespace quorate {

void EarlyWatch::note(EndpointId endpoint,
                      const EndpointProgress& progress,
                      const Catalogue& catalogue) {
    const auto& last = progress.rule.last_minute;
    const auto* version = last ? catalogue.expected(endpoint, *last) : nullptr;
    if (version != nullptr && early_p1_near(progress.rule, catalogue.rule_params(*version)))
        near_.insert(endpoint);
    else
        near_.erase(endpoint);
}

std::vector<EarlyLook> EarlyWatch::next(const ProgressMap& progress,
                                        const Catalogue& catalogue,
                                        Window window,
                                        UtcTime now,
                                        std::size_t max) {
    std::vector<EarlyLook> looks;
    auto place = near_.upper_bound(after_);
    for (std::size_t i = 0; i < near_.size() && looks.size() < max; ++i, ++place) {
        if (place == near_.end()) place = near_.begin();
        after_ = *place;
        const auto last = *progress.at(*place).rule.last_minute;
        const auto* before = catalogue.expected(*place, last);
        if (before == nullptr) continue;
        const auto step = expected_step(catalogue.rule_params(*before));
        const auto minute = last.plus(step / window.length(), window);
        const auto* version = catalogue.expected(*place, minute);
        const bool open = minute.start() <= now && now < watermark(minute, window);
        if (version != nullptr && open) looks.push_back({version, minute});
    }
    return looks;
}

}  // namespace quorate
